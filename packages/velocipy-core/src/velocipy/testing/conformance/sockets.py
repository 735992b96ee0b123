"""Cases: WebSockets from handshake to close. Each stands below the endpoints that it asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from velocipy.exceptions import HTTPException, WebSocketDisconnect
from velocipy.handlers.markers import Header
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.case import Nonconforming, case, holds, new_key, noted, refusal, same
from velocipy.testing.conformance.notes import note
from velocipy.testing.conformance.streams import RUSH
from velocipy.testing.conformance.target import (
    CLOSE_CODES,
    DENIAL_STATUS,
    PEER_CODES,
    SUBPROTOCOLS,
    Closing,
    ask,
    handshake,
)
from velocipy.websocket import WebSocket

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Target

TICKS = 2_000
"""Messages after which `/ticker` gives up on a server that never tells."""

router: APIRouter = APIRouter()


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Sends back what comes, in the kind that it came in."""
    await websocket.accept()
    async for message in websocket:
        if isinstance(message, str):
            await websocket.send_text(message)
        else:
            await websocket.send_bytes(message)


@router.websocket("/socket-parameters/{room}/{number:int}")
async def socket_parameters(
    websocket: WebSocket, room: str, number: int, page: int = 1, x_name: Annotated[str, Header()] = "-"
) -> None:
    """What the handshake was asked with."""
    await websocket.accept()
    await websocket.send_json(
        [room, number, page, x_name, websocket.path, websocket.query_string, websocket.scheme]
    )


@router.websocket("/denied/{how}")
async def denied(websocket: WebSocket, how: str) -> None:
    """Refuses the handshake."""
    if how == "exception":
        raise HTTPException(401, "who are you?")
    if how == "error":
        raise LookupError("before accept")
    if how == "close":
        await websocket.close(4001, "no")
    if how == "deny":
        await websocket.deny(429)


@router.websocket("/closing/{how}")
async def closing(websocket: WebSocket, how: str) -> None:
    """Accepts, and ends in one of many ways."""
    await websocket.accept()
    await websocket.send_text("accepted")
    if how == "code":
        await websocket.close(4001, "bye")
    if how == "error":
        raise LookupError("after accept")
    if how == "exception":
        raise HTTPException(403, "no more")


@router.websocket("/watched/{key}")
async def watched(websocket: WebSocket, key: str) -> None:
    """Notes how its peer goes."""
    await websocket.accept()
    try:
        while True:
            note(key, await websocket.receive())
    except WebSocketDisconnect as exc:
        note(key, "disconnected")
        note(key, exc.code)


@router.websocket("/ticker/{key}")
async def ticker(websocket: WebSocket, key: str) -> None:
    """Sends until that says that the peer has gone, and never receives."""
    await websocket.accept()
    try:
        for _ in range(TICKS):
            await websocket.send_text("x" * 1_000)
            await asyncio.sleep(0.005)
    except WebSocketDisconnect:
        note(key, "disconnected")


@router.websocket("/rushing-socket/{key}")
async def rushing_socket(websocket: WebSocket, key: str) -> None:
    """Sends without a pause, and notes whether it got to its end."""
    await websocket.accept()
    try:
        for _ in range(RUSH):
            await websocket.send_text("x" * 100)
        note(key, "finished")
    except WebSocketDisconnect:
        note(key, "disconnected")


@router.websocket("/protocols")
async def protocols(websocket: WebSocket) -> None:
    """Takes the second protocol of those offered."""
    await websocket.accept(subprotocol=websocket.subprotocols[1])
    await websocket.send_text(",".join(websocket.subprotocols))


async def ending(target: Target, path: str) -> Closing:
    """How a WebSocket is closed that first sends "accepted"."""
    socket = await target.open_socket(handshake(path))
    same(f"{path}: first message", await socket.receive(), "accepted")
    end = await socket.receive()
    await socket.leave()
    if not isinstance(end, Closing):
        raise Nonconforming(f"{path}: got {end!r}, wanted a close")
    return end


@case()
async def messages_come_back_as_they_went(target: Target) -> None:
    """Text and binary messages pass both ways, empty and long ones too, each as its own kind and in order."""
    socket = await target.open_socket(handshake("/echo"))
    messages = ("naïve €", b"\x00\xff", "", b"", "x" * 70_000, b"y" * 70_000)
    for message in messages:
        await socket.send(message)
        same("echo", await socket.receive(), message)
    for message in messages[:2]:
        await socket.send(message)
    same("two at once", [await socket.receive(), await socket.receive()], list(messages[:2]))
    await socket.close()


@case()
async def handshakes_bring_their_parameters(target: Target) -> None:
    """Path, query and header parameters of the handshake reach the endpoint converted; the scheme is ws."""
    asked = handshake("/socket-parameters/a%20b/7?page=2", ("x-name", "n1"))
    socket = await target.open_socket(asked)
    wanted = '["a b",7,2,"n1","/socket-parameters/a b/7","page=2","ws"]'
    same("parameters", await socket.receive(), wanted)
    await socket.leave()


@case()
async def a_handshake_may_be_refused(target: Target) -> None:
    """What no route serves, is closed before accept, or is never accepted, is refused: 403, whatever the close code."""
    for path in ("/no-such-socket", "/denied/close", "/denied/silence"):
        same(path, await refusal(target, path), 403)


@case(DENIAL_STATUS)
async def a_refusal_has_its_status(target: Target) -> None:
    """An HTTPException before accept refuses with its status, `deny` with the one given, an unhandled error with 500."""
    for path, status in (("/denied/exception", 401), ("/denied/deny", 429), ("/denied/error", 500)):
        same(path, await refusal(target, path), status)


@case()
async def every_end_closes_the_socket(target: Target) -> None:
    """A WebSocket is closed with a close frame when its endpoint returns, closes, or raises."""
    for how in ("return", "code", "error", "exception"):
        end = await ending(target, f"/closing/{how}")
        holds(f"/closing/{how}: the connection was lost without a close frame", end.code != 1006)


@case(CLOSE_CODES)
async def close_codes_and_reasons_arrive(target: Target) -> None:
    """The peer sees the endpoint's code and reason: 1000 for its end, 1011 for an error, 1008 for an HTTPException."""
    same("own code", await ending(target, "/closing/code"), Closing(4001, "bye"))
    same("return", (await ending(target, "/closing/return")).code, 1000)
    same("error", (await ending(target, "/closing/error")).code, 1011)
    same("HTTPException", (await ending(target, "/closing/exception")).code, 1008)


@case()
async def a_peer_that_closes_is_told_of(target: Target) -> None:
    """When the peer closes, receiving raises WebSocketDisconnect, after the messages that came before."""
    key = new_key()
    socket = await target.open_socket(handshake(f"/watched/{key}"))
    await socket.send("last words")
    await socket.close(1000)
    same("notes", (await noted(target, key, "disconnected"))[:2], ["last words", "disconnected"])


@case(PEER_CODES)
async def the_peers_close_code_arrives(target: Target) -> None:
    """The code of the peer's close is that of the WebSocketDisconnect."""
    key = new_key()
    socket = await target.open_socket(handshake(f"/watched/{key}"))
    await socket.close(4002)
    await noted(target, key, "4002")


@case()
async def a_lost_peer_ends_receiving(target: Target) -> None:
    """When the connection is lost without a close frame, receiving raises WebSocketDisconnect within seconds."""
    key = new_key()
    socket = await target.open_socket(handshake(f"/watched/{key}"))
    await socket.send("last words")
    await noted(target, key, "last words")
    await socket.leave()
    await noted(target, key, "disconnected")


@case()
async def a_lost_peer_ends_sending(target: Target) -> None:
    """When the connection is lost, sending raises WebSocketDisconnect within seconds, though nobody receives."""
    key = new_key()
    socket = await target.open_socket(handshake(f"/ticker/{key}"))
    same("first message", await socket.receive(), "x" * 1_000)
    await socket.leave()
    await noted(target, key, "disconnected")


@case()
async def a_lost_peer_ends_sending_without_pause(target: Target) -> None:
    """The same for an endpoint that never gives way: it does not keep the server from hearing."""
    key = new_key()
    socket = await target.open_socket(handshake(f"/rushing-socket/{key}"))
    same("first message", await socket.receive(), "x" * 100)
    await socket.leave()
    same("notes", await noted(target, key, "disconnected"), ["disconnected"])


@case(SUBPROTOCOLS)
async def a_subprotocol_is_agreed_on(target: Target) -> None:
    """The endpoint sees the protocols that the client offers, in order, and the client the one that is chosen."""
    socket = await target.open_socket(handshake("/protocols", ("sec-websocket-protocol", "chat.v1, chat.v2")))
    same("chosen", socket.handshake.subprotocol, "chat.v2")
    same("offered", await socket.receive(), "chat.v1,chat.v2")
    await socket.leave()


@case()
async def http_and_sockets_do_not_mix(target: Target) -> None:
    """A plain request for a WebSocket's path is 404, a handshake for an HTTP path 403."""
    same("GET", (await ask(target, "GET", "/echo")).status, 404)
    same("handshake", await refusal(target, "/results/json"), 403)
