"""The workloads in Robyn, on its own server, one process and one worker; msgspec for JSON."""

import os
from urllib.parse import unquote_plus

import msgspec
from by_hand import FILE, bounded, chunks, decode_item, encode, kibibytes, session, tenant, user
from by_hand_models import ROWS, decode_model, encode_model, encode_models
from pydantic import ValidationError
from robyn import Headers, Request, Response, Robyn, StreamingResponse, WebSocketDisconnect, serve_file

app = Robyn(__file__)
TEXT, JSON = (
    Headers({"content-type": "text/plain; charset=utf-8"}),
    Headers({"content-type": "application/json"}),
)


def json(value: object, status: int = 200) -> Response:
    return Response(status_code=status, headers=JSON, description=encode(value))


def decoded(text: str | None) -> str | None:
    """Robyn hands out query text as it was sent."""
    return text if text is None else unquote_plus(text)


@app.get("/")
async def plain():
    return Response(status_code=200, headers=TEXT, description="Hello, World!")


@app.get("/json")
async def message():
    return json({"message": "Hello, World!"})


@app.get("/items/:item_id")
async def item(request: Request):
    query, hole = request.query_params, request.path_params["item_id"]
    if not hole.isdecimal():
        return json({"detail": "Not Found"}, 404)
    try:
        page, size = bounded(query.get("page", None), 1, 1), bounded(query.get("size", None), 20, 1, 100)
    except ValueError as exc:
        return json({"detail": str(exc)}, 422)
    return json({"item_id": int(hole), "q": decoded(query.get("q", None)), "page": page, "size": size})


@app.post("/body")
async def body(request: Request):
    try:
        return json(decode_item(request.body))
    except msgspec.DecodeError as exc:
        return json({"detail": str(exc)}, 422)


@app.post("/pydantic")
async def model(request: Request):
    try:
        found = decode_model(request.body)
    except ValidationError as exc:
        return json({"detail": str(exc)}, 422)
    return Response(status_code=200, headers=JSON, description=encode_model(found))


@app.get("/rows")
async def rows():
    return Response(status_code=200, headers=JSON, description=encode_models(ROWS))


@app.get("/stream")
async def stream():
    return StreamingResponse(chunks(), headers=TEXT, media_type="text/plain; charset=utf-8")


@app.get("/chunks")
async def long_stream():
    return StreamingResponse(kibibytes(), headers=TEXT, media_type="text/plain; charset=utf-8")


@app.get("/file")
async def file():
    return serve_file(FILE)


@app.websocket("/echo")
async def echo(websocket):
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


@app.get("/deps")
async def deps(request: Request):
    try:
        level = bounded(request.query_params.get("level", None), 1, 0)
    except ValueError as exc:
        return json({"detail": str(exc)}, 422)
    return json(await session(await user(await tenant(level))))


@app.delete("/empty")
async def empty():
    return Response(status_code=204, headers=Headers({}), description="")


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]))
