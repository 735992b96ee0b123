"""What every editor must mark: each line with an ignore is a mistake, and an ignore where there is none is an error itself. Run by nobody.

No checker looks into `Annotated`: a dependency of a wrong type is found where it is a default.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import velocipy.testing
from velocipy import APIRouter, Depends, VelociPy
from velocipy.testing import Clock, TestClient

app = VelociPy()


@dataclass
class Item:
    """A model."""

    name: str


def number() -> int:
    """A dependency."""
    return 1


async def items() -> AsyncIterator[list[Item]]:
    """A dependency with teardown."""
    yield []


@app.get("/wrong-dependency")
async def wrong_dependency(
    a: str = Depends(number),  # type: ignore[assignment]
    b: Item = Depends(items),  # type: ignore[assignment]
) -> Item:
    """The annotation is the response model."""
    return Item(f"{a}{b}")


@app.get("/wrong-result")
async def wrong_result() -> Item:
    """What is returned is no such thing."""
    return {"name": "a"}  # type: ignore[return-value]


@app.get("/wrong-list")
def wrong_list() -> list[Item]:
    """Nor this."""
    return [Item("a"), "b"]  # type: ignore[list-item]


@app.get("/wrong-keyword", respons_model=Item)  # type: ignore[call-arg]
async def wrong_keyword() -> Item:
    """A typing error in a keyword."""
    return Item("a")


@app.get("/wrong-value", status_code="201")  # type: ignore[arg-type]
async def wrong_value() -> Item:
    """A setting of another type."""
    return Item("a")


async def calls() -> None:
    """A decorated function has the parameters that it was written with."""
    await wrong_result(1)  # type: ignore[call-arg]
    wrong: list[int] = wrong_list()  # type: ignore[assignment]
    print(wrong)


VelociPy(titel="Shop")  # type: ignore[call-arg]
VelociPy(max_content_length="10")  # type: ignore[arg-type]
APIRouter(prefix=1)  # type: ignore[arg-type]
Clock().move("1")  # type: ignore[arg-type]
velocipy.testing.TestClent(app)  # type: ignore[attr-defined]
TestClient(app).websocket_connect(1)  # type: ignore[arg-type]
