"""The workloads in Starlette: it binds nothing, so endpoints read the request; msgspec for JSON."""

import msgspec
from armor import ARMOR
from by_hand import BINARY, FILE, TEXT, bounded, chunks, decode_item, encode, kibibytes, session, tenant, user
from by_hand_models import ROWS, decode_model, encode_model, encode_models
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


class JSON(Response):
    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return encode(content)


async def plain(request: Request) -> Response:
    return PlainTextResponse("Hello, World!")


async def message(request: Request) -> Response:
    return JSON({"message": "Hello, World!"})


async def item(request: Request) -> Response:
    query = request.query_params
    try:
        page, size = bounded(query.get("page"), 1, 1), bounded(query.get("size"), 20, 1, 100)
    except ValueError as exc:
        raise HTTPException(422, str(exc)) from None
    return JSON({"item_id": request.path_params["item_id"], "q": query.get("q"), "page": page, "size": size})


async def body(request: Request) -> Response:
    try:
        return JSON(decode_item(await request.body()))
    except msgspec.DecodeError as exc:
        raise HTTPException(422, str(exc)) from None


async def model(request: Request) -> Response:
    try:
        found = decode_model(await request.body())
    except ValidationError as exc:
        raise HTTPException(422, str(exc)) from None
    return Response(encode_model(found), media_type="application/json")


async def rows(request: Request) -> Response:
    return Response(encode_models(ROWS), media_type="application/json")


async def stream(request: Request) -> Response:
    return StreamingResponse(chunks(), media_type=TEXT)


async def long_stream(request: Request) -> Response:
    return StreamingResponse(kibibytes(), media_type=TEXT)


async def file(request: Request) -> Response:
    return FileResponse(FILE, media_type=BINARY)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


async def deps(request: Request) -> Response:
    try:
        level = bounded(request.query_params.get("level"), 1, 0)
    except ValueError as exc:
        raise HTTPException(422, str(exc)) from None
    return JSON(await session(await user(await tenant(level))))


async def empty(request: Request) -> Response:
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/", plain),
        Route("/json", message),
        Route("/items/{item_id:int}", item),
        Route("/body", body, methods=["POST"]),
        Route("/pydantic", model, methods=["POST"]),
        Route("/rows", rows),
        Route("/deps", deps),
        Route("/stream", stream),
        Route("/chunks", long_stream),
        Route("/file", file),
        WebSocketRoute("/echo", echo),
        Route("/armored", message, middleware=ARMOR),
        Route("/empty", empty, methods=["DELETE"]),
    ]
)
