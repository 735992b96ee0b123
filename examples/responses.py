"""Responses: what a return value becomes, the classes for everything else, and answers that are made while they are sent.

granian responses:app --interface rsgi
curl http://127.0.0.1:8000/text                     # a str is text, a dict JSON, bytes are octets, None is a 204
curl -i http://127.0.0.1:8000/teapot                # status, headers and a cookie
curl -N http://127.0.0.1:8000/countdown             # arrives line by line
curl -N http://127.0.0.1:8000/rows                  # a JSON object a line
curl -N http://127.0.0.1:8000/events                # for EventSource in a page; / is such a page
curl -N -H 'last-event-id: ...' http://127.0.0.1:8000/events    # goes on behind that id
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager

from velocipy import (
    EventSourceResponse,
    HTMLResponse,
    JSONResponse,
    NDJSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
)
from velocipy.http import EventBuffer

ticks = EventBuffer(100)


@asynccontextmanager
async def ticking(app: VelociPy) -> AsyncGenerator[None]:
    """A tick every second for as long as the app runs; whoever was away gets what it missed, up to a hundred."""

    async def tick() -> None:
        number = 0
        while True:
            number += 1
            ticks.append({"tick": number})
            await asyncio.sleep(1)

    task = asyncio.create_task(tick())
    yield
    task.cancel()


app = VelociPy(title="Responses", lifespan=ticking)


@app.get("/text")
async def text() -> str:
    """Text, as UTF-8."""
    return "grüß dich"


@app.get("/octets")
async def octets() -> bytes:
    """Bytes as they are."""
    return bytes(range(4))


@app.get("/nothing")
async def nothing() -> None:
    """204, without a body."""


@app.get("/teapot")
async def teapot() -> Response:
    """A status, a header and a cookie of its own."""
    response = JSONResponse({"detail": "short and stout"}, 418, {"x-tea": "earl grey"})
    response.set_cookie("brewed", "yes", max_age=60)
    return response


@app.get("/report")
async def report() -> Response:
    """Any media type."""
    return Response("month;riders\nMay;3\n", media_type="text/csv; charset=utf-8")


@app.get("/old")
async def old() -> RedirectResponse:
    """Elsewhere; 307 keeps method and body."""
    return RedirectResponse("/text")


@app.get("/plain")
async def plain(response: Response) -> dict[str, bool]:
    """The answer stays typed; only its head is touched."""
    response.headers["x-plain"] = "1"
    return {"plain": True}


@app.get("/countdown")
async def countdown() -> StreamingResponse:
    """An async iterator; it is cancelled when the client leaves, so `finally` is the place to tidy up."""

    async def lines() -> AsyncIterator[str]:
        for number in (3, 2, 1):
            yield f"{number}\n"
            await asyncio.sleep(0.2)
        yield "lift-off\n"

    return StreamingResponse(lines(), media_type="text/plain; charset=utf-8")


@app.get("/rows")
async def rows() -> NDJSONResponse:
    """A sync iterator is asked in a thread, so that a blocking one (a database cursor) holds nobody up."""

    def read() -> Iterator[dict[str, int]]:
        for number in range(3):
            yield {"row": number}

    return NDJSONResponse(read())


@app.get("/bulk")
async def bulk(mebibytes: int = 16) -> StreamingResponse:
    """Much data: `bulk` makes the iterator wait for a slow reader, where the server itself would keep everything for it."""

    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(mebibytes * 16):
            yield bytes(64 * 1024)

    return StreamingResponse(blocks(), media_type="application/octet-stream", bulk=True)


@app.get("/events")
async def events(request: Request) -> EventSourceResponse:
    """Events with ids; a browser that lost its connection comes back with the last one and misses nothing."""
    return EventSourceResponse(ticks.subscribe(request.last_event_id))


@app.get("/health")
async def health() -> PlainTextResponse:
    """What a load balancer wants."""
    return PlainTextResponse("ok")


@app.get("/", include_in_schema=False)
async def page() -> HTMLResponse:
    """A page that shows the events as they come."""
    return HTMLResponse(PAGE)


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>VelociPy ticks</title>
<h1>Ticks</h1>
<ol id="ticks"></ol>
<script>
  new EventSource("/events").onmessage = (event) => {
    const item = document.createElement("li");
    item.textContent = JSON.parse(event.data).tick;
    document.getElementById("ticks").append(item);
  };
</script>
"""
