"""The workloads in Litestar, as its documentation writes them; msgspec is its own."""

from typing import Annotated

import msgspec
from litestar import Litestar, MediaType, delete, get, post
from litestar.di import Provide
from litestar.params import Parameter


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


@get("/", media_type=MediaType.TEXT)
async def plain() -> str:
    return "Hello, World!"


@get("/json")
async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


@get("/items/{item_id:int}")
async def item(
    item_id: int,
    page: Annotated[int, Parameter(ge=1)] = 1,
    size: Annotated[int, Parameter(ge=1, le=100)] = 20,
    q: str | None = None,
) -> dict[str, int | str | None]:
    return {"item_id": item_id, "q": q, "page": page, "size": size}


@post("/body", status_code=200)
async def body(data: Item) -> Item:
    return data


async def tenant(level: Annotated[int, Parameter(ge=0)] = 1) -> dict[str, int]:
    return {"level": level}


async def user(tenant: dict[str, int]) -> dict[str, object]:
    return {"name": "raptor", "tenant": tenant}


async def session(user: dict[str, object]) -> dict[str, object]:
    return {"id": 7, "user": user}


@get("/deps", dependencies={"tenant": Provide(tenant), "user": Provide(user), "session": Provide(session)})
async def deps(session: dict[str, object]) -> dict[str, object]:
    return session


@delete("/empty")
async def empty() -> None:
    return None


app = Litestar([plain, message, item, body, deps, empty])
