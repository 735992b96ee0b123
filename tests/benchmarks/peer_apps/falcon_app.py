"""The workloads in Falcon (ASGI): resources, its own bounded query readers, msgspec as its JSON handler."""

import falcon
import falcon.asgi
import msgspec
from by_hand import decode_item, encode, session, tenant, user


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
app.add_route("/deps", Deps())
app.add_route("/empty", Empty())
