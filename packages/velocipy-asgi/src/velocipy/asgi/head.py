"""Answers to HEAD over HTTP/2, where Granian 2.8.7 sends whatever body it is given. Knows messages; knows no app.

Over HTTP/1.1 it leaves the body out by itself, as other servers do over both, which is how one handler serves GET and HEAD. RFC 9113
section 8.1.1 has a client take a body of HEAD for a broken stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velocipy.asgi.connection import Message, Send


def headless(send: Send) -> Send:
    """A `send` that leaves bodies empty."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body" and message.get("body"):
            message = {**message, "body": b""}
        await send(message)

    return send_head


def head(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler -> the same for HEAD."""

    def handle(scope: Message, receive: Any, send: Send, values: Any) -> Any:
        return handler(scope, receive, headless(send) if scope.get("http_version") == "2" else send, values)

    return handle
