"""What a case talks to: a server with the kit's app behind it. Knows exchanges as clients see them; knows no server and no protocol.

A `Target` opens exchanges and WebSockets; `RawRequest` is what stands on the wire, `Reply` a whole answer. `InProcessTarget` and
`SocketTarget` are the two that come with the kit; an adapter author needs neither, as long as these protocols are met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from velocipy.testing.exchange import Pairs, RawRequest, Reply, ResponseHead
from velocipy.testing.websocket import Closing, Handshake

ABORT: Final = "abort"
"""A stream that fails ends visibly: the connection is closed before the body's end. RSGI has no call for it."""

CLOSE_CODES: Final = "close codes"
"""A WebSocket's close carries the code and reason that the app gave. RSGI closes without either."""

PEER_CODES: Final = "peer close codes"
"""The app is told the code with which the peer closed. RSGI does not say it, Hypercorn says 1006."""

METHOD_CASE: Final = "method case"
"""Methods arrive as they were sent, and they are case-sensitive. Hypercorn puts them into capitals."""

DENIAL_STATUS: Final = "denial status"
"""A handshake can be refused with any status from 400 to 599, not with 403 alone."""

SUBPROTOCOLS: Final = "subprotocols"
"""The handshake can be answered with a subprotocol. RSGI cannot."""

STOP: Final = "stop"
"""`Target.stop` may be called: the server is this case's own."""


class Exchange(Protocol):
    """One request on its way and its answer; what is sent is framed as the request's own headers say."""

    async def send(self, chunk: bytes) -> None:
        """Send a piece of the request body. Never raises because the server has stopped reading."""
        ...

    async def end(self) -> None:
        """The request body is complete."""
        ...

    async def leave(self) -> None:
        """Lose the connection now, wherever the exchange is: no farewell."""
        ...

    async def head(self) -> ResponseHead:
        """Wait for status and headers, names in lower case. Raises ServerClosed when there will be none."""
        ...

    async def chunk(self) -> bytes | None:
        """The next piece of the body, in sizes of the server's choice; None at its end. Raises ServerClosed when it breaks off."""
        ...

    async def close(self) -> None:
        """Done with it; leaves if the answer is not complete. Raises AssertionError for what only the server's side saw."""
        ...


class Socket(Protocol):
    """One WebSocket that the app has accepted."""

    handshake: Handshake

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message."""
        ...

    async def receive(self) -> str | bytes | Closing:
        """The next message, or how the app closed: code 1005 for none, 1006 for a lost connection."""
        ...

    async def close(self, code: int = 1000) -> None:
        """Close with a code, in order."""
        ...

    async def leave(self) -> None:
        """Lose the connection without a close frame."""
        ...


class Target(Protocol):
    """A server that serves `make_app()`, and what it is able to do."""

    capabilities: frozenset[str]

    async def open(self, request: RawRequest) -> Exchange:
        """Send a request's head on a connection of its own."""
        ...

    async def pipeline(self, asked: Sequence[tuple[RawRequest, bytes]]) -> list[Reply]:
        """Send all requests with their bodies at once on one connection -> the replies.

        Fewer replies than requests when the server closed the connection after one that was whole. Raises ServerClosed for one
        that was not, AssertionError for bytes that belong to no reply.
        """
        ...

    async def open_socket(self, request: RawRequest) -> Socket:
        """Open a WebSocket with this handshake. Raises WebSocketDenied with the answer's status when it is refused."""
        ...

    async def stop(self) -> Sequence[str]:
        """Stop the server and wait for its end -> what the app's lifespan noted; only with the capability `STOP`."""
        ...


HOST: Final = (b"host", b"conformance.test")

HANDSHAKE: Final = (
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
)
"""A client's side of RFC 6455 section 4.1, with the key of its section 1.3."""


def request(
    method: str, target: str, *headers: tuple[str, str], length: int | None = None, chunked: bool = False
) -> RawRequest:
    """A request with one Host line; `length` declares a Content-Length, `chunked` a chunked body."""
    pairs = [HOST, *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)]
    if length is not None:
        pairs.append((b"content-length", b"%d" % length))
    if chunked:
        pairs.append((b"transfer-encoding", b"chunked"))
    return RawRequest(method, target.encode("latin-1"), tuple(pairs))


def handshake(target: str, *headers: tuple[str, str]) -> RawRequest:
    """A WebSocket handshake."""
    asked = request("GET", target, *headers)
    return RawRequest("GET", asked.target, asked.headers + HANDSHAKE, scheme="ws")


async def whole(exchange: Exchange) -> Reply:
    """Read an answer to its end, and close, also where it is none."""
    try:
        head = await exchange.head()
        chunks: list[bytes] = []
        while (chunk := await exchange.chunk()) is not None:
            chunks.append(chunk)
    finally:
        await exchange.close()
    return Reply(head.status, head.headers, b"".join(chunks))


async def send(target: Target, asked: RawRequest, body: bytes = b"") -> Reply:
    """Send a request made by hand, in one piece."""
    exchange = await target.open(asked)
    if body:
        await exchange.send(body)
    await exchange.end()
    return await whole(exchange)


async def ask(
    target: Target, method: str, path: str, *headers: tuple[str, str], body: bytes | None = None
) -> Reply:
    """`ask(target, "GET", "/a?b=c")` -> the whole answer; a body gets its Content-Length."""
    asked = request(method, path, *headers, length=None if body is None else len(body))
    return await send(target, asked, body or b"")


def header(reply: Reply | ResponseHead, name: str) -> list[str]:
    """Every value of one header, in order."""
    return [value.decode("latin-1") for key, value in reply.headers if key == name.encode()]


__all__ = ["Closing", "Handshake", "Pairs", "RawRequest", "Reply", "ResponseHead"]
