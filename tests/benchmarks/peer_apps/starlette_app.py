"""The workloads in Starlette: it binds nothing, so endpoints read the request; msgspec for JSON."""

import msgspec
from armor import ARMOR
from by_hand import bounded, decode_item, encode, session, tenant, user
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


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
        Route("/deps", deps),
        Route("/armored", message, middleware=ARMOR),
        Route("/empty", empty, methods=["DELETE"]),
    ]
)
