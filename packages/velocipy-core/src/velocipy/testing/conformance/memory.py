"""A target in this process: an in-process server with the kit's app behind it. Knows exchanges; opens no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from velocipy.testing.conformance.app import make_app
from velocipy.testing.conformance.case import SECONDS, Case, run_case
from velocipy.testing.conformance.target import (
    ABORT,
    CLOSE_CODES,
    DENIAL_STATUS,
    METHOD_CASE,
    PEER_CODES,
    STOP,
    SUBPROTOCOLS,
    whole,
)
from velocipy.testing.interface import make_server

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Closing, RawRequest, Reply, ResponseHead
    from velocipy.testing.exchange import HTTPExchange
    from velocipy.testing.server import Server
    from velocipy.testing.websocket import Handshake, WebSocketExchange

CAPABILITIES = {
    "asgi": frozenset({ABORT, CLOSE_CODES, PEER_CODES, DENIAL_STATUS, SUBPROTOCOLS, METHOD_CASE, STOP}),
    "rsgi": frozenset({DENIAL_STATUS, METHOD_CASE, STOP}),
}
"""What the two protocols let an app do."""


class InProcessTarget:
    """An in-process server that is up. Faults on its side of the wire are raised as AssertionError."""

    def __init__(self, server: Server, capabilities: frozenset[str], journal: list[str]) -> None:
        self.capabilities = capabilities
        self._server = server
        self._journal = journal

    async def open(self, request: RawRequest) -> MemoryExchange:
        """Start the app on a request."""
        return MemoryExchange(self._server.open(request))

    async def pipeline(self, asked: Sequence[tuple[RawRequest, bytes]]) -> list[Reply]:
        """One after the other: an in-process server has no connection, and reports what would put one out of step."""
        replies: list[Reply] = []
        for request, body in asked:
            exchange = await self.open(request)
            await exchange.send(body)
            await exchange.end()
            replies.append(await whole(exchange))
        return replies

    async def open_socket(self, request: RawRequest) -> MemorySocket:
        """Open a WebSocket."""
        exchange = self._server.open_websocket(request)
        return MemorySocket(exchange, await exchange.opened())

    async def stop(self) -> list[str]:
        """Stop as an embedded server does, from inside the loop."""
        await self._server.cancel()
        await self._server.stop_here()
        while "stop" not in self._journal:
            await asyncio.sleep(0.01)
        return self._journal


class MemoryExchange:
    """The client's end of an exchange in this loop."""

    def __init__(self, exchange: HTTPExchange) -> None:
        self._exchange = exchange

    async def send(self, chunk: bytes) -> None:
        """Send a piece; wait while the app has much to read."""
        self._exchange.feed(chunk)
        await self._exchange.drained()

    async def end(self) -> None:
        """The body is complete."""
        self._exchange.end()

    async def leave(self) -> None:
        """Lose the connection."""
        exchange = self._exchange
        exchange.leave() if exchange.upload_ended else exchange.cut()

    async def head(self) -> ResponseHead:
        """Status and headers."""
        return await self._exchange.head()

    async def chunk(self) -> bytes | None:
        """A piece of the answer."""
        return await self._exchange.chunk()

    async def close(self) -> None:
        """Done with it."""
        await self._exchange.close()


class MemorySocket:
    """The client's end of a WebSocket in this loop."""

    def __init__(self, exchange: WebSocketExchange, handshake: Handshake) -> None:
        self._exchange = exchange
        self.handshake = handshake

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        await self._exchange.send(message)

    async def receive(self) -> str | bytes | Closing:
        """The next message."""
        return await self._exchange.receive()

    async def close(self, code: int = 1000) -> None:
        """Close with a code."""
        await self._exchange.close(code)

    async def leave(self) -> None:
        """Lose the connection."""
        self._exchange.leave()
        await self._exchange.close()


def run_in_process(
    case: Case,
    interface: str,
    *,
    seconds: float = SECONDS,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Run one case on an app of its own: "asgi" or "rsgi", started and stopped as by a worker whose loop stands still.

    `loop_factory` makes that loop, such as `uvloop.new_event_loop`; without one it is asyncio's.
    Raises AssertionError when the case does not hold.
    """
    journal: list[str] = []
    app = make_app(journal.append)
    server = make_server(app, interface, propagate=False, app_timeout=seconds, root_path="")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        loop = runner.get_loop()
        server.start(loop)
        try:
            runner.run(run_case(case, InProcessTarget(server, CAPABILITIES[interface], journal), seconds))
        finally:
            runner.run(server.cancel())
            if "stop" not in journal:
                server.stop(loop)
