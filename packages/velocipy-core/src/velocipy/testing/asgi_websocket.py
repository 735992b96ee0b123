"""`receive` and `send` of one WebSocket, as uvicorn 0.54 behaves. Knows messages; makes no scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from velocipy.testing.websocket import Closing

if TYPE_CHECKING:
    from velocipy.testing.asgi import ASGIApp, Message
    from velocipy.testing.websocket import WebSocketExchange


class PeerGone(OSError):
    """What `send` raises after the client left; uvicorn raises an OSError of its own here."""


class Session:
    """The `receive` and `send` of one WebSocket."""

    def __init__(self, exchange: WebSocketExchange) -> None:
        self.exchange = exchange
        self.connected: bool = False
        self.denial: tuple[int, list[tuple[bytes, bytes]], bytes] | None = None

    async def receive(self) -> Message:
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        exchange = self.exchange
        if exchange.handshake is not None and not exchange.accepted:
            return {"type": "websocket.disconnect", "code": 1006}
        await exchange.signal.until(
            lambda: bool(exchange.inbox or exchange.client_closing or exchange.server_closing)
        )
        if exchange.server_closing is not None and not exchange.inbox:
            return disconnect(exchange.server_closing)
        message = await exchange.next_message()
        if isinstance(message, Closing):
            return disconnect(message)
        if isinstance(message, str):
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    async def send(self, message: Message) -> None:
        exchange = self.exchange
        if exchange.client_closing is not None:
            raise PeerGone
        if self.denial is not None and exchange.handshake is None:
            self._deny_body(message)
        elif exchange.handshake is None:
            self._answer(message)
        elif exchange.accepted and exchange.server_closing is None:
            await self._send_open(message)
        else:
            raise RuntimeError(
                f"Unexpected ASGI message '{message['type']}', after sending 'websocket.close'."
            )

    def _answer(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            pairs = tuple((bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ()))
            self.exchange.accept(pairs, message.get("subprotocol"))
        elif message["type"] == "websocket.close":
            self.exchange.refuse(403)
        elif message["type"] == "websocket.http.response.start":
            if not 100 <= message["status"] < 600:
                raise RuntimeError(f"Invalid HTTP status code '{message['status']}' in response.")
            self.denial = (message["status"], list(message.get("headers", ())), b"")
        else:
            raise RuntimeError(
                "Expected ASGI message 'websocket.accept', 'websocket.close' or "
                f"'websocket.http.response.start' but got '{message['type']}'."
            )

    def _deny_body(self, message: Message) -> None:
        if message["type"] != "websocket.http.response.body":
            raise RuntimeError(
                f"Expected ASGI message 'websocket.http.response.body' but got '{message['type']}'."
            )
        assert self.denial is not None
        status, headers, body = self.denial
        self.denial = (status, headers, body + message.get("body", b""))
        if not message.get("more_body", False):
            pairs = tuple((bytes(name).lower(), bytes(value)) for name, value in headers)
            self.exchange.refuse(status, pairs, self.denial[2])

    async def _send_open(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            self.exchange.shut(message.get("code", 1000), message.get("reason") or "")
        elif message["type"] == "websocket.send":
            data = message.get("bytes")
            await self.exchange.push(message["text"] if data is None else bytes(data))
        else:
            raise RuntimeError(
                f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{message['type']}'."
            )


def disconnect(closing: Closing) -> Message:
    """What an ASGI server tells an app whose peer has closed."""
    return {"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason}


async def serve_websocket(app: ASGIApp, scope: Message, exchange: WebSocketExchange) -> None:
    """Runs the app; without an answer to the handshake it is 500, without a close the connection is lost."""
    session = Session(exchange)
    try:
        await app(scope, session.receive, session.send)
    except PeerGone:
        pass
    except BaseException as exc:
        exchange.error = exc
    if exchange.handshake is None:
        exchange.refuse(500, ((b"content-type", b"text/plain; charset=utf-8"),), b"Internal Server Error")
    exchange.shut(1006)
