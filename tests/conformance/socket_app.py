"""The app of the tests of WebSockets over real servers. Knows endpoints; does not know which server runs it."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

from velocipy import HTTPException, VelociPy, WebSocket
from velocipy.channels import Channels
from velocipy.exceptions import SendTimeout, WebSocketDisconnect
from velocipy.middleware import RequestIDMiddleware, SecurityHeadersMiddleware
from velocipy.socket_options import socket_options

app = VelociPy(plugins=False)
channels = Channels(max_queue=20, overflow="close")
notes: dict[str, list[Any]] = {}

CHUNK = b"x" * 64 * 1024


@app.get("/state")
async def state() -> dict[str, int]:
    """What must not grow."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "pid": os.getpid(),
        "tasks": len(asyncio.all_tasks()),
        "files": len(os.listdir("/proc/self/fd")),
        "subscribers": channels.count(),
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
    }


@app.get("/notes/{name}")
async def notes_of(name: str) -> list[Any]:
    """What an endpoint wrote down."""
    return notes.get(name, [])


@app.get("/noted/{prefix}")
async def noted(prefix: str) -> dict[str, list[Any]]:
    """The same of all whose name begins so."""
    return {name: heard for name, heard in notes.items() if name.startswith(prefix)}


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Sends back what comes."""
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)


@app.websocket("/protocol")
async def protocol(websocket: WebSocket) -> None:
    """Takes the last subprotocol that is offered, where the server can."""
    offered = list(websocket.subprotocols)
    await websocket.accept(offered[-1] if websocket.capabilities.subprotocols and offered else None)
    await websocket.send_json(offered)


@app.websocket("/close/{code:int}")
async def close(websocket: WebSocket, code: int) -> None:
    """Closes."""
    await websocket.accept()
    await websocket.send_text("closing")
    await websocket.close(code, "because")


@app.websocket("/watch/{name}")
async def watch(websocket: WebSocket, name: str) -> None:
    """Notes what comes, and how it ends."""
    heard = notes.setdefault(name, [])
    await websocket.accept()
    try:
        while True:
            heard.append(len(await websocket.receive()))
    except WebSocketDisconnect as exc:
        heard.append([exc.code, exc.reason])
    for attempt in (websocket.receive, lambda: websocket.send_text("x")):
        try:
            await attempt()
        except WebSocketDisconnect:
            heard.append("disconnected")


@app.websocket("/hear/{name}")
async def hear(websocket: WebSocket, name: str) -> None:
    """Sends back what comes, and notes it and how it ends; bytes as hexadecimal digits."""
    heard = notes.setdefault(name, [])
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            heard.append(message if isinstance(message, str) else ["bytes", message.hex()])
            await websocket.send(message)
    except WebSocketDisconnect as exc:
        heard.append(exc.code)


@app.websocket("/late/{name}")
async def late(websocket: WebSocket, name: str) -> None:
    """Accepts when the client may have left."""
    heard = notes.setdefault(name, [])
    heard.append("connecting")
    await asyncio.sleep(0.3)
    try:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.receive()
    except WebSocketDisconnect:
        heard.append("disconnected")
        await websocket.close()
        raise
    finally:
        heard.append(websocket.connection_state.name)


@app.websocket("/error")
async def error(websocket: WebSocket) -> None:
    """Raises what nobody expects."""
    await websocket.accept()
    await websocket.receive()
    raise LookupError("nobody expects this")


@app.websocket("/denied/{status:int}")
async def denied(websocket: WebSocket, status: int) -> None:
    """Refuses: with a body below 500, by an exception above."""
    if status < 500:
        await websocket.deny(status, "no", {"x-why": "because"})
    raise HTTPException(status)


@app.websocket(
    "/armored/{status:int}", middleware=[SecurityHeadersMiddleware(csp=None), RequestIDMiddleware()]
)
async def armored(websocket: WebSocket, status: int) -> None:
    """Answers the handshake with this status, 101 included."""
    if status != 101:
        raise HTTPException(status, "no")
    await websocket.accept(
        headers={"x-frame-options": "SAMEORIGIN"} if websocket.capabilities.accept_headers else None
    )


@app.websocket("/able")
async def able(websocket: WebSocket) -> None:
    """Asks for all that the server is said to do, and tells what that is."""
    can = websocket.capabilities
    await websocket.accept("b" if can.subprotocols else None, {"x-able": "1"} if can.accept_headers else None)
    await websocket.send_json(can._asdict())
    await websocket.close(4001, "bye")


@app.websocket("/deaf/{name}")
async def deaf(websocket: WebSocket, name: str) -> None:
    """Never reads."""
    await websocket.accept()
    await asyncio.sleep(1.0)
    notes[name] = ["slept"]


@app.websocket("/flood/{name}")
async def flood(websocket: WebSocket, name: str) -> None:
    """Sends without end to a peer that may take half a second for a message."""
    websocket.options = socket_options(send_timeout=0.5)
    websocket.wakes_receiver = True
    heard = notes.setdefault(name, [])
    await websocket.accept()
    sent = 0

    async def push() -> None:
        nonlocal sent
        try:
            while True:
                await websocket.send_bytes(CHUNK)
                sent += 1
        except WebSocketDisconnect as exc:
            heard.append(type(exc) is SendTimeout)

    pushing = asyncio.create_task(push())
    try:
        await websocket.receive()
    except WebSocketDisconnect:
        heard.append("woken")
    await pushing
    heard.append(sent)


@app.websocket("/two")
async def two(websocket: WebSocket) -> None:
    """Three tasks send at once while a fourth receives."""
    await websocket.accept()

    async def send(letter: str) -> None:
        for length in (1, 100, 10_000, 200_000):
            for _ in range(10):
                await websocket.send_text(letter * length)

    receiving = asyncio.create_task(websocket.receive())
    await asyncio.gather(*(send(letter) for letter in "abc"))
    await websocket.send(await receiving)


@app.websocket("/patient")
async def patient(websocket: WebSocket) -> None:
    """Waits for a message in turns, sending between them."""
    await websocket.accept()
    for _ in range(5):
        try:
            await websocket.send(await asyncio.wait_for(websocket.receive(), 0.2))
        except TimeoutError:
            await websocket.send_text("waiting")


@app.websocket("/chat/{room}")
async def chat(websocket: WebSocket, room: str) -> None:
    """Everybody of a room hears everybody."""
    await websocket.accept()
    async with channels.subscribe(room, to=websocket):
        async for message in websocket:
            await channels.publish(room, message)


@app.post("/publish/{room}")
async def publish(room: str) -> int:
    """Messages until nobody is left -> how many."""
    published = 0
    while channels.count(room) and published < 10_000:
        await channels.publish(room, CHUNK)
        await asyncio.sleep(0.001)
        published += 1
    return published
