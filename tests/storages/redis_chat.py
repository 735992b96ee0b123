"""Rooms of which every worker has some visitors, as a server runs them: who comes is told which worker it has come to."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from velocipy import VelociPy, WebSocket
from velocipy.channels import Channels
from velocipy.redis import RedisChannels, RedisUnavailable

rooms = Channels(RedisChannels(os.environ["REDIS_URL"], prefix="chat:", history=100, deadline=2))


@asynccontextmanager
async def lifespan(app: VelociPy) -> AsyncIterator[None]:
    async with rooms:
        yield


app = VelociPy(lifespan=lifespan, plugins=False)


@app.get("/health")
async def health() -> str:
    return "ok"


@app.websocket("/rooms/{room}")
async def chat(websocket: WebSocket, room: str) -> None:
    await websocket.accept()
    await websocket.send(str(os.getpid()))
    async with rooms.subscribe(room, to=websocket):
        await websocket.send("joined")
        async for text in websocket.iter_text():
            try:
                await rooms.publish(room, text)
            except RedisUnavailable:
                await websocket.send("try again")
