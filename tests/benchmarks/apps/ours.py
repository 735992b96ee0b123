"""The workloads as a user of VelociPy writes them: public API only. Knows nothing of being measured."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pydantic

from velocipy import APIRouter, Depends, FileResponse, Query, StreamingResponse, VelociPy, WebSocket
from velocipy.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    HTTPSRedirectMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    SessionMiddleware,
    TimingMiddleware,
    TrustedHostMiddleware,
)

app = VelociPy()


class Item(msgspec.Struct):
    """The body of `POST /body`."""

    name: str
    price: float
    tags: list[str] = []


class Model(pydantic.BaseModel):
    """The body of `POST /pydantic`, and a row of `GET /rows`."""

    name: str
    price: float
    tags: list[str] = []


FILE = os.environ.get("BENCH_FILE", __file__)
KIBIBYTE = b"raptor " * 146 + b"!\n"
ROWS = [Model(name=f"raptor {number}", price=number / 4, tags=["claw"]) for number in range(1_000)]


@app.get("/")
async def plain() -> str:
    return "Hello, World!"


@app.get("/json")
async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/items/{item_id:int}")
async def item(
    item_id: int,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
    q: str | None = None,
) -> dict[str, Any]:
    return {"item_id": item_id, "q": q, "page": page, "size": size}


@app.post("/body")
async def body(item: Item) -> Item:
    return item


@app.post("/pydantic")
async def model(item: Model) -> Model:
    return item


@app.get("/rows")
async def rows() -> list[Model]:
    return ROWS


async def tenant(level: Annotated[int, Query(ge=0)] = 1) -> dict[str, int]:
    return {"level": level}


async def user(of: Annotated[dict[str, int], Depends(tenant)]) -> dict[str, object]:
    return {"name": "raptor", "tenant": of}


async def session(of: Annotated[dict[str, object], Depends(user)]) -> dict[str, object]:
    return {"id": 7, "user": of}


@app.get("/deps")
async def deps(session: Annotated[dict[str, object], Depends(session)]) -> dict[str, object]:
    return session


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"chunk %d\n" % number

    return StreamingResponse(chunks(), media_type="text/plain; charset=utf-8")


@app.get("/chunks")
async def long_stream() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield KIBIBYTE

    return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(FILE, media_type="application/octet-stream")


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)


@app.delete("/empty")
async def empty() -> None:
    return None


armored = APIRouter(
    middleware=[
        RequestIDMiddleware(),
        TimingMiddleware(),
        CORSMiddleware(allow_origins=["https://app.example"]),
        CompressionMiddleware(codings=["gzip"]),
        SecurityHeadersMiddleware(hsts=True),
        TrustedHostMiddleware(["127.0.0.1", "localhost"]),
        HTTPSRedirectMiddleware(exclude=["/armored"]),  # the bench has no TLS
        SessionMiddleware("a secret of the bench, which is nobody's secret"),
    ]
)


@armored.get("/armored")
async def armored_message() -> dict[str, str]:
    return {"message": "Hello, World!"}


app.include_router(armored)
