"""Headers: ordered pairs that keep duplicates, and no way in around the check."""

import pytest

from velocipy.http.headers import (
    HOP_BY_HOP,
    Headers,
    ResponseHeaders,
    check_default,
    check_header,
    header_pairs,
)


@pytest.mark.case(11)
@pytest.mark.parametrize("name", sorted(HOP_BY_HOP) + ["Connection", "TRANSFER-ENCODING", "Keep-Alive"])
def test_hop_by_hop_headers_are_refused_in_any_spelling(name):
    for put in (
        check_header,
        ResponseHeaders().add,
        ResponseHeaders().setdefault,
        ResponseHeaders().__setitem__,
    ):
        with pytest.raises(ValueError, match="belongs to the connection"):
            put(name, "close")
    with pytest.raises(ValueError, match="belongs to the connection"):
        ResponseHeaders({name: "close"})


@pytest.mark.case(10)
def test_a_second_content_length_is_refused_and_an_assignment_replaces_it():
    headers = ResponseHeaders({"content-length": "5"})
    with pytest.raises(ValueError, match="set already"):
        headers.add("Content-Length", "6")
    headers["Content-Length"] = "7"
    assert headers.raw == [("content-length", "7")]
    with pytest.raises(ValueError, match="given twice"):
        header_pairs([("content-length", "5"), ("Content-Length", "5")])
    with pytest.raises(ValueError, match="given twice"):
        headers.extend({"content-length": "7"})
    assert headers.raw == [("content-length", "7")]


def test_two_spellings_of_a_singleton_in_one_mapping_are_refused():
    with pytest.raises(ValueError, match="'content-type' is given twice"):
        ResponseHeaders({"Content-Type": "text/html", "content-type": "text/plain"})


def test_header_pairs_takes_a_mapping_pairs_an_iterator_headers_or_none():
    expected = [("x-a", "1"), ("set-cookie", "b=2")]
    pairs = [("X-A", "1"), ("Set-Cookie", "b=2")]
    assert header_pairs(dict(pairs)) == expected
    assert header_pairs(pairs) == expected
    assert header_pairs(iter(pairs)) == expected
    assert header_pairs(Headers(pairs)) == expected
    assert header_pairs(ResponseHeaders(pairs)) == expected
    assert header_pairs(None) == []
    assert header_pairs({}) == []


@pytest.mark.parametrize("headers", ["x-a: 1", b"x-a", 5])
def test_headers_that_are_no_pairs_are_refused(headers):
    with pytest.raises(ValueError, match="a mapping or"):
        header_pairs(headers)


def test_what_the_client_sent_is_checked_when_it_is_sent_back():
    with pytest.raises(ValueError, match="only ASCII"):
        ResponseHeaders(Headers([("x-name", "é")]))


def test_request_headers_are_looked_up_in_any_case_and_the_first_value_counts():
    headers = Headers([("Accept", "a"), ("x-tag", "1"), ("X-Tag", "2")])
    assert headers.get("ACCEPT") == headers["accept"] == headers.get("Accept") == "a"
    assert headers["x-tag"] == headers.get("X-TAG") == "1"
    assert headers.get_all("X-Tag") == headers.getlist("x-tag") == ["1", "2"]
    assert headers.get("nope") is None
    assert headers.get("nope", "d") == "d"
    assert headers.get_all("nope") == []
    assert "aCCept" in headers
    assert "nope" not in headers
    assert 5 not in headers
    with pytest.raises(KeyError):
        headers["nope"]


def test_request_headers_keep_order_and_duplicates():
    pairs = [("b", "1"), ("a", "2"), ("b", "3")]
    headers = Headers(pairs)
    assert headers.items() == headers.raw == pairs
    assert headers.values() == ["1", "2", "3"]
    assert list(headers) == headers.keys() == ["b", "a"]
    assert len(headers) == 2
    assert dict(headers) == {"b": "1", "a": "2"}
    assert headers == Headers(pairs)
    assert headers != Headers(pairs[:2])


@pytest.mark.parametrize("kind", [Headers, ResponseHeaders])
def test_the_raw_list_is_the_callers_own(kind):
    """A list that could be appended to would be a way around the check."""
    headers = kind([("x-a", "1")])
    headers.raw.append(("x\r\n", "\0"))
    headers.items().append(("x\r\n", "\0"))
    assert headers.raw == [("x-a", "1")]


@pytest.mark.case(24)
def test_an_underscore_is_not_a_hyphen():
    headers = Headers([("X_Real_IP", "6.6.6.6")])
    assert headers.get("x-real-ip") is None
    assert headers.get("x_real_ip") == "6.6.6.6"


@pytest.mark.parametrize("kind", [Headers, ResponseHeaders])
def test_secrets_do_not_stand_in_the_repr(kind):
    secrets = ["Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "X-API-Key"]
    shown = repr(kind([*((name, "swordfish") for name in secrets), ("accept", "text/html")]))
    assert "swordfish" not in shown
    assert shown.count("***") == len(secrets)
    assert "text/html" in shown


def test_added_lines_stand_side_by_side_and_an_assigned_one_alone():
    headers = ResponseHeaders()
    headers.add("Set-Cookie", "a=1")
    headers.add("set-cookie", "b=2")
    headers["Cache-Control"] = "no-store"
    assert headers.raw == [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("cache-control", "no-store")]
    headers["SET-COOKIE"] = "c=3"
    assert headers.get_all("set-cookie") == ["c=3"]


def test_setdefault_adds_what_is_missing_and_says_what_stands_there():
    headers = ResponseHeaders()
    assert headers.setdefault("X-A", "1") == "1"
    assert headers.setdefault("x-a", "2") == "1"
    assert headers.raw == [("x-a", "1")]


def test_del_wants_the_header_to_be_there_and_remove_does_not():
    headers = ResponseHeaders([("x-a", "1"), ("x-a", "2"), ("x-b", "3")])
    del headers["X-A"]
    assert headers.raw == [("x-b", "3")]
    with pytest.raises(KeyError):
        del headers["x-a"]
    headers.remove("x-a")
    headers.remove("X-B")
    assert headers.raw == []


def test_extend_adds_all_lines_or_none():
    headers = ResponseHeaders({"x-a": "1"})
    headers.extend([("x-a", "2"), ("x-b", "3")])
    assert headers.get_all("x-a") == ["1", "2"]
    with pytest.raises(ValueError, match="x-d"):
        headers.extend([("x-c", "1"), ("x-d", "\n")])
    assert "x-c" not in headers


def test_a_copy_is_changed_alone():
    headers = ResponseHeaders({"x-a": "1"})
    twin = headers.copy()
    twin["x-a"] = "2"
    twin.add("x-b", "3")
    assert headers.raw == [("x-a", "1")]
    assert type(twin) is ResponseHeaders


@pytest.mark.parametrize(
    ("before", "added", "after"),
    [
        ([], ["Origin"], "Origin"),
        (["Origin"], ["origin"], "Origin"),
        (["Accept, Origin"], ["Cookie", "Accept"], "Accept, Origin, Cookie"),
        (["Accept", "Cookie"], ["Origin"], "Accept, Cookie, Origin"),
        (["*"], ["Origin"], "*"),
        (["Accept"], ["*"], "*"),
        ([",, Accept ,"], ["Origin"], "Accept, Origin"),
    ],
)
def test_vary_names_each_field_once_in_one_line(before, added, after):
    headers = ResponseHeaders([("vary", line) for line in before])
    headers.add_vary(*added)
    assert headers.get_all("vary") == [after]


@pytest.mark.parametrize("name", ["", "a b", "Origin, Cookie", "a\r\n"])
def test_vary_takes_names_of_fields_only(name):
    with pytest.raises(ValueError, match="token"):
        ResponseHeaders().add_vary(name)


def test_5000_equal_lines_are_looked_up_and_joined_in_linear_time():
    """CVE-2025-14550 and CVE-2025-67725: a join that copies the text for every line is quadratic."""
    headers = Headers([("Cookie", f"a{number}=1") for number in range(5_000)])
    assert headers["cookie"] == "a0=1"
    assert len("; ".join(headers.get_all("cookie")).split(";")) == 5_000


def test_a_vary_of_everything_is_a_default_like_any_other() -> None:
    assert check_default("Vary", "Accept, *") == ("vary", "Accept, *")
    with pytest.raises(ValueError):
        check_default("Vary", "Accept, a b")
