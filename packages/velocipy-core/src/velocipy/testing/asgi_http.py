"""`receive` and `send` of one HTTP request, as uvicorn 0.54 with httptools. Knows messages; makes no scope."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from velocipy.testing.exchange import BODYLESS

if TYPE_CHECKING:
    from velocipy.testing.asgi import Message
    from velocipy.testing.exchange import HTTPExchange

# uvicorn's own tests on what an app sends (RFC 9110 sections 5.1 and 5.5, with obs-text let through).
BAD_NAME = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
SERVER_ERROR = b"Internal Server Error"


class Cycle:
    """One request and its answer. What an app does wrong is raised into it, in uvicorn's words."""

    def __init__(self, exchange: HTTPExchange) -> None:
        self.exchange = exchange
        self.started: bool = False
        self.body_delivered: bool = False
        self.expected: int | None = None

    async def receive(self) -> Message:
        """Pieces of the body, then, when the client left or the answer is complete, `http.disconnect` for ever."""
        exchange = self.exchange
        if not exchange.completed and not self.body_delivered:
            chunk = await exchange.upload_chunk()
            if chunk is not None or not exchange.left:
                self.body_delivered = exchange.upload_ended and not exchange.upload
                return {"type": "http.request", "body": chunk or b"", "more_body": not self.body_delivered}
        await exchange.signal.until(lambda: exchange.left or exchange.completed)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Waits as a full socket does; in silence takes whatever comes after the client left."""
        exchange = self.exchange
        await exchange.writable()
        if exchange.left:
            return
        if not self.started:
            self._start(message)
        elif not exchange.completed:
            self._body(message)
        else:
            raise RuntimeError(
                f"Unexpected ASGI message '{message['type']}' sent, after response already completed."
            )

    def settle(self) -> None:
        """Ends the answer of an app that returned or raised: 500 if none began, else a closed connection."""
        exchange = self.exchange
        if exchange.over:
            return
        if self.started:
            exchange.abort()
            return
        length = b"%d" % len(SERVER_ERROR)
        content_type = (b"content-type", b"text/plain; charset=utf-8")
        exchange.begin(500, (content_type, (b"content-length", length), (b"connection", b"close")))
        exchange.push(SERVER_ERROR)
        exchange.complete()

    def _start(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{message['type']}'.")
        self.started = True
        status = message["status"]
        if status not in range(100, 600):
            raise KeyError(status)
        headers = tuple(checked_header(name, value) for name, value in message.get("headers", ()))
        declared = [value for name, value in headers if name == b"content-length"]
        if declared:
            self.expected = int(declared[0])
        self.exchange.begin(status, headers)

    def _body(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{message['type']}'.")
        data = bytes(message.get("body", b""))
        self._count(data)
        self.exchange.push(data)
        if not message.get("more_body", False):
            if self.expected:
                raise RuntimeError("Response content shorter than Content-Length")
            self.exchange.complete()

    def _count(self, data: bytes) -> None:
        """Holds the body against a declared length; a body where none may be is for the exchange to tell."""
        if self.exchange.request.method == "HEAD":
            self.expected = None
        assert self.exchange.response is not None
        if self.expected is None or (data and self.exchange.response.status in BODYLESS):
            return
        if len(data) > self.expected:
            raise RuntimeError("Response content longer than Content-Length")
        self.expected -= len(data)


def checked_header(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A header as it goes out. Raises RuntimeError for what RFC 9110 does not allow."""
    if BAD_NAME.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    if BAD_VALUE.search(value):
        raise RuntimeError("Invalid HTTP header value.")
    return bytes(name).lower(), bytes(value)
