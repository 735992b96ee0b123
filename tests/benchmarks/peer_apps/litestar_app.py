"""The workloads in Litestar, as its documentation writes them; msgspec is its own."""

from typing import Annotated

import msgspec
from by_hand import BINARY, FILE, TEXT, chunks, kibibytes
from by_hand_models import ROWS, Model
from litestar import Litestar, MediaType, WebSocket, delete, get, post, websocket
from litestar.di import Provide
from litestar.exceptions import WebSocketDisconnect
from litestar.params import Parameter
from litestar.response import File, Stream


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


@post("/pydantic", status_code=200)
async def model(data: Model) -> Model:
    return data


@get("/rows")
async def rows() -> list[Model]:
    return ROWS


@get("/stream", media_type=TEXT)
async def stream() -> Stream:
    return Stream(chunks())


@get("/chunks", media_type=TEXT)
async def long_stream() -> Stream:
    return Stream(kibibytes())


@get("/file", media_type=BINARY)
async def file() -> File:
    return File(path=FILE)


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


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


app = Litestar([plain, message, item, body, model, rows, deps, stream, long_stream, file, echo, empty])
