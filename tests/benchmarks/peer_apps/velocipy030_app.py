"""The workloads in velocipy 0.3.0 as published; it has no bounds on parameters, so they are checked by hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
from by_hand import session as open_session
from by_hand import tenant as find_tenant
from by_hand import user as find_user

from velocipy import Depends, JSONResponse, PlainTextResponse, Query, Response, VelociPy

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
