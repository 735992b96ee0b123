"""Hostile values of scalars: their grammars, the 422 that names them, and that no other type arrives. Cases 22, 23, 27 and 28."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from velocipy import Query

# -- scalars ---------------------------------------------------------------------------------------------------------


@dataclass
class Plain:
    value: int


class Struct(msgspec.Struct):
    value: int


class Model(pydantic.BaseModel):
    value: int


INTS: dict[str, int | None] = {
    "0": 0,
    "-0": 0,
    "007": 7,
    "-12": -12,
    "9" * 20: int("9" * 20),
    "": None,
    "%201": None,
    "1%20": None,
    "1%0A": None,
    "%2B1": None,
    "+1": None,
    "1_0": None,
    "%D9%A1": None,  # ١
    "%C2%B2": None,  # ²
    "1.0": None,
    "1e3": None,
    "0x1": None,
    "--1": None,
    "-": None,
    "1,000": None,
    "true": None,
    "9" * 5_000: None,
    "-" + "9" * 5_000: None,
}


@pytest.mark.case(22)
@pytest.mark.parametrize("encoder", ["stdlib", "orjson", "msgspec"])
@pytest.mark.parametrize("model", [None, Plain, Struct, Model])
def test_an_int_is_digits_for_every_backend(model: Any, encoder: str, client_of: Any, within: Any) -> None:
    async def bare(value: int) -> str:
        return json.dumps(value)

    async def spread(values: Any) -> str:
        return json.dumps(values.value)

    spread.__annotations__["values"] = Annotated[model, Query()]
    client = client_of(bare if model is None else spread, json_encoder=encoder)
    for text, value in INTS.items():
        answer = client.ask(f"/?value={text}")
        if value is not None:
            assert answer == (200, value)
            continue
        assert answer == (
            422,
            {
                "detail": [
                    {
                        "loc": ["query", "value"],
                        "msg": "Invalid query parameter 'value': not a valid integer",
                        "type": "int_parsing",
                    }
                ]
            },
        )
    within(0.005, lambda: client.ask(f"/?value={'9' * 30_000}"))


@pytest.mark.case(22)
@pytest.mark.parametrize("encoder", ["stdlib", "orjson", "msgspec"])
def test_an_int_that_was_accepted_can_be_written_by_every_encoder(encoder: str, client_of: Any) -> None:
    async def echo(value: int) -> Any:
        return {"value": value}

    client = client_of(echo, json_encoder=encoder)
    for text in ("1", str(2**63), str(2**64), "-" + "9" * 20):
        assert client.ask(f"/?value={text}") == (200, {"value": int(text)})


class Colour(Enum):
    RED = "red"
    GREEN = "green"


SCALARS: list[tuple[Any, list[str], list[str], str]] = [
    (
        float,
        ["1", "-1.5", ".5", "1e3", "1E-3", "0" * 50],
        [
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "1e999",
            "-1e999",
            "1_0",
            "%2B1",
            "1.",
            "",
            "%201",
            "0x1p3",
            "9" * 400,
            "1e" + "9" * 400,
        ],
        "float_parsing",
    ),
    (
        Decimal,
        ["1", "-1.50", "1e30"],
        ["nan", "sNaN", "Infinity", "1e9999", "1_0", "", "9" * 400, "1e" + "9" * 400],
        "decimal_parsing",
    ),
    (
        bool,
        ["true", "FALSE", "1", "0", "yes", "No", "oN", "off"],
        [
            "2",
            "banana",
            "",
            "tru",
            "t",
            "y",
            "n",
            "-1",
            "01",
            "true%20",
            "null",
            "%EF%BD%94rue",
            "o\u212aff".encode().hex("%"),
            "9" * 400,
        ],
        "bool_parsing",
    ),
    (
        UUID,
        [
            "12345678-1234-5678-1234-567812345678",
            "12345678123456781234567812345678",
            "ABCDEFab-1234-5678-1234-567812345678",
        ],
        [
            "%7B12345678-1234-5678-1234-567812345678%7D",
            "urn:uuid:12345678-1234-5678-1234-567812345678",
            "1" * 31,
            "1" * 33,
            "1234567812345678-12345678-12345678",
            "g" * 32,
            "",
            "1" * 400,
        ],
        "uuid_parsing",
    ),
    (
        datetime,
        ["2026-01-31T12:30:00Z", "2026-01-31T12:30", "2026-01-31%2012:30:00.123456789%2B02:00"],
        [
            "inf",
            "nan",
            "0",
            "1700000000",
            "9" * 400,
            "0000-00-00",
            "0000-00-00T00:00",
            "2026-02-30T00:00",
            "2026-01-31",
            "2026-01-31T24:00",
            "2026-01-31T23:59:60Z",
            "",
        ],
        "datetime_parsing",
    ),
    (Colour, ["red", "green"], ["RED", "Red", "Colour.RED", "", "red%20", "r" * 400], "enum_parsing"),
    (Literal["a", 1, True], ["a", "1", "true"], ["A", "True", "2", "", "a" * 400], "literal_parsing"),
]


@pytest.mark.case(23)
@pytest.mark.parametrize(("kind", "good", "bad", "rule"), SCALARS)
def test_a_scalar_is_exactly_what_its_grammar_says(
    kind: Any, good: list[str], bad: list[str], rule: str, client_of: Any, within: Any
) -> None:
    async def show(value: Any) -> str:
        return json.dumps(type(value).__name__)

    show.__annotations__["value"] = kind
    client = client_of(show)
    for text in good:
        assert client.ask(f"/?value={text}")[0] == 200, text
    for text in bad:
        assert client.refusals(f"/?value={text}") == [(["query", "value"], rule)], text
    within(0.005, lambda: client.ask(f"/?value={'9' * 30_000}"))


@pytest.mark.case(23)
def test_a_bound_without_a_time_zone_refuses_what_has_one(client_of: Any) -> None:
    """The two cannot be compared, and a client chooses which of them it sends."""

    async def show(since: Annotated[datetime, Query(ge=datetime(2026, 1, 1))]) -> str:
        return "1"

    client = client_of(show)
    assert client.ask("/?since=2026-01-31T00:00:00") == (200, 1)
    assert client.ask("/?since=2025-01-31T00:00:00")[0] == 422
    assert client.ask("/?since=2026-01-31T00:00:00Z")[0] == 422


# -- the 422 itself -----------------------------------------------------------------------------------------------------


@pytest.mark.case(27)
def test_a_422_is_small_utf8_json_that_repeats_no_value(client_of: Any) -> None:
    async def show(
        n: int,
        ids: Annotated[list[int], Query()] = [],  # noqa: B006
        kind: Colour = Colour.RED,
        known: Annotated[str, Query(extra="forbid", max_length=3)] = "",
    ) -> str:
        return "{}"

    client = client_of(show)
    hostile = [
        "%ED%A0%80",
        "%00",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "hunter2" * 2_000,
        "%22%5C%0D%0A",
        "%F0%9F%98%80",
    ]
    for value in hostile:
        for query in (
            f"n={value}",
            f"n=1&kind={value}",
            f"n=1&known={value}&known={value}xxxx",
            f"n=1&{value}=1",
        ):
            status, content = client.ask(f"/?{query}")
            assert status == 422
            text = json.dumps(content)
            assert len(text) < 500
            assert "hunter2" not in text or query.endswith("=1")
            assert "script" not in text or query.endswith("=1")
    many = "&".join(["ids=hunter2"] * 900) + "&" + "&".join(f"u{n}=1" for n in range(90))
    status, content = client.ask(f"/?n=x&{many}")
    assert status == 422
    assert len(content["detail"]) <= 100
    assert "hunter2" not in json.dumps(content)


@pytest.mark.case(27)
@pytest.mark.parametrize("model", [Plain, Struct, Model])
def test_a_422_of_a_body_is_as_small(model: Any, client_of: Any) -> None:
    async def take(item: Any) -> str:
        return "{}"

    take.__annotations__["item"] = dict[str, model]
    client = client_of(take, method="POST")
    key = "<script>" + "k" * 100_000
    for body in (
        {key: {"value": "hunter2" * 100_000}},
        {"\0\n": {"value": "\0"}},
        {f"{n}": {"value": "hunter2"} for n in range(5_000)},
    ):
        answer = client.post("/", json=body)
        assert answer.status_code == 422
        assert answer.content.decode("utf-8").isprintable() or "\\u0000" in answer.text
        assert len(answer.content) < 20_000
        assert "hunter2" not in answer.text


# -- types ---------------------------------------------------------------------------------------------------------------


TYPES: dict[str, tuple[Any, tuple[type, ...]]] = {
    "int": (int, (int,)),
    "float": (float, (float,)),
    "bool": (bool, (bool,)),
    "str": (str, (str,)),
    "UUID": (UUID, (UUID,)),
    "Colour": (Colour, (Colour,)),
    "int or str": (int | str, (int, str)),
    "list of int": (list[int], (list,)),
    "set of str": (set[str], (set,)),
    "pair": (tuple[int, str], (tuple,)),
}


def combinations() -> list[tuple[str, Any, tuple[type, ...], Any]]:
    """(name, annotation, what may arrive, default) for every way to write a parameter down."""
    found: list[tuple[str, Any, tuple[type, ...], Any]] = []
    for name, (kind, classes) in TYPES.items():
        found.append((f"{name}", kind, classes, ...))
        found.append((f"{name} = None", kind | None, (*classes, type(None)), None))
        found.append((f"{name} required or null", kind | None, (*classes, type(None)), ...))
        found.append((f"marked {name}", Annotated[kind, Query()], classes, ...))
        found.append((f"marked {name} = None", Annotated[kind | None, Query()], (*classes, type(None)), None))
        found.append(
            (f"marked with None {name}", Annotated[kind | None, Query(None)], (*classes, type(None)), ...)
        )
        found.append(
            (f"optional marked {name}", Annotated[kind, Query()] | None, (*classes, type(None)), None)
        )
    return found


@pytest.mark.case(28)
@pytest.mark.parametrize(("name", "annotation", "classes", "default"), combinations())
def test_an_endpoint_never_gets_a_value_of_another_type(
    name: str, annotation: Any, classes: tuple[type, ...], default: Any, client_of: Any
) -> None:
    seen: list[Any] = []

    async def take(x: Any) -> str:
        seen.append(x)
        return "{}"

    take.__annotations__["x"] = annotation
    take.__defaults__ = None if default is ... else (default,)
    client = client_of(take)

    alphabet = st.sampled_from(
        [*string.digits, *"-.eE+_ truefalsnoyTRUE", "red", "%00", "%FF", "&x=", ";", "\u0661"]
    )

    @settings(
        max_examples=settings().max_examples // 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.one_of(st.none(), st.lists(alphabet, max_size=6).map("".join)))
    def hold(text: str | None) -> None:
        seen.clear()
        status, _ = client.ask("/" if text is None else f"/?x={text}".encode())
        assert status in (200, 422)
        assert len(seen) == (status == 200)
        for value in seen:
            assert type(value) in classes, (text, value)

    hold()
