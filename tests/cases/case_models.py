"""Models, and apps that take them as bodies, for the cases 31 to 39. Knows every model backend; asks nobody."""

from __future__ import annotations

import functools
import json
import zlib
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic

from velocipy import Body, FormData, VelociPy

JSON = ("content-type", "application/json")
BROKEN = (400, {"detail": "Invalid JSON body"})


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


MODELS = (Plain, Struct, Model)
KINDS = (*MODELS, dict)


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


def bodies_app(model: Any, **options: Any) -> VelociPy:
    """An app that takes a model: required at /, or null at /optional, one key of two at /several; /form and /page take none."""
    app = VelociPy(plugins=False, **options)

    async def required(item: Any) -> Any:
        return [item.s]

    async def optional(item: Any = None) -> Any:
        return [item and item.s]

    async def defaulted(item: Any = None) -> Any:
        return [item and item.s]

    async def several(item: Any, other: Annotated[int, Body()] = 0) -> Any:
        return [item.s, other]

    async def form(form: FormData) -> Any:
        return form.get("text")

    async def page(page: int = 1) -> Any:
        return [page]

    required.__annotations__["item"] = several.__annotations__["item"] = model
    optional.__annotations__["item"] = model | None
    defaulted.__annotations__["item"] = Annotated[model, Body()]
    for endpoint in (required, optional, defaulted, several, form, page):
        path = "/" if endpoint is required else f"/{endpoint.__name__}"
        app.add_route(
            path, endpoint, ["POST"] if endpoint not in (required, page) else ["GET", "POST", "DELETE"]
        )
    return app


@functools.cache
def bomb() -> bytes:
    """100 MB of zeros in 97 KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1_000_000)
    return b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()
