"""JSON encoders: one table of values for all of them, and how one is chosen."""

import dataclasses
import math
import subprocess
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from velocipy import Request, VelociPy
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.json import JSONEncoder, best_encoder, find_encoder
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
NAMES = ["stdlib", "msgspec", "orjson"]
every = pytest.mark.parametrize("name", NAMES)

INDIA = timezone(timedelta(hours=5, minutes=30))


class Colour(Enum):
    RED = "red"
    ONE = 1


class Text(StrEnum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class OwnText(str): ...


class OwnInt(int): ...


class OwnFloat(float): ...


class OwnList(list[int]): ...


Pair = namedtuple("Pair", "x y")  # the untyped kind is meant


@dataclasses.dataclass
class Plain:
    a: int
    _b: str = "x"
    c: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Slots:
    when: date


TABLE: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    (0, "0"),
    (2**63, "9223372036854775808"),
    (1.5, "1.5"),
    (-0.0, "-0.0"),
    (0.1, "0.1"),
    (math.nan, "null"),
    (math.inf, "null"),
    ([-math.inf, {"a": math.nan}], '[null,{"a":null}]'),
    ("ü\u2028<>&😀", '"ü\u2028<>&😀"'),
    ('"\\\n\x00\x1f', '"\\"\\\\\\n\\u0000\\u001f"'),
    ([], "[]"),
    ({}, "{}"),
    ({"b": 1, "a": [2, {}]}, '{"b":1,"a":[2,{}]}'),
    ((1, "a"), '[1,"a"]'),
    (Pair(1, 2), "[1,2]"),
    ({1: "a"}, '{"1":"a"}'),
    ({1.5: "a"}, '{"1.5":"a"}'),
    ({True: "a"}, '{"true":"a"}'),
    ({Colour.RED: 1}, '{"red":1}'),
    ({Text.A: 1}, '{"a":1}'),
    ({UUID(int=1): 1}, '{"00000000-0000-0000-0000-000000000001":1}'),
    ({date(2020, 1, 2): 1}, '{"2020-01-02":1}'),
    (OwnText("a"), '"a"'),
    (OwnInt(3), "3"),
    (OwnFloat(1.5), "1.5"),
    (OwnList([1]), "[1]"),
    (OrderedDict(a=1), '{"a":1}'),
    (MappingProxyType({"a": 1}), '{"a":1}'),
    (datetime(2020, 1, 2, 3, 4, 5), '"2020-01-02T03:04:05"'),
    (datetime(2020, 1, 2, 3, 4, 5, 6000), '"2020-01-02T03:04:05.006000"'),
    (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), '"2020-01-02T03:04:05Z"'),
    (datetime(2020, 1, 2, 3, 4, 5, tzinfo=INDIA), '"2020-01-02T03:04:05+05:30"'),
    (date(2020, 1, 2), '"2020-01-02"'),
    (time(3, 4, 5), '"03:04:05"'),
    (time(3, 4, 5, 60, UTC), '"03:04:05.000060Z"'),
    (time(3, 4, tzinfo=INDIA), '"03:04:00+05:30"'),
    (timedelta(0), '"P0D"'),
    (timedelta(days=3), '"P3D"'),
    (timedelta(seconds=90), '"PT90S"'),
    (timedelta(days=1, seconds=2.5), '"P1DT2.5S"'),
    (timedelta(microseconds=-1), '"-PT0.000001S"'),
    (timedelta(days=-1, hours=-1), '"-P1DT3600S"'),
    (Decimal("1.10"), '"1.10"'),
    (Decimal("1E+5"), '"1E+5"'),
    (UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
    (Colour.RED, '"red"'),
    (Colour.ONE, "1"),
    (Number.ONE, "1"),
    (Text.A, '"a"'),
    ({1}, "[1]"),
    (frozenset(["a"]), '["a"]'),
    (Plain(1), '{"a":1,"_b":"x","c":[]}'),
    (Slots(date(2020, 1, 2)), '{"when":"2020-01-02"}'),
    ([Plain(1, c=[2])], '[{"a":1,"_b":"x","c":[2]}]'),
    (b"\x00\xff", '"AP8="'),
    (bytearray(b"a"), '"YQ=="'),
    (memoryview(b"a"), '"YQ=="'),
]


@every
@pytest.mark.parametrize(("value", "text"), TABLE)
def test_every_encoder_writes_a_value_alike(name: str, value: Any, text: str) -> None:
    assert find_encoder(name).encode(value) == text.encode()


@every
@pytest.mark.parametrize("value", [1e16, 1e-7, 1e300, 5e-324, 123456789012345680.0])
def test_a_float_is_written_so_that_it_reads_back(name: str, value: float) -> None:
    encoder = find_encoder(name)
    assert encoder.decode(encoder.encode(value)) == value


@every
@pytest.mark.case(40)
@pytest.mark.parametrize("value", [object(), Colour, 1j, {1: object()}, "\ud800", {(1, 2): 3}, range(3)])
def test_what_json_cannot_say_is_an_error(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        find_encoder(name).encode(value)


@every
@pytest.mark.case(35)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1", 1),
        (b" [1, 2.5, null, true] ", [1, 2.5, None, True]),
        (b'{"a":1,"a":2}', {"a": 2}),
        ('"ü\\u00fc\\ud83d\\ude00"'.encode(), "üü😀"),
        (b"-0", 0),
        (b"1.5E3", 1500.0),
        (b'"\\u0000"', "\0"),
    ],
)
def test_every_encoder_reads_alike(name: str, text: bytes, value: Any) -> None:
    assert find_encoder(name).decode(text) == value


@every
@pytest.mark.case(36)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"[1,]",
        b"{'a':1}",
        b"01",
        b"1 2",
        b"+1",
        b".1",
        b"1.",
        b"tru",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b'"\x01"',
        b'"\\x"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'{"\\uDC00":1}',
        b"\xef\xbb\xbf1",
        '"a"'.encode("utf-16"),
        b"[[[",
        b"/*x*/1",
    ],
)
def test_what_is_not_one_json_text_in_utf8_is_a_value_error(name: str, text: bytes) -> None:
    with pytest.raises(ValueError):  # each library has its own words
        find_encoder(name).decode(text)


@every
@pytest.mark.case(31)
@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_nesting_without_end_is_an_error_and_no_crash(name: str, text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        find_encoder(name).decode(text)


@every
def test_what_was_read_is_what_was_written(name: str) -> None:
    value = {"a": [1, 2.5, "ü", None, True, {"b": []}]}
    encoder = find_encoder(name)
    assert encoder.decode(encoder.encode(value)) == value


# -- the choice --------------------------------------------------------------------------------------------------------------


class Loud:
    """An encoder of somebody's own."""

    name = "loud"

    def encode(self, value: Any) -> bytes:
        return b'"LOUD"'

    def decode(self, data: bytes) -> Any:
        return {"loud": data.decode()}


def test_the_best_installed_encoder_is_the_default() -> None:
    assert best_encoder().name == "msgspec"
    assert find_encoder(None) is best_encoder()
    assert VelociPy().json_encoder is best_encoder()


@both
@pytest.mark.parametrize("choice", [*NAMES, Loud(), Loud])
def test_an_app_takes_an_encoder_by_name_object_or_class(interface: str, choice: Any) -> None:
    app = VelociPy(json_encoder=choice)

    @app.post("/")
    async def echo(data: dict[str, Any]) -> dict[str, Any]:
        return data

    @app.post("/request")
    async def by_request(request: Request) -> Any:
        return {"got": await request.json()}

    name = choice if isinstance(choice, str) else "loud"
    assert app.json_encoder.name == name
    with TestClient(app, interface=interface) as client:
        for path in ("/", "/request"):
            answer = client.post(path, json={"a": 1})
            assert answer.headers["content-type"] == "application/json"
            assert answer.text == (
                '"LOUD"' if name == "loud" else {"/": '{"a":1}', "/request": '{"got":{"a":1}}'}[path]
            )


def test_an_unknown_name_is_an_error_with_a_near_miss() -> None:
    with pytest.raises(MissingAdapterError, match="'msgspec'") as caught:
        VelociPy(json_encoder="msgpec")
    assert "stdlib" in str(caught.value)


@pytest.mark.parametrize("choice", [3, object(), dict, {"encode": 1}])
def test_what_cannot_encode_is_refused(choice: Any) -> None:
    with pytest.raises(ConfigurationError, match="encode"):
        VelociPy(json_encoder=choice)


@every
def test_integers_of_any_length_are_read_as_they_are(name: str) -> None:
    encoder = find_encoder(name)
    for number in (2**63 - 1, 2**64, -(2**70), 10**30):
        assert encoder.decode(b"[%d]" % number) == [number]


@pytest.mark.parametrize("name", ["msgspec", "orjson"])
def test_a_library_that_is_missing_is_named_with_its_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"velocipy.json.{name}", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingAdapterError) as caught:
        VelociPy(json_encoder=name)
    assert str(caught.value) == f"{name} is not installed: pip install {name}"


@pytest.mark.parametrize(
    ("blocked", "best"), [(["msgspec"], "orjson"), (["msgspec", "orjson"], "stdlib"), ([], "msgspec")]
)
def test_without_the_best_the_next_one_serves(blocked: list[str], best: str) -> None:
    script = f"""
import sys
for name in {blocked!r}: sys.modules[name] = None
from velocipy import VelociPy
from velocipy.testing import TestClient
app = VelociPy()
@app.post("/")
async def echo(data: dict) -> dict:
    return data
assert app.json_encoder.name == {best!r}, app.json_encoder.name
for interface in ("asgi", "rsgi"):
    with TestClient(app, interface=interface) as client:
        assert client.post("/", json={{"a": 1}}).json() == {{"a": 1}}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_protocol_is_what_the_encoders_have() -> None:
    encoders: list[JSONEncoder] = [find_encoder(name) for name in NAMES]
    assert [encoder.name for encoder in encoders] == NAMES
