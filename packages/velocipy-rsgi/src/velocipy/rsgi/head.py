"""Answers to HEAD over HTTP/2, where Granian 2.8.7 sends whatever body it is given. Knows the protocol object; knows no app.

Over HTTP/1.1 it leaves the body out by itself, which is how one handler serves GET and HEAD. RFC 9113 section 8.1.1 has a client take
a body of HEAD for a broken stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Headless:
    """A protocol object that sends heads alone, with the length that the body would have had (RFC 9110 section 8.6)."""

    __slots__ = ("_proto",)

    def __init__(self, proto: Any) -> None:
        self._proto: Any = proto

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proto, name)

    def __call__(self) -> Any:
        return self._proto()

    def __aiter__(self) -> Any:
        return self._proto.__aiter__()

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        """The head of that answer."""
        if not any(name == "content-length" for name, _ in headers):
            headers = [*headers, ("content-length", str(len(body)))]
        self._proto.response_bytes(status, headers, b"")

    def response_file_range(self, status: int, headers: Any, path: str, start: int, end: int) -> None:
        """The same; `headers` hold the length."""
        self._head(status, headers)

    def response_stream(self, status: int, headers: Any) -> Nowhere:
        """The same, and a transport that takes what comes."""
        self._head(status, headers)
        return Nowhere()

    def _head(self, status: int, headers: Any) -> None:
        """A declared length stands as it is, which `response_empty` does not promise."""
        if any(name == "content-length" for name, _ in headers):
            self._proto.response_bytes(status, headers, b"")
        else:
            self._proto.response_empty(status, headers)


class Nowhere:
    """A transport of a body that is not sent."""

    __slots__ = ()

    async def send_bytes(self, data: bytes) -> None:
        """Nothing."""


def head(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler -> the same for HEAD."""

    def handle(scope: Any, proto: Any, values: Any) -> Any:
        if scope.http_version == "2" and proto.__class__ is not Headless:
            proto = Headless(proto)
        return handler(scope, proto, values)

    return handle
