"""WebSockets: an echo, path parameters, and a chat whose rooms are channels; `/` is a page to try them with.

granian websocket:app --interface rsgi        # or: uvicorn websocket:app
open http://127.0.0.1:8000/ in two tabs and talk
curl -N http://127.0.0.1:8000/rooms/lobby/log # the same room as a stream of lines
REDIS_URL=redis://localhost:6379 granian websocket:app --interface rsgi --workers 4        # rooms of all workers

Without REDIS_URL every worker has rooms of its own: run one.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from velocipy import HTMLResponse, Query, StreamingResponse, VelociPy, WebSocket
from velocipy.channels import Channels
from velocipy.exceptions import InvalidMessage, WebSocketDisconnect


def make_rooms() -> Channels:
    """Over Redis where it is named, else in this process; velocipy-redis is imported only if it is needed."""
    url = os.environ.get("REDIS_URL")
    if url:
        from velocipy.redis import RedisChannels

        return Channels(RedisChannels(url, history=20), overflow="close")
    return Channels(history=20, overflow="close")


app = VelociPy(title="WebSockets")
rooms = make_rooms()


@dataclass
class Line:
    """What somebody says, and what everybody in the room gets."""

    text: str
    name: str = "somebody"


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Text comes back as text, bytes as bytes, until the client closes."""
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)


@app.websocket("/countdown/{start:int}")
async def countdown(websocket: WebSocket, start: int, step: Annotated[int, Query(ge=1)] = 1) -> None:
    """Path and query are checked before the handshake: a `start` that is no number is 403, a wrong `step` is 422."""
    await websocket.accept()
    for number in range(start, 0, -step):
        await websocket.send_json({"left": number})
    await websocket.close(1000, "lift-off")


@app.websocket("/rooms/{room}")
async def chat(
    websocket: WebSocket, room: str, name: Annotated[str, Query(min_length=1, max_length=20)]
) -> None:
    """Everybody in a room gets what anybody says, the last lines first; one who reads too slowly is closed."""
    await websocket.accept()
    async with rooms.subscribe(room, to=websocket, history=20):
        await rooms.publish_json(room, Line("has come", name))
        async for text in lines_of(websocket):
            await rooms.publish_json(room, Line(text, name))
    await rooms.publish_json(room, Line("has left", name))


async def lines_of(websocket: WebSocket) -> AsyncIterator[str]:
    """What the client says until it leaves; it is told of a message that does not fit, and may try again."""
    while True:
        try:
            line = await websocket.receive_model(Line)
        except InvalidMessage as wrong:
            await websocket.send_json({"errors": wrong.errors})
        except WebSocketDisconnect:
            return
        else:
            yield line.text


@app.get("/rooms/{room}/log")
async def log(room: str) -> StreamingResponse:
    """The same room for who cannot speak WebSocket: a line of JSON a message, until the client leaves."""

    async def lines() -> AsyncIterator[str]:
        async with rooms.subscribe(room, history=20) as subscription:
            async for message in subscription:
                yield f"{message!s}\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@app.get("/", include_in_schema=False)
async def page() -> HTMLResponse:
    """A chat of thirty lines."""
    return HTMLResponse(PAGE)


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>VelociPy chat</title>
<h1>Lobby</h1>
<ol id="lines"></ol>
<form id="form"><input id="text" autocomplete="off" autofocus><button>Say</button></form>
<script>
  const name = "guest-" + Math.floor(Math.random() * 1000);
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/rooms/lobby?name=${name}`);
  const show = (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.getElementById("lines").append(item);
  };
  socket.onmessage = (event) => {
    const line = JSON.parse(event.data);
    show(line.errors ? JSON.stringify(line.errors) : `${line.name}: ${line.text}`);
  };
  socket.onclose = (event) => show(`closed (${event.code} ${event.reason})`);
  document.getElementById("form").onsubmit = (event) => {
    event.preventDefault();
    socket.send(JSON.stringify({ text: document.getElementById("text").value }));
    event.target.reset();
  };
</script>
"""
