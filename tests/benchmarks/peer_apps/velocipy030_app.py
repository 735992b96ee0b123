"""The workloads in velocipy 0.3.0 as published; it has no bounds on parameters, so they are checked by hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
from by_hand import BINARY, FILE, TEXT, chunks, kibibytes
from by_hand import session as open_session
from by_hand import tenant as find_tenant
from by_hand import user as find_user
from by_hand_models import ROWS, Model

from velocipy import (
    Depends,
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Query,
    Response,
    VelociPy,
    WebSocket,
)
from velocipy.http import StreamingResponse

app = VelociPy()


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


@app.get("/")
async def plain():
    return PlainTextResponse("Hello, World!")


@app.get("/json")
async def message():
    return {"message": "Hello, World!"}


def within(value: int, low: int, high: int | None = None) -> bool:
    return value >= low and (high is None or value <= high)


@app.get("/items/{item_id:int}")
async def item(item_id: int, page: int = 1, size: int = 20, q: Annotated[str | None, Query(None)] = None):
    if not (within(page, 1) and within(size, 1, 100)):
        return JSONResponse({"detail": "out of range"}, status_code=422)
    return {"item_id": item_id, "q": q, "page": page, "size": size}


@app.post("/body", response_model=Item)
async def body(item: Item):
    return item


@app.post("/pydantic", response_model=Model)
async def model(item: Model):
    return item


@app.get("/rows", response_model=list[Model])
async def rows():
    return ROWS


@app.get("/stream")
async def stream():
    return StreamingResponse(chunks(), media_type=TEXT)


@app.get("/chunks")
async def long_stream():
    return StreamingResponse(kibibytes(), media_type=TEXT)


@app.get("/file")
async def file():
    return FileResponse(FILE, media_type=BINARY)


@app.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


async def tenant(level: int = 1):
    return await find_tenant(level)


async def user(of: Annotated[dict, Depends(tenant)]):
    return await find_user(of)


async def session(of: Annotated[dict, Depends(user)]):
    return await open_session(of)


@app.get("/deps")
async def deps(of: Annotated[dict, Depends(session)]):
    if not within(of["user"]["tenant"]["level"], 0):
        return JSONResponse({"detail": "out of range"}, status_code=422)
    return of


@app.delete("/empty")
async def empty():
    return Response(status_code=204)
