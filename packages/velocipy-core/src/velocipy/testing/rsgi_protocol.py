"""The HTTP protocol object, as Granian 2.8.7 behaves. Knows one exchange; opens no socket.

Every rule here was measured, and is held against the real server by `tests/conformance/test_granian_contract.py`.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Final

from velocipy.testing.errors import ResponseNeverEnds, ServerCrashed, WireDesync
from velocipy.testing.exchange import BODYLESS
from velocipy.testing.later import Later
from velocipy.testing.rsgi_errors import protocol_closed, protocol_error
from velocipy.testing.rsgi_stream import StreamSink, StreamTransport, copy_pipe, to_bytes
from velocipy.untyped import TUPLE

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from velocipy.testing.exchange import HTTPExchange, Pairs
    from velocipy.testing.rsgi_stream import Buffer

    Headers = Sequence[tuple[str, str]]

# RFC 9110 section 5.6.2; others are dropped by Granian without a word.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
FILE_CHUNK = 128 * 1024


class HTTPProtocol:
    """What an RSGI app gets beside the scope."""

    def __init__(self, exchange: HTTPExchange) -> None:
        self._exchange = exchange
        self._body_taken = False
        self._iterating = False
        self._trailing = -1
        self.answered: bool = False
        self.sink: StreamSink | None = None
        self.copying: asyncio.Future[None] | None = None

    # The request body.

    def __call__(self) -> Awaitable[bytes]:
        """The whole body, once: a second call raises RSGIProtocolError; awaiting a cut body, RSGIProtocolClosed."""
        self._take_body()
        return Later(self._read)

    async def _read(self) -> bytes:
        chunks: list[bytes] = []
        while (chunk := await self._exchange.upload_chunk()) is not None:
            chunks.append(chunk)
        if self._exchange.upload_cut:
            raise protocol_closed()
        return b"".join(chunks)

    def __aiter__(self) -> HTTPProtocol:
        self._take_body()
        self._iterating = True
        return self

    def __anext__(self) -> Awaitable[bytes]:
        if not self._iterating:
            raise StopAsyncIteration("stream exhausted")
        return Later(self._next)

    async def _next(self) -> bytes:
        """Pieces, then one empty piece; when the body was cut two of them, and over HTTP/2 as many as are asked for."""
        if self._trailing == 0:
            self._iterating = False
            raise StopAsyncIteration("stream exhausted")
        if self._trailing < 0:
            chunk = await self._exchange.upload_chunk()
            if chunk is not None:
                return chunk
            self._trailing = 2 if self._exchange.upload_cut else 1
        if not (self._exchange.upload_cut and self._exchange.request.http_version == "2"):
            self._trailing -= 1
        return b""

    def _take_body(self) -> None:
        if self._body_taken:
            raise protocol_error()
        self._body_taken = True

    def client_disconnect(self) -> Awaitable[None]:
        """Resolves when the client leaves; never for a body that was cut, nor after a whole answer.

        While more than one piece of a body is unread, nothing is heard.
        """
        return Later(self._left)

    async def _left(self) -> None:
        exchange = self._exchange
        await exchange.signal.until(
            lambda: exchange.left and not exchange.upload_cut and len(exchange.upload) < 2
        )

    # The answer.

    def response_empty(self, status: int, headers: Headers) -> None:
        self._answer(status, headers, b"", keep_length=False)

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        if not isinstance(body, str):
            raise TypeError(f"{type(body).__name__!r} object is not an instance of 'str'")
        self._answer(status, headers, body.encode())

    def response_bytes(self, status: int, headers: Headers, body: Buffer) -> None:
        self._answer(status, headers, to_bytes(body))

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        self._send_file(status, headers, file, 0, None)

    def response_file_range(self, status: int, headers: Headers, file: str, start: int, end: int) -> None:
        if start < 0 or end < 0:
            raise OverflowError("can't convert negative int to unsigned")
        if start >= end:
            raise ValueError("Invalid range")
        self._send_file(status, headers, file, start, end)

    def response_stream(self, status: int, headers: Headers) -> StreamTransport:
        """Raises RSGIProtocolError when something was answered before."""
        status, pairs = self._checked(status, headers)
        if self.answered:
            raise protocol_error()
        self.answered = True
        self.sink = StreamSink(self._exchange, pairs)
        if 100 <= status < 200:
            self._begin(500, ((b"content-length", b"0"),))
            self.sink.refuse()
        elif not self.sink.malformed:
            self._begin(status, pairs)
        return StreamTransport(self.sink)

    def _answer(self, status: int, headers: Headers, body: bytes, *, keep_length: bool = True) -> None:
        """A buffered answer. A declared length goes out as it is, and breaks the wire when it is wrong."""
        status, pairs = self._checked(status, headers)
        if self.answered:
            return
        self.answered = True
        declared = next((value for name, value in pairs if name == b"content-length"), None)
        if declared is None or not keep_length:
            pairs = tuple(pair for pair in pairs if pair[0] != b"content-length")
            if status not in BODYLESS and (keep_length or self._exchange.request.method != "HEAD"):
                pairs += ((b"content-length", b"%d" % len(body)),)
        elif body:
            self._check_length(declared, len(body))
        if 100 <= status < 200:
            status, pairs, body = 500, ((b"content-length", b"0"),), b""
        self._begin(status, pairs)
        self._exchange.push(body)
        self._exchange.complete()

    def _check_length(self, declared: bytes, length: int) -> None:
        exchange = self._exchange
        if exchange.request.method == "HEAD" or (declared.isdigit() and int(declared) == length):
            return
        what = f"content-length {declared.decode('latin-1')!r} was declared for a body of {length} bytes"
        if declared.isdigit() and int(declared) > length:
            exchange.fail(ResponseNeverEnds(f"{what}: the client would wait for the rest"))
        exchange.fail(WireDesync(f"{what}: Granian sends all of them, the rest starts the next response"))

    def _begin(self, status: int, pairs: Pairs) -> None:
        if not self._exchange.left:
            self._exchange.begin(status, pairs)

    def _checked(self, status: int, headers: Headers) -> tuple[int, Pairs]:
        """Types as Granian demands them, names in lower case, what is not allowed dropped in silence."""
        status = index(status)
        if not 0 <= status <= 65535:
            raise OverflowError(f"number too {'small' if status < 0 else 'large'} to fit in target type")
        pairs = checked_pairs(headers)
        if not 100 <= status <= 999 and not self.answered:
            self._exchange.fail(
                ServerCrashed(f"status {status} ends a Granian worker: use one from 200 to 599")
            )
        return status, pairs

    def _send_file(self, status: int, headers: Headers, file: str, start: int, end: int | None) -> None:
        status, pairs = self._checked(status, headers)
        if self.answered:
            return
        self.answered = True
        try:
            if stat.S_ISFIFO(os.stat(file).st_mode):
                self._begin(status, pairs)
                self.copying = asyncio.ensure_future(copy_pipe(file, StreamSink(self._exchange, pairs)))
                return
            with open(file, "rb") as source:
                self._begin(status, pairs)
                sink = StreamSink(self._exchange, pairs)
                source.seek(start)
                while chunk := source.read(
                    FILE_CHUNK if end is None else min(FILE_CHUNK, end - source.tell())
                ):
                    sink.write(chunk)
                sink.end()
        except IsADirectoryError:
            self._begin(status, pairs)
            self._exchange.abort()
        except OSError:
            self._begin(404, ((b"content-length", b"9"),))
            self._exchange.push(b"Not found")
            self._exchange.complete()


_SEQUENCE: Final[type[Any]] = Sequence


def checked_pairs(headers: Any) -> Pairs:
    """Pairs of a sequence of tuples of text; what RFC 9110 section 5 does not allow is left out."""
    if not isinstance(headers, _SEQUENCE):
        raise TypeError(f"{type(headers).__name__!r} object is not an instance of 'Sequence'")
    pairs: list[tuple[bytes, bytes]] = []
    for pair in headers:
        if not isinstance(pair, TUPLE):
            raise TypeError(f"{type(pair).__name__!r} object is not an instance of 'tuple'")
        name, value = pair
        for text in (name, value):
            if not isinstance(text, str):
                raise TypeError(f"{type(text).__name__!r} object is not an instance of 'str'")
        encoded = value.encode()
        if TOKEN.fullmatch(name) and not BAD_VALUE.search(value):
            pairs.append((name.lower().encode("ascii"), encoded))
    return tuple(first_length_only(pairs))


def first_length_only(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """hyper sends one content-length, the first (measured)."""
    seen = False
    kept: list[tuple[bytes, bytes]] = []
    for pair in pairs:
        if pair[0] != b"content-length" or not seen:
            kept.append(pair)
        seen = seen or pair[0] == b"content-length"
    return kept
