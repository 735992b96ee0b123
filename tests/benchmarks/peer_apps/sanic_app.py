"""The workloads in Sanic, on its own server, one process and no workers; msgspec for JSON."""

import os

import msgspec
from by_hand import BINARY, FILE, TEXT, bounded, chunks, decode_item, encode, kibibytes, session, tenant, user
from by_hand_models import ROWS, decode_model, encode_model, encode_models
from pydantic import ValidationError
from sanic import HTTPResponse, Sanic
from sanic.exceptions import SanicException
from sanic.response import file as file_of
from sanic.response import text

JSON = "application/json"

app = Sanic("bench", configure_logging=False)
app.config.ACCESS_LOG = False


def json(value: object) -> HTTPResponse:
    return HTTPResponse(encode(value), content_type=JSON)


@app.get("/")
async def plain(request):
    return text("Hello, World!")


@app.get("/json")
async def message(request):
    return json({"message": "Hello, World!"})


@app.get("/items/<item_id:int>")
async def item(request, item_id):
    query = request.args
    try:
        page, size = bounded(query.get("page"), 1, 1), bounded(query.get("size"), 20, 1, 100)
    except ValueError as exc:
        raise SanicException(str(exc), 422) from None
    return json({"item_id": item_id, "q": query.get("q"), "page": page, "size": size})


@app.post("/body")
async def body(request):
    try:
        return json(decode_item(request.body))
    except msgspec.DecodeError as exc:
        raise SanicException(str(exc), 422) from None


@app.post("/pydantic")
async def model(request):
    try:
        return HTTPResponse(encode_model(decode_model(request.body)), content_type=JSON)
    except ValidationError as exc:
        raise SanicException(str(exc), 422) from None


@app.get("/rows")
async def rows(request):
    return HTTPResponse(encode_models(ROWS), content_type=JSON)


@app.get("/deps")
async def deps(request):
    try:
        level = bounded(request.args.get("level"), 1, 0)
    except ValueError as exc:
        raise SanicException(str(exc), 422) from None
    return json(await session(await user(await tenant(level))))


async def streamed(request, pieces):
    response = await request.respond(content_type=TEXT)
    async for piece in pieces:
        await response.send(piece)
    await response.eof()


@app.get("/stream")
async def stream(request):
    await streamed(request, chunks())


@app.get("/chunks")
async def long_stream(request):
    await streamed(request, kibibytes())


@app.get("/file")
async def file(request):
    return await file_of(FILE, mime_type=BINARY)


@app.websocket("/echo")
async def echo(request, ws):
    async for text_of in ws:
        await ws.send(text_of)


@app.delete("/empty")
async def empty(request):
    return HTTPResponse(status=204)


if __name__ == "__main__":
    app.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        single_process=True,
        access_log=False,
        motd=False,
    )
