"""JSON that is broken, endless, or read differently by parsers, and results that JSON cannot say: beside the cases 31 and 40 of tests/cases.

Every body goes to each kind of model under each encoder, on both protocols: the answers must not tell them apart.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from case_models import JSON, Model, Plain, Struct, echoing
from case_results import UNWRITABLE

from velocipy import Depends, VelociPy

ERROR = (500, {"detail": "Internal Server Error"})


models = pytest.mark.parametrize("model", [Plain, Struct, Model])
encoders = pytest.mark.parametrize("encoder", ["stdlib", "orjson", "msgspec"])


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


# -- results -----------------------------------------------------------------------------------------------------------------


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
