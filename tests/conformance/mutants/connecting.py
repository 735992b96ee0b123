"""Mutants that get WebSockets and the lifespan wrong. Each is a mistake that an adapter's author could make."""

from __future__ import annotations

import asyncio
from typing import Any

from mutants.base import asgi, asgi_with, mutant, rsgi, rsgi_with

from velocipy.asgi.websocket import ASGIWebSocket
from velocipy.exceptions import WebSocketDisconnect
from velocipy.protocols import Dialect, HeaderPairs
from velocipy.rsgi.websocket import RSGIWebSocket


@mutant("messages_come_back_as_they_went")
def text_sent_as_bytes() -> Dialect:
    """Sends text as binary messages."""

    class Binary(ASGIWebSocket):
        async def send_text(self, text: str) -> None:
            await self.send_bytes(text.encode())

    return asgi_with(ASGIWebSocket=Binary)


@mutant("messages_come_back_as_they_went")
def empty_messages_dropped() -> Dialect:
    """Takes an empty message for none."""

    class Thrifty(RSGIWebSocket):
        async def receive(self) -> Any:
            while True:
                message = await super().receive()
                if self.read(message):
                    return message

    return rsgi_with(RSGIWebSocket=Thrifty)


@mutant("handshakes_bring_their_parameters")
def handshakes_without_query() -> Dialect:
    """The handshake has no query."""

    class Queryless(RSGIWebSocket):
        query_string = ""

    return rsgi_with(RSGIWebSocket=Queryless)


@mutant("handshakes_bring_their_parameters")
def handshakes_over_http() -> Dialect:
    """Repeats the scheme that the server says."""

    class Literal(RSGIWebSocket):
        scheme = property(lambda self: self.scope.scheme)

    return rsgi_with(RSGIWebSocket=Literal)


@mutant("a_handshake_may_be_refused", "a_refusal_has_its_status", "impossible_closes_do_no_harm")
def refusals_accepted() -> Dialect:
    """Accepts, then closes."""

    class Accepting(ASGIWebSocket):
        async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
            await self.accept(None, ())
            await self.close(1008, "")

    return asgi_with(ASGIWebSocket=Accepting)


@mutant("a_refusal_has_its_status")
def refusals_all_alike() -> Dialect:
    """Refuses with 403 whatever was said."""

    class Forbidding(RSGIWebSocket):
        async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
            self.proto.close(403)

    return rsgi_with(RSGIWebSocket=Forbidding)


@mutant("impossible_closes_do_no_harm", "a_handshake_may_be_refused")
def close_codes_as_statuses() -> Dialect:
    """Refuses with a WebSocket close code, which kills a Granian worker."""

    class Mixing(RSGIWebSocket):
        async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
            self.proto.close(4000 + status)

    return rsgi_with(RSGIWebSocket=Mixing)


@mutant("impossible_closes_do_no_harm", gates={"velocipy.websocket:check_close": lambda code, reason: None})
def close_codes_unchecked() -> Dialect:
    """Sends any close code."""
    return asgi()


@mutant("every_end_closes_the_socket")
def never_closes() -> Dialect:
    """Leaves the close to the server, which then only drops the connection."""

    class Silent(ASGIWebSocket):
        async def close(self, code: int, reason: str) -> None:
            return

    return asgi_with(ASGIWebSocket=Silent)


@mutant("every_end_closes_the_socket", "close_codes_and_reasons_arrive")
def closes_with_a_word() -> Dialect:
    """Says the reason of a close as a message."""

    class Wordy(ASGIWebSocket):
        async def close(self, code: int, reason: str) -> None:
            await self.send_text(reason)
            await super().close(code, reason)

    return asgi_with(ASGIWebSocket=Wordy)


@mutant("close_codes_and_reasons_arrive")
def closes_without_code() -> Dialect:
    """Closes without a code where it could send one."""

    class Codeless(ASGIWebSocket):
        async def close(self, code: int, reason: str) -> None:
            await self._send({"type": "websocket.close"})

    return asgi_with(ASGIWebSocket=Codeless)


class Deaf(ASGIWebSocket):
    """Does not hear that the peer has gone."""

    async def receive(self) -> Any:
        message = await super().receive()
        if message["type"] == "websocket.disconnect":
            await asyncio.Event().wait()
        return message


@mutant("a_peer_that_closes_is_told_of", "a_lost_peer_ends_receiving")
def closes_unheard() -> Dialect:
    """Waits for the next message after the last one."""
    return asgi_with(ASGIWebSocket=Deaf)


@mutant("the_peers_close_code_arrives")
def codes_of_the_peer_dropped() -> Dialect:
    """Says 1000 for every close of the peer's."""

    class Calm(ASGIWebSocket):
        def read(self, message: Any) -> str | bytes:
            try:
                return super().read(message)
            except WebSocketDisconnect:
                raise WebSocketDisconnect(1000) from None

    return asgi_with(ASGIWebSocket=Calm)


@mutant("a_lost_peer_ends_sending", "a_lost_peer_ends_sending_without_pause")
def sends_to_nobody() -> Dialect:
    """Swallows that the peer has gone."""

    class Talkative(RSGIWebSocket):
        async def send_text(self, text: str) -> None:
            try:
                await super().send_text(text)
            except Exception as exc:
                if self._transport is not None and self.left_by(exc) is None:
                    raise

    return rsgi_with(RSGIWebSocket=Talkative)


@mutant("a_subprotocol_is_agreed_on")
def subprotocols_dropped() -> Dialect:
    """Accepts without the subprotocol."""

    class Plain(ASGIWebSocket):
        async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
            await super().accept(None, headers)

    return asgi_with(ASGIWebSocket=Plain)


@mutant("http_and_sockets_do_not_mix")
def handshakes_taken_for_requests() -> Dialect:
    """Routes a handshake as a GET where a route for one is there."""
    return asgi(
        is_socket="scope['type'] == 'websocket' and not scope['path'].startswith('/results')", method="'GET'"
    )


# -- the lifespan --------------------------------------------------------------------------------------------------------


@mutant("the_lifespan_starts_once_before_requests")
def never_starts() -> Dialect:
    """Does not start the lifespan."""
    return rsgi(start=None)


def start_sometime(lifespan: Any, loop: asyncio.AbstractEventLoop) -> None:
    loop.create_task(lifespan.start())


@mutant("the_lifespan_starts_once_before_requests")
def starts_sometime() -> Dialect:
    """Starts the lifespan without waiting for it, so that the first request is earlier."""
    return rsgi(start=start_sometime)


async def only_start(lifespan: Any, receive: Any, send: Any) -> None:
    await receive()
    await lifespan.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


@mutant("the_lifespan_stops_once")
def never_stops() -> Dialect:
    """Says that it has stopped, and has not."""
    return asgi_with(serve_lifespan=only_start)
