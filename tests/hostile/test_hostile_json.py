"""JSON that is broken, endless, or read differently by parsers, and results that JSON cannot say. Cases 31 to 36 and 40.

Every body goes to each kind of model under each encoder, on both protocols: the answers must not tell them apart.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from velocipy import Depends, VelociPy

JSON = ("content-type", "application/json")
BROKEN = (400, {"detail": "Invalid JSON body"})
ERROR = (500, {"detail": "Internal Server Error"})


@dataclass
class Plain:
    n: int = 0
    f: float = 0.0
    s: str = ""
    x: Any = None


class Struct(msgspec.Struct):
    n: int = 0
    f: float = 0.0
    s: str = ""
    x: Any = None


class Model(pydantic.BaseModel):
    n: int = 0
    f: float = 0.0
    s: str = ""
    x: Any = None


models = pytest.mark.parametrize("model", [Plain, Struct, Model])
kinds = pytest.mark.parametrize("model", [Plain, Struct, Model, dict])
encoders = pytest.mark.parametrize("encoder", ["stdlib", "orjson", "msgspec"])


def taking(model: Any) -> Any:
    """An endpoint that takes a body and tells a little of it."""

    async def take(item: Any) -> Any:
        found = item if isinstance(item, dict) else {name: getattr(item, name) for name in "nfs"}
        return json.dumps([str(found.get("n", 0)), found.get("s", "")])

    take.__annotations__["item"] = model
    return take


def echoing(model: Any) -> Any:
    """An endpoint that gives back what it took."""

    async def echo(item: Any) -> Any:
        return item

    echo.__annotations__["item"] = model
    return echo


# -- depth -------------------------------------------------------------------------------------------------------------


@pytest.mark.case(31)
@encoders
@kinds
def test_a_body_that_is_nested_without_end_is_400(
    model: Any, encoder: str, client_of: Any, within: Any
) -> None:
    client = client_of(taking(model), method="POST", json_encoder=encoder)
    deep = 100_000
    bodies = (
        b"[" * deep + b"]" * deep,
        b'{"x":' * deep + b"1" + b"}" * deep,
        b'{"x":' + b"[" * deep + b"]" * deep + b"}",
        b'{"unknown":' + b"[" * deep + b"]" * deep + b"}",
        b'{"x":' + b'[{"a":' * deep + b"1" + b"}]" * deep + b"}",
        b"[" * deep,
        b'{"n":' * deep,
    )
    for body in bodies:
        assert client.tell(body, JSON) == BROKEN
    within(0.050, lambda: client.tell(bodies[2], JSON))


@dataclass
class PlainTree:
    x: list[PlainTree]


class StructTree(msgspec.Struct):
    x: list[StructTree]


class ModelTree(pydantic.BaseModel):
    x: list[ModelTree]


@pytest.mark.case(31)
@encoders
@pytest.mark.parametrize("model", [PlainTree, StructTree, ModelTree, Plain, Struct, Model, dict])
def test_a_body_that_was_accepted_can_be_written_again(model: Any, encoder: str, client_of: Any) -> None:
    """A depth between what is read and what can be written would let any client make a 500 of an endpoint that echoes.

    What remains: orjson reads 1,024 levels, of which it writes 254 and the standard library, in its place, some 950.
    """
    echo = echoing(model)
    if model in (PlainTree, StructTree, ModelTree):
        echo.__annotations__["return"] = model
    client = client_of(echo, method="POST", json_encoder=encoder)
    failed = []
    for depth in (50, 150, 250, 260, 350, 500, 700, 900, *(() if encoder == "orjson" else (990,))):
        status, _ = client.tell(b'{"x":[' * (depth // 2) + b"]}" * (depth // 2), JSON)
        if status not in (200, 400, 422):
            failed.append((depth, status))
    assert failed == []


@pytest.mark.case(31)
@models
@pytest.mark.parametrize("item", [b"1", b"{}", b'{"n":"a"}'])
def test_a_body_of_a_million_mistakes_takes_no_more_memory_than_a_right_one(
    item: bytes, model: Any, client_of: Any
) -> None:
    """Only the first hundred mistakes are told; whoever collects all of them first takes hundreds of megabytes for two."""

    async def take(items: Any) -> int:
        return len(items)

    take.__annotations__["items"] = list[list[model]] if item == b"{}" else list[model]
    client = client_of(take, method="POST")
    body = b"[" + b",".join([item] * (2_000_000 // len(item + b","))) + b"]"
    client.tell(b"[]", JSON)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    status, content = client.tell(body, JSON)
    assert status == 422
    assert len(content["detail"]) <= 100
    assert memory("VmHWM") - before < 150_000_000


def memory(name: str) -> int:
    """Bytes of this process's memory, as the kernel counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith(name))


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.case(32)
@encoders
@kinds
def test_long_integers_are_answered_alike(model: Any, encoder: str, client_of: Any, within: Any) -> None:
    client = client_of(taking(model), method="POST", json_encoder=encoder)
    assert client.tell(b'{"n":%s}' % (b"9" * 18), JSON) == (200, ["9" * 18, ""])
    for digits in (b"9" * 5_000, b"-" + b"9" * 5_000, b"9" * 200_000):
        for body in (b'{"n":%s}', b'{"x":%s}', b"%s"):
            assert client.tell(body % digits, JSON) == BROKEN
        # It is JSON, and msgspec does not look at the size of what no field takes.
        skipped = client.tell(b'{"unknown":%s}' % digits, JSON)
        assert skipped == ((200, ["0", ""]) if model is Struct else BROKEN)
    within(0.020, lambda: client.tell(b'{"n":%s}' % (b"9" * 200_000), JSON))


@pytest.mark.case(32)
@encoders
@models
def test_an_integer_of_20_digits_is_exact_or_refused_for_all(
    model: Any, encoder: str, client_of: Any
) -> None:
    client = client_of(taking(model), method="POST", json_encoder=encoder)
    for number in (10**20 - 1, -(10**20) + 1, 2**63, 2**64):
        assert client.tell(b'{"n":%d}' % number, JSON) == (200, [str(number), ""])


@pytest.mark.case(33)
@encoders
@kinds
@pytest.mark.parametrize("key", ["f", "n", "x", "unknown"])
def test_numbers_that_json_lacks_are_400(key: str, model: Any, encoder: str, client_of: Any) -> None:
    client = client_of(taking(model), method="POST", json_encoder=encoder)
    beyond = ("1e999", "-1e999", "1E+400", "1e5000")  # JSON by its grammar (RFC 8259 section 6)
    texts = ("NaN", "-NaN", "Infinity", "-Infinity", "nan", "inf", *beyond)
    for text in (*texts, "00", "01", "+1", ".5", "5.", "0x10", "1_0", "1e", "--1"):
        for body in (f'{{"{key}":{text}}}', f'{{"{key}":[{text}]}}'):
            is_skipped = model is Struct and key == "unknown" and text in beyond
            assert client.tell(body.encode(), JSON) == ((200, ["0", ""]) if is_skipped else BROKEN), text


# -- text --------------------------------------------------------------------------------------------------------------


@pytest.mark.case(34)
@encoders
@kinds
def test_text_that_is_no_unicode_is_400_and_nul_is_a_character(
    model: Any, encoder: str, client_of: Any
) -> None:
    client = client_of(taking(model), method="POST", json_encoder=encoder)
    texts = (
        rb"\ud800",
        rb"\udc00",
        rb"\ud800\ud800",
        rb"\ud800x",
        b"\xed\xa0\x80",
        b"\xff",
        b"\xc0\xaf",
        b"\xc3",
        b"\x00",
        b"\n",
    )
    for text in texts:
        for body in (
            b'{"s":"%s"}',
            b'{"x":"%s"}',
            b'{"unknown":"%s"}',
            b'{"%s":1}',
            b'{"x":{"%s":[1]}}',
            b'"%s"',
        ):
            assert client.tell(body % text, JSON) == BROKEN, (body, text)
    assert client.tell(rb'{"s":"\u0000","\u0000":1}', JSON) == (200, ["0", "\0"])
    assert client.tell(rb'{"s":"\ud83d\ude00"}', JSON) == (200, ["0", "😀"])


@pytest.mark.case(34)
@encoders
@kinds
def test_hostile_text_comes_back_as_it_went(model: Any, encoder: str, client_of: Any) -> None:
    client = client_of(echoing(model), method="POST", json_encoder=encoder)
    text = "\0\x7f\u2028\u202e</script>\ufeff\ufffe\U0010ffff" + '"\\'
    status, content = client.tell(json.dumps({"s": text, "x": {text: [text]}}).encode(), JSON)
    assert (status, content["s"], content["x"]) == (200, text, {text: [text]})


@pytest.mark.case(35)
@encoders
@kinds
def test_of_equal_keys_the_last_counts(model: Any, encoder: str, client_of: Any) -> None:
    client = client_of(taking(model), method="POST", json_encoder=encoder)
    assert client.tell(b'{"n":1,"n":2}', JSON) == (200, ["2", ""])
    assert client.tell(rb'{"n":1,"\u006e":2}', JSON) == (200, ["2", ""])
    assert client.tell(b'{"n":"a","n":2}', JSON) == (200, ["2", ""])
    assert client.tell(b'{"s":"a","n":1,"s":"b","n":3}', JSON) == (200, ["3", "b"])
    assert client.tell(b'{"n":1,"n":"a"}', JSON)[0] == (200 if model is dict else 422)


@pytest.mark.case(36)
@encoders
@kinds
@pytest.mark.parametrize(
    "body",
    [
        *(
            '{"n":1}'.encode(coding)
            for coding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
        ),
        b'\xef\xbb\xbf{"n":1}',
        b"",
        b" ",
        b"\r\n\t ",
        b"\xc2\xa0{}",
        b"\x0c{}",
        b"\x00{}",
        b"{}\x00",
        b"{}{}",
        b"{} x",
        b"{},",
        b'{"n":1,}',
        b"[1,]",
        b"{'n':1}",
        b"{n:1}",
        b"{}//",
        b"/**/{}",
        b'{"n":1',
        b'{"n"',
        b'{"n":}',
        b'"',
        b"tru",
        b"True",
        b"None",
        b"undefined",
        b"a=1&b=2",
        b"<a/>",
    ],
    ids=repr,
)
def test_what_is_not_one_json_text_in_utf8_is_400(
    body: bytes, model: Any, encoder: str, client_of: Any
) -> None:
    assert client_of(taking(model), method="POST", json_encoder=encoder).tell(body, JSON) == BROKEN


# -- results -----------------------------------------------------------------------------------------------------------------


def cycle() -> Any:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


def deep(levels: int) -> Any:
    """A list in a list, and so on."""
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


UNWRITABLE: dict[str, Callable[[], Any]] = {
    "a number of 5,000 digits": lambda: 10**5_000,
    "half a surrogate pair": lambda: "\ud800",
    "half a surrogate pair as key": lambda: {"\ud800": 1},
    "a cycle": cycle,
    "100,000 levels": lambda: deep(100_000),
    "an object": object,
    "a class": lambda: Plain,
    "a function": lambda: len,
    "an exception": lambda: ValueError("secret"),
    "a complex number": lambda: 1j,
    "a tuple as key": lambda: {(1, 2): 3},
    "a generator": lambda: (n for n in [1]),
}
PYDANTICS = frozenset({"a number of 5,000 digits", "a complex number", "a tuple as key", "a generator"})
"""What pydantic's own serializer has a form for, where a model of its holds it."""


@pytest.mark.case(40)
@encoders
@pytest.mark.parametrize("name", UNWRITABLE)
@pytest.mark.parametrize("place", ["dict", "list", "Plain", "Struct", "Model", "with a response model"])
def test_a_result_that_json_cannot_say_is_a_500_before_anything_is_sent(
    place: str, name: str, encoder: str, client_of: Any, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "tracebacklimit", 20, raising=False
    )  # pytest spends 0.4 s on one of 1,000 levels
    torn_down: list[str] = []

    def resource() -> Iterator[str]:
        try:
            yield "resource"
        except Exception as exc:
            torn_down.append(type(exc).__name__)
            raise
        finally:
            torn_down.append("closed")

    async def fail(used: str = Depends(resource)) -> Any:
        value = UNWRITABLE[name]()
        if place == "list":
            return ["x" * 100_000, value]
        if place == "dict":
            return {"first": "x" * 100_000, "then": value}
        if place == "Struct":
            return Struct(s="x" * 100_000, x=value)
        return Model(s="x" * 100_000, x=value) if place == "Model" else Plain(s="x" * 100_000, x=value)

    if place == "with a response model":
        fail.__annotations__["return"] = Plain
    client = client_of(fail, json_encoder=encoder)
    answer = client.get("/")
    if place == "Model" and name in PYDANTICS:
        assert (answer.status_code, torn_down) == (200, ["closed"])
        return
    assert (answer.status_code, answer.json()) == ERROR
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "secret" not in answer.text
    assert torn_down[-1] == "closed"
    assert len(torn_down) == 2  # the dependency saw the exception
    errors = [record for record in records() if record.levelno >= logging.WARNING]
    assert len(errors) == 1
    assert errors[0].exc_info is not None


@pytest.mark.case(40)
@encoders
@pytest.mark.parametrize(
    "place", ["dict", "list", "Plain", "Struct", "Model", "model of Plain", "model of Model"]
)
def test_nan_and_infinities_are_written_as_null(place: str, encoder: str, client_of: Any) -> None:
    """JSON has no such numbers; readers of a result of many must not lose all for one."""
    nan, inf = float("nan"), float("inf")
    app = VelociPy(plugins=False, json_encoder=encoder)
    results = {
        "dict": {"f": nan, "x": [inf, -inf, {"a": nan}]},
        "list": [nan, inf, -inf],
        "Plain": Plain(f=nan, x=[inf]),
        "Struct": Struct(f=nan, x=[inf]),
        "Model": Model(f=nan, x=[inf]),
        "model of Plain": Plain(f=nan, x=[inf]),
        "model of Model": Model(f=nan, x=[inf]),
    }

    async def show() -> Any:
        return results[place]

    if place.startswith("model of"):
        show.__annotations__["return"] = type(results[place])
    app.add_route("/", show)
    status, content = client_of(app).ask("/")
    rest = {"n": 0, "s": ""}
    expected: Any = {**rest, "f": None, "x": [None]}
    if place == "dict":
        expected = {"f": None, "x": [None, None, {"a": None}]}
    assert (status, content) == (200, [None] * 3 if place == "list" else expected)


@pytest.mark.case(40)
@encoders
def test_a_key_that_is_none_is_written_alike(encoder: str, client_of: Any) -> None:
    async def show() -> Any:
        return {None: 1, True: 2, 3: 4, 1.5: 5}

    assert client_of(show, json_encoder=encoder).ask("/") == (200, {"null": 1, "true": 2, "3": 4, "1.5": 5})
