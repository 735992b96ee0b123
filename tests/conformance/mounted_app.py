"""A VelociPy app around a real Starlette app and a real strawberry schema, for the test beside this file. Knows no server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from velocipy import VelociPy
from velocipy.middleware import RequestIDMiddleware


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"opened": "at start"}


async def state(request: StarletteRequest) -> JSONResponse:
    return JSONResponse(
        {"opened": request.state.opened, "url": str(request.url), "root": request.scope["root_path"]}
    )


async def post(request: StarletteRequest) -> JSONResponse:
    form = await request.form()
    return JSONResponse(
        {key: value if isinstance(value, str) else await size(value) for key, value in form.items()}
    )


async def size(upload: Any) -> int:
    return len(await upload.read())


async def stream(request: StarletteRequest) -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        for number in range(1_000):
            yield f"row {number}\n"

    return StreamingResponse(rows(), media_type="text/plain")


async def file(request: StarletteRequest) -> FileResponse:
    return FileResponse(Path(__file__))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"{websocket.scope['root_path']} {text}")


starlette = Starlette(
    routes=[
        Route("/state", state),
        Route("/post", post, methods=["POST"]),
        Route("/stream", stream),
        Route("/file", file),
        WebSocketRoute("/echo", echo),
    ],
    middleware=[Middleware(GZipMiddleware, minimum_size=1_000)],
    lifespan=lifespan,
)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"


app = VelociPy(middleware=[RequestIDMiddleware()], plugins=False)
app.mount("/star", starlette)
app.mount("/graphql", GraphQL(strawberry.Schema(Query)))


@app.get("/")
async def home() -> str:
    return "home"
