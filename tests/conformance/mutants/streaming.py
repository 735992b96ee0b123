"""Mutants that send streams wrongly. Each is a mistake that an adapter's author could make."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from mutants.base import asgi_with, mutant, rsgi_with

from velocipy.asgi.connection import ASGIConnection, ASGIStream
from velocipy.protocols import Dialect, HeaderPairs, HTTPConnection, ResponseStream
from velocipy.rsgi.connection import RSGIConnection, RSGIStream


def asgi_streaming(stream: Callable[[ASGIConnection], ResponseStream]) -> Dialect:
    """ASGI with another stream."""

    class Streaming(ASGIConnection):
        send_all = HTTPConnection.send_all

        async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
            await self._start(status, headers)
            return stream(self)

    return asgi_with(ASGIConnection=Streaming)


@mutant("streams_arrive_chunk_by_chunk", "events_arrive_one_by_one")
def streams_buffered() -> Dialect:
    """Sends a stream when it is complete."""

    class Buffered(ASGIStream):
        def __init__(self, connection: ASGIConnection) -> None:
            super().__init__(connection)
            self.chunks: list[bytes] = []

        async def write(self, chunk: bytes) -> None:
            self.chunks.append(chunk)

        async def close(self) -> None:
            await super().write(b"".join(self.chunks))
            await super().close()

    return asgi_streaming(Buffered)


@mutant("streams_arrive_chunk_by_chunk")
def streams_one_behind() -> Dialect:
    """Keeps every chunk until the next one is there, to know which is the last."""

    class Behind(RSGIStream):
        def __init__(self, connection: RSGIConnection, transport: Any) -> None:
            super().__init__(connection, transport)
            self.kept = b""

        async def write(self, chunk: bytes) -> None:
            kept, self.kept = self.kept, chunk
            if kept:
                await super().write(kept)

        async def close(self) -> None:
            await super().write(self.kept)
            await super().close()

    class Streaming(RSGIConnection):
        send_all = HTTPConnection.send_all

        async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
            return Behind(self, self.proto.response_stream(status, headers))

    return rsgi_with(RSGIConnection=Streaming)


@mutant("streams_arrive_whole")
def streams_are_text() -> Dialect:
    """Makes text of chunks and bytes of that."""

    class Textual(ASGIStream):
        async def write(self, chunk: bytes) -> None:
            await super().write(chunk.decode("utf-8", "ignore").encode())

    return asgi_streaming(Textual)


@mutant(
    "a_stream_may_declare_its_length",
    "a_failing_stream_with_a_length_breaks_off",
    "a_stream_over_its_length_breaks_off",
)
def declared_lengths_dropped() -> Dialect:
    """Drops the Content-Length of a stream."""

    class Lengthless(RSGIConnection):
        async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
            kept = [pair for pair in headers if pair[0] != "content-length"]
            return await super().start_stream(status, kept, bulk)

    return rsgi_with(RSGIConnection=Lengthless)


@mutant("a_failing_stream_breaks_off")
def broken_streams_end_well() -> Dialect:
    """Ends a stream that failed as if it were whole."""

    class Polite(ASGIStream):
        def abort(self) -> None:
            super().abort()
            ending: Any = self._connection.emit({"type": "http.response.body", "body": b""})
            with contextlib.suppress(StopIteration):
                ending.send(None)  # abort cannot await, and nothing in there waits

    return asgi_streaming(Polite)


@mutant("a_client_that_leaves_ends_the_stream", "a_stream_that_never_waits_ends_too")
def streams_to_nobody() -> Dialect:
    """Writes on after the client has left, as ASGI servers let it, and never hears of that."""

    class Oblivious(ASGIStream):
        async def write(self, chunk: bytes) -> None:
            await self._connection.emit({"type": "http.response.body", "body": chunk, "more_body": True})

    class Streaming(ASGIConnection):
        send_all = HTTPConnection.send_all

        async def disconnected(self) -> None:
            await asyncio.Event().wait()

        async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
            await self._start(status, headers)
            return Oblivious(self)

    return asgi_with(ASGIConnection=Streaming)


@mutant("a_client_that_leaves_ends_the_stream", "a_stream_that_never_waits_ends_too")
def closed_transports_ignored() -> Dialect:
    """Swallows what the transport raises, and hears of nothing else."""

    class Swallowing(RSGIStream):
        async def write(self, chunk: bytes) -> None:
            try:
                await self._transport.send_bytes(chunk)
            except Exception:
                return
            await asyncio.sleep(0)

    class Streaming(RSGIConnection):
        send_all = HTTPConnection.send_all

        async def disconnected(self) -> None:
            await asyncio.Event().wait()

        async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
            return Swallowing(self, self.proto.response_stream(status, headers))

    return rsgi_with(RSGIConnection=Streaming)


@mutant(
    "a_stream_that_sleeps_ends_at_once",
    "a_stream_may_look_out_for_its_client_too",
    "work_is_cancelled_when_the_client_leaves",
)
def leaving_seen_by_writing_alone() -> Dialect:
    """Hears that the client has left when it writes to it, and not before."""

    class Deaf(RSGIConnection):
        async def disconnected(self) -> None:
            await asyncio.Event().wait()

    return rsgi_with(RSGIConnection=Deaf)


@mutant("a_whole_answer_is_no_leaving")
def answers_never_complete() -> Dialect:
    """Goes on listening after its answer, and takes the server's word that the exchange is over for a client that left."""

    class Listening(ASGIConnection):
        def complete(self) -> None:
            return

    return asgi_with(ASGIConnection=Listening)


@mutant("a_body_that_nobody_read_hides_no_leaving")
def unread_bodies_in_the_way() -> Dialect:
    """Waits for the client to leave while the server still waits for somebody to read the body."""

    class Waiting(RSGIConnection):
        async def disconnected(self) -> None:
            await self.proto.client_disconnect()

    return rsgi_with(RSGIConnection=Waiting)
