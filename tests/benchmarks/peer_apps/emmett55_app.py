"""The workloads in Emmett55: typed path parts are its own, the rest is read from the request; msgspec for JSON."""

import msgspec
from by_hand import BINARY, FILE, TEXT, bounded, chunks, decode_item, encode, kibibytes, session, tenant, user
from by_hand_models import ROWS, decode_model, encode_model, encode_models
from emmett55 import App, request, response, websocket
from emmett_core.http.response import HTTPStringResponse
from pydantic import ValidationError

app = App(__name__)


def json(value: object) -> str:
    response.content_type = "application/json"
    return encode(value).decode()


def refuse(status: int, text: str) -> HTTPStringResponse:
    return HTTPStringResponse(status, text)


@app.route("/", methods="get", output="str")
async def plain():
    response.content_type = "text/plain; charset=utf-8"
    return "Hello, World!"


@app.route("/json", methods="get", output="str")
async def message():
    return json({"message": "Hello, World!"})


@app.route("/items/<int:item_id>", methods="get", output="str")
async def item(item_id):
    query = request.query_params
    try:
        page, size = bounded(query.page, 1, 1), bounded(query.size, 20, 1, 100)
    except ValueError as exc:
        raise refuse(422, str(exc)) from None
    return json({"item_id": item_id, "q": query.q, "page": page, "size": size})


@app.route("/body", methods="post", output="str")
async def body():
    try:
        return json(decode_item(await request.body))
    except msgspec.DecodeError as exc:
        raise refuse(422, str(exc)) from None


@app.route("/pydantic", methods="post", output="str")
async def model():
    try:
        found = decode_model(await request.body)
    except ValidationError as exc:
        raise refuse(422, str(exc)) from None
    response.content_type = "application/json"
    return encode_model(found).decode()


@app.route("/rows", methods="get", output="bytes")
async def rows():
    response.content_type = "application/json"
    return encode_models(ROWS)


@app.route("/stream", methods="get")
async def stream():
    response.content_type = TEXT
    return response.wrap_aiter(chunks())


@app.route("/chunks", methods="get")
async def long_stream():
    response.content_type = TEXT
    return response.wrap_aiter(kibibytes())


@app.route("/file", methods="get")
async def file():
    response.content_type = BINARY
    return response.wrap_file(FILE)


@app.websocket("/echo")
async def echo():
    await websocket.accept()
    while True:
        await websocket.send(await websocket.receive())


@app.route("/deps", methods="get", output="str")
async def deps():
    try:
        level = bounded(request.query_params.level, 1, 0)
    except ValueError as exc:
        raise refuse(422, str(exc)) from None
    return json(await session(await user(await tenant(level))))


@app.route("/empty", methods="delete", output="str")
async def empty():
    response.status = 204
    return ""
