"""WebSocket endpoints for cases 101 to 110. Knows no case."""

from __future__ import annotations

from case_tally import TALLY

from velocipy import APIRouter, Session, SessionMiddleware, VelociPy, WebSocket
from velocipy.exceptions import SendTimeout, WebSocketDisconnect

router = APIRouter(prefix="/sockets")
visited = VelociPy(plugins=False)
visited.add_middleware(SessionMiddleware("kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe", https_only=False))

CHUNK = b"x" * 65_536
MEBIBYTE = 1024 * 1024


@visited.get("/login")
async def login(session: Session) -> None:
    """Begins a session."""
    session["user"] = 7


@visited.websocket("/ws")
@visited.websocket("/strict", require_origin=True)
@visited.websocket("/listed", allowed_origins=["https://app.example", "same-origin"])
async def talk(websocket: WebSocket, session: Session) -> None:
    """Says whose session it is."""
    TALLY["talks with a session"] += 1
    await websocket.accept()
    await websocket.send_json(session.get("user"))


@router.websocket("/protocol")
async def protocol(websocket: WebSocket) -> None:
    """Says what was offered, after it has tried to take what was not."""
    offered = list(websocket.subprotocols)
    try:
        await websocket.accept("never offered")
    except ValueError:
        TALLY["subprotocols not offered"] += 1
    able = websocket.capabilities.subprotocols
    await websocket.accept(offered[-1] if able and offered else None)
    await websocket.send_json(offered)


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Sends back what comes, up to a mebibyte."""
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)
    TALLY["echoes ended"] += 1


@router.websocket("/text")
async def text(websocket: WebSocket) -> None:
    """Takes text alone."""
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


@router.websocket("/bytes")
async def octets(websocket: WebSocket) -> None:
    """Takes bytes alone."""
    await websocket.accept()
    async for message in websocket.iter_bytes():
        await websocket.send_bytes(message)


@router.websocket("/flood", send_timeout=0.3)
async def flood(websocket: WebSocket) -> None:
    """Sends without end to a peer that may take so long for a message, and counts what it got rid of."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_bytes(CHUNK)
            TALLY["flood"] += 1
    except SendTimeout:
        TALLY["floods timed out"] += 1
    except WebSocketDisconnect:
        TALLY["floods cut off"] += 1
