"""Endpoints for the cases of request lines and headers: 1 to 7 and 16. Knows no case."""

from __future__ import annotations

import time
from typing import Any

from case_tally import TALLY

from velocipy import APIRouter, Request, VelociPy
from velocipy.middleware import TrustedHostMiddleware

router = APIRouter()
trusted = VelociPy(plugins=False, middleware=[TrustedHostMiddleware(["a.test"])])


@router.get("/url")
async def url(request: Request) -> Any:
    """Where the request thinks it is."""
    return [str(request.url), request.path]


@router.get("/holes/{first}")
@router.get("/holes/{first}/{second}")
async def holes(first: str, second: str = "") -> Any:
    """What the path gave."""
    return [first, second]


@router.get("/header")
async def header(request: Request) -> Any:
    """How many there were of a name, how long they are together, and the seconds that it took to find out."""
    started = time.perf_counter()
    values = request.headers.get_all("x-a")
    length = len("".join(values))
    return [len(values), length, time.perf_counter() - started]


@router.get("/broken/{name}")
async def broken(name: str) -> None:
    """Fails, so that the path stands in the log."""
    raise ValueError("on purpose")


@router.get("/method")
async def method() -> str:
    """Must run for GET and HEAD alone."""
    TALLY["method"] += 1
    return "ran"


@trusted.get("/url")
async def trusted_url(request: Request) -> str:
    """The same for hosts that are meant."""
    return str(request.url)


@router.get("/slashed/")
async def slashed() -> str:
    """Without a slash one is sent to where it has one."""
    return "slashed"


@router.get("/{first}/{second}/tail/")
async def tail(first: str, second: str) -> str:
    """The same, with something of the client's in it."""
    return first + second
