"""What every type checker must see of a correct app: values of dependencies, decorated endpoints, clients. Run by nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

import httpx2

from velocipy import APIRouter, Depends, Header, Query, Request, Response, VelociPy, WebSocket, guard, raises
from velocipy.testing import AsyncTestClient, Clock, ReceivedEvent, TestClient

app = VelociPy()
router = APIRouter(prefix="/items")


@dataclass
class Item:
    """A model."""

    name: str


class Pool:
    """A class as a dependency."""


def number() -> int:
    """A sync dependency."""
    return 1


async def text() -> str:
    """A coroutine function as a dependency."""
    return "a"


def yielded() -> Iterator[Item]:
    """A generator."""
    yield Item("a")


async def later() -> AsyncIterator[Item]:
    """An async generator."""
    yield Item("a")


@contextmanager  # pyright: ignore[reportDeprecated]  # ty: ignore[deprecated]  # of an Iterator, as most people write it
def entered() -> Iterator[Item]:
    """A context manager."""
    yield Item("a")


@asynccontextmanager  # pyright: ignore[reportDeprecated]  # ty: ignore[deprecated]
async def entered_later() -> AsyncIterator[Item]:
    """An async context manager."""
    yield Item("a")


# A dependency is typed as what it returns, yields or enters.
assert_type(Depends(number), int)
assert_type(Depends(text), str)
assert_type(Depends(yielded), Item)
assert_type(Depends(later), Item)
assert_type(Depends(entered), Item)
assert_type(Depends(entered_later), Item)
assert_type(Depends(Pool), Pool)


@app.get("/items/{item_id}")
async def read_item(
    request: Request,
    item_id: int,
    page: int = Query(1, ge=1),
    agent: str | None = Header(None),
    item: Item = Depends(later),
    size: Annotated[int, Query(le=100)] = 20,
) -> Item:
    """Every kind of parameter."""
    return Item(f"{request.method} {item_id} {page} {agent} {size} {item.name}")


@router.post("", response_model=Item, status_code=201)
def add_item(item: Item) -> dict[str, Any]:
    """A result that the response model filters may be of another type."""
    return {"name": item.name, "secret": 1}


@app.websocket("/ws")
async def socket(websocket: WebSocket, item: Item = Depends(yielded)) -> None:
    """An endpoint of a WebSocket."""
    await websocket.send_text(item.name)


@guard
@raises(401)
async def user(authorization: str | None = Header(None)) -> str:
    """Marked, and still what it was."""
    return authorization or ""


# Decorators give back the function as it was, so that tests may call it.
added: Callable[[Item], dict[str, Any]] = add_item
asked: Callable[[str | None], Awaitable[str]] = user
assert_type(add_item(Item("a")), dict[str, Any])


async def calls() -> None:
    """An endpoint is a function."""
    assert_type(await user("a"), str)
    assert_type(await socket(WebSocket.__new__(WebSocket)), None)


async def timed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware as a function."""
    return await call_next(request)


app.add_middleware(timed)


def tests(client: TestClient, clock: Clock) -> None:
    """What the test client gives."""
    assert_type(client.get("/"), httpx2.Response)
    with client as entered, entered.sse_connect("/events") as events:
        assert_type(events.receive(), ReceivedEvent)
        assert_type([event.data for event in events], list[str])
    with client.websocket_connect("/ws") as ws:
        assert_type(ws.receive_text(), str)
    with app.override({number: lambda: 2}):
        clock.move(1)


async def async_tests(client: AsyncTestClient) -> None:
    """The same for coroutines."""
    assert_type(await client.get("/"), httpx2.Response)
    async with client.sse_connect("/events") as events:
        assert_type([event.data async for event in events], list[str])
