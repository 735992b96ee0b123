"""The workloads in Falcon (ASGI): resources, its own bounded query readers, msgspec as its JSON handler."""

import asyncio
import os

import falcon
import falcon.asgi
import msgspec
from by_hand import BINARY, FILE, TEXT, chunks, decode_item, encode, kibibytes, session, tenant, user
from by_hand_models import ROWS, decode_model, encode_model, encode_models
from pydantic import ValidationError


class Plain:
    async def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, World!"


class Message:
    async def on_get(self, req, resp):
        resp.media = {"message": "Hello, World!"}


class ItemResource:
    async def on_get(self, req, resp, item_id):
        page = req.get_param_as_int("page", min_value=1, default=1)
        size = req.get_param_as_int("size", min_value=1, max_value=100, default=20)
        resp.media = {"item_id": item_id, "q": req.get_param("q"), "page": page, "size": size}


class Body:
    async def on_post(self, req, resp):
        try:
            resp.media = decode_item(await req.stream.read())
        except msgspec.DecodeError as exc:
            raise falcon.HTTPUnprocessableEntity(description=str(exc)) from None


class ModelResource:
    async def on_post(self, req, resp):
        try:
            resp.data = encode_model(decode_model(await req.stream.read()))
        except ValidationError as exc:
            raise falcon.HTTPUnprocessableEntity(description=str(exc)) from None


class Rows:
    async def on_get(self, req, resp):
        resp.data = encode_models(ROWS)


class Stream:
    async def on_get(self, req, resp):
        resp.content_type = TEXT
        resp.stream = chunks()


class LongStream:
    async def on_get(self, req, resp):
        resp.content_type = TEXT
        resp.stream = kibibytes()


class File:
    """Falcon reads what has an asynchronous `read`: here in threads, a piece at a time."""

    async def on_get(self, req, resp):
        resp.content_type = BINARY
        opened = await asyncio.to_thread(open, FILE, "rb", 0)
        resp.set_stream(Pieces(opened), os.stat(FILE).st_size)


class Pieces:
    def __init__(self, opened):
        self.opened = opened

    async def read(self, size):
        return await asyncio.to_thread(self.opened.read, 120 * 1024)

    async def close(self):
        self.opened.close()


class Echo:
    async def on_websocket(self, req, ws):
        await ws.accept()
        try:
            while True:
                await ws.send_text(await ws.receive_text())
        except falcon.WebSocketDisconnected:
            return


class Deps:
    async def on_get(self, req, resp):
        level = req.get_param_as_int("level", min_value=0, default=1)
        resp.media = await session(await user(await tenant(level)))


class Empty:
    async def on_delete(self, req, resp):
        resp.status = falcon.HTTP_204


app = falcon.asgi.App()
app.req_options.keep_blank_qs_values = True
app.resp_options.media_handlers[falcon.MEDIA_JSON] = falcon.media.JSONHandler(
    dumps=encode, loads=msgspec.json.decode
)
app.add_route("/", Plain())
app.add_route("/json", Message())
app.add_route("/items/{item_id:int}", ItemResource())
app.add_route("/body", Body())
app.add_route("/pydantic", ModelResource())
app.add_route("/rows", Rows())
app.add_route("/stream", Stream())
app.add_route("/chunks", LongStream())
app.add_route("/file", File())
app.add_route("/echo", Echo())
app.add_route("/deps", Deps())
app.add_route("/empty", Empty())
