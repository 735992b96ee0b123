"""The workloads in BlackSheep: binding by annotation, msgspec as its JSON library; bounds are checked by hand, it has none."""

import msgspec
from blacksheep import (
    Application,
    Content,
    Request,
    Response,
    StreamedContent,
    WebSocket,
    WebSocketDisconnectError,
    delete,
    get,
    post,
    text,
    ws,
)
from blacksheep.exceptions import BadRequest
from blacksheep.server.responses import file as file_of
from by_hand import BINARY, FILE, chunks, decode_item, encode, kibibytes, session, tenant, user
from by_hand_models import ROWS, decode_model, encode_model, encode_models
from pydantic import ValidationError

app = Application()


def json(value: object) -> Response:
    return Response(200, content=Content(b"application/json", encode(value)))


@get("/")
async def plain() -> Response:
    return text("Hello, World!")


@get("/json")
async def message() -> Response:
    return json({"message": "Hello, World!"})


def check(value: int, low: int, high: int | None = None) -> int:
    if value < low or (high is not None and value > high):
        raise BadRequest("out of range")
    return value


@get("/items/{int:item_id}")
async def item(item_id: int, page: int = 1, size: int = 20, q: str | None = None) -> Response:
    return json({"item_id": item_id, "q": q, "page": check(page, 1), "size": check(size, 1, 100)})


@post("/body")
async def body(request: Request) -> Response:
    try:
        return json(decode_item(await request.read() or b""))
    except msgspec.DecodeError as exc:
        raise BadRequest(str(exc)) from None


@post("/pydantic")
async def model(request: Request) -> Response:
    try:
        found = decode_model(await request.read() or b"")
    except ValidationError as exc:
        raise BadRequest(str(exc)) from None
    return Response(200, content=Content(b"application/json", encode_model(found)))


@get("/rows")
async def rows() -> Response:
    return Response(200, content=Content(b"application/json", encode_models(ROWS)))


@get("/stream")
async def stream() -> Response:
    return Response(200, content=StreamedContent(b"text/plain; charset=utf-8", chunks))


@get("/chunks")
async def long_stream() -> Response:
    return Response(200, content=StreamedContent(b"text/plain; charset=utf-8", kibibytes))


@get("/file")
async def file() -> Response:
    return file_of(FILE, BINARY)


@ws("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        return


@get("/deps")
async def deps(level: int = 1) -> Response:
    return json(await session(await user(await tenant(check(level, 0)))))


@delete("/empty")
async def empty() -> Response:
    return Response(204)
