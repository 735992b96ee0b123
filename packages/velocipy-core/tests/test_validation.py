"""The words of a 422: places, names and reasons, bounded and never the client's text but for names."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.validation import MAX_KEY, invalid, missing, mistyped, moved, name_of, unknown


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (("query", "page"), "query parameter 'page'"),
        (("path", "id"), "path parameter 'id'"),
        (("header", "x-id"), "header 'x-id'"),
        (("cookie", "sid"), "cookie 'sid'"),
        (("form", "name"), "form field 'name'"),
        (("body",), "body"),
        (("result",), "result"),
        (("body", "price"), "field 'price'"),
        (("body", "items", 3), "item 3"),
        (("body", "items", 3, "price"), "field 'price'"),
        (("query", "ids", 2), "item 2"),
        (("query", "filter", "x"), "field 'x'"),
    ],
)
def test_a_place_has_a_name(place: tuple[str | int, ...], name: str) -> None:
    assert name_of(place) == name


def test_the_four_kinds_of_entries() -> None:
    place = ("body", "x")
    assert missing(place) == {"loc": ["body", "x"], "msg": "Missing field 'x'", "type": "missing"}
    assert unknown(place)["msg"] == "Unknown field 'x'"
    assert invalid(place, "must be odd", "odd") == {
        "loc": ["body", "x"],
        "msg": "Invalid field 'x': must be odd",
        "type": "odd",
    }
    said = [
        mistyped(place, "an integer", value)["msg"] for value in ("a", True, 1, 1.5, {}, [], None, object())
    ]
    assert [text.partition("got ")[2] for text in said] == [
        "a string",
        "a boolean",
        "an integer",
        "a number",
        "an object",
        "an array",
        "null",
        "a value of another kind",
    ]


def test_an_entry_is_moved_to_another_place() -> None:
    entry = invalid(("header", "x_token"), "must be even", "value_error")
    assert moved(entry, ("header", "x-token")) == invalid(
        ("header", "x-token"), "must be even", "value_error"
    )


@pytest.mark.case(27)
@given(st.text(max_size=500) | st.sampled_from(["\ud800", "\0", "<script>", "k" * 10_000, "\u202e"]))
def test_a_key_that_a_client_chose_is_short_and_utf_8(key: str) -> None:
    entry = unknown(("query", key))
    text = json.dumps(entry, ensure_ascii=False).encode()
    assert len(text) < 30 * MAX_KEY
    assert entry["msg"].isprintable()
