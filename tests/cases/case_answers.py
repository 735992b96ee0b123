"""Endpoints for the cases of answers that must not be sent as they are: 8 to 15 and 17. Knows no case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from case_tally import TALLY

from velocipy import APIRouter, Depends, Request, Response, StreamingResponse, VelociPy

router = APIRouter(prefix="/answers")
debugged = VelociPy(plugins=False, debug=True)


@router.get("/headed")
async def headed() -> Response:
    """What HEAD must answer without."""
    return Response("x" * 1_000, headers={"x-own": "1"})


@router.get("/stream")
async def stream() -> StreamingResponse:
    """A stream that tells when it is begun."""

    async def parts() -> AsyncIterator[str]:
        TALLY["stream begun"] += 1
        yield "part"

    return StreamingResponse(parts())


@router.get("/status/{status}/{body}")
async def bodied(status: int, body: int) -> Response:
    """A status, with so many bytes."""
    return Response(b"x" * body, status)


# What Response() would refuse stands behind a slot that is written past it, as a careless subclass would.
HOSTILE: dict[str, Callable[[], Any]] = {
    "length-small": lambda: Response("12345", headers={"content-length": "2"}),
    "length-large": lambda: Response("12345", headers={"content-length": "10"}),
    "length-twice": lambda: Response("12345", headers=[("content-length", "5"), ("content-length", "5")]),
    "length-abc": lambda: Response("12345", headers={"content-length": "abc"}),
    "connection": lambda: Response("x", headers={"connection": "close"}),
    "transfer-encoding": lambda: Response("x", headers={"transfer-encoding": "chunked"}),
    "upgrade": lambda: Response("x", headers={"upgrade": "h2c"}),
    "keep-alive": lambda: Response("x", headers={"keep-alive": "timeout=5"}),
    "name-space": lambda: Response("x", headers={"x bad": "1"}),
    "name-crlf": lambda: Response("x", headers={"x\r\nset-cookie": "a=b"}),
    "name-nul": lambda: Response("x", headers={"x\0": "1"}),
    "name-empty": lambda: Response("x", headers={"": "1"}),
    "value-crlf": lambda: Response("x", headers={"x-a": "1\r\nset-cookie: a=b"}),
    "value-lf": lambda: Response("x", headers={"x-a": "1\nset-cookie: a=b"}),
    "value-nul": lambda: Response("x", headers={"x-a": "1\0"}),
    "value-wide": lambda: Response("x", headers={"x-a": "€"}),
    "status-0": lambda: Response("x", 0),
    "status-99": lambda: Response("x", 99),
    "status-100": lambda: Response("x", 100),
    "status-600": lambda: Response("x", 600),
    "status-1000": lambda: Response("x", 1000),
    "status-text": lambda: Response("x", "200"),  # type: ignore[arg-type]
    "status-none": lambda: Response("x", None),  # type: ignore[arg-type]
}


@router.get("/hostile/{name}")
async def hostile(name: str) -> Any:
    """An answer that no server should see."""
    return HOSTILE[name]()


@router.get("/late/{status}")
async def late(status: int) -> Response:
    """A subclass that says another status than it has."""

    class Rogue(Response):
        @property  # type: ignore[misc]
        def status_code(self) -> int:
            return status

    return Rogue("x")


@router.get("/lengths/{declared}")
async def lengths(declared: int) -> StreamingResponse:
    """A stream of 5 bytes that says another length."""
    return StreamingResponse(iter([b"123", b"45"]), headers={"content-length": str(declared)})


@router.get("/raises")
async def raises() -> None:
    """Fails before anything is sent."""
    raise ValueError("secret <script>")


@debugged.get("/raises")
async def raises_too() -> None:
    """The same where debug is on."""
    raise ValueError("secret <script>")


async def debug_page(scope: Any, receive: Any, send: Any) -> None:
    """The app of debug as a foreign one: a VelociPy app that is mounted has the debug of what it is mounted in."""
    await debugged(scope, receive, send)


@router.get("/breaks")
async def breaks(length: int = 0) -> StreamingResponse:
    """Fails after a part."""

    async def parts() -> AsyncIterator[str]:
        yield "first"
        raise ValueError("half-way")

    return StreamingResponse(parts(), headers={"content-length": str(length)} if length else None)


# -- clients that leave --------------------------------------------------------------------------------------------------


async def counted() -> AsyncIterator[None]:
    """Counts its teardown, whatever ends the request."""
    TALLY["entered"] += 1
    try:
        yield
    finally:
        TALLY["left"] += 1


@router.post("/reads", dependencies=[Depends(counted, scope="request")])
async def reads(request: Request) -> str:
    """Reads a body to its end."""
    await request.body()
    TALLY["read"] += 1
    return "read"


@router.post("/waits", dependencies=[Depends(counted, scope="request")])
async def waits(request: Request) -> str:
    """Reads a body, and waits until the client has gone."""
    await request.body()
    TALLY["waiting"] += 1
    await request.disconnected()
    TALLY["noticed"] += 1
    return "nobody reads this"


@router.get("/endless", dependencies=[Depends(counted, scope="request")])
async def endless() -> StreamingResponse:
    """Sends for ever."""

    async def parts() -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                await asyncio.sleep(0.005)
        finally:
            TALLY["closed"] += 1

    return StreamingResponse(parts())
