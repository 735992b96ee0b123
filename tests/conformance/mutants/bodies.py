"""Mutants that read bodies wrongly, or do not hear who leaves. Each is a mistake that an adapter's author could make."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from mutants.base import asgi_with, mutant, rsgi_with

from velocipy.asgi.connection import ASGIConnection, read_body
from velocipy.exceptions import ClientDisconnected, PayloadTooLargeException
from velocipy.protocols import Dialect
from velocipy.rsgi.connection import RSGIConnection

UNBOUNDED = 1 << 60


@mutant("bodies_arrive_whole", "chunked_bodies_arrive_whole")
def first_message_only() -> Dialect:
    """Takes the first message for the whole body."""

    class Hasty(ASGIConnection):
        async def read_body(self, limit: int) -> bytes:
            return bytes((await self.receive()).get("body", b""))

    return asgi_with(ASGIConnection=Hasty)


@mutant("bodies_arrive_whole", "chunked_bodies_arrive_whole")
def empty_chunks_passed_on() -> Dialect:
    """Passes on the empty chunk with which RSGI servers end a body."""

    class Literal(RSGIConnection):
        async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
            async for chunk in self.proto:
                yield bytes(chunk)

    return rsgi_with(RSGIConnection=Literal)


async def read_undeclared(length: Any, scope: Any, receive: Any, limit: int, timeout: float | None) -> bytes:
    return await read_body(None, scope, receive, limit, timeout)


@mutant("a_declared_length_over_the_limit_is_413")
def declared_lengths_ignored() -> Dialect:
    """Waits for the bytes before it says that they are too many."""
    return asgi_with(read_body=read_undeclared)


async def read_without_limit(length: Any, scope: Any, proto: Any, limit: int, timeout: float | None) -> bytes:
    return bytes(await proto())


@mutant("a_declared_length_over_the_limit_is_413", "a_chunked_body_is_counted")
def bodies_without_limit() -> Dialect:
    """Has no limit."""
    return rsgi_with(read_body=read_without_limit)


@mutant("a_chunked_body_is_counted", "an_endless_body_ends_at_the_limit")
def streams_without_limit() -> Dialect:
    """Has a limit for whole bodies only."""

    class Patient(RSGIConnection):
        async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
            async for chunk in super().read_chunks(UNBOUNDED):
                yield chunk

    return rsgi_with(RSGIConnection=Patient)


@mutant("an_endless_body_ends_at_the_limit")
def counted_at_the_end() -> Dialect:
    """Counts when everything is there."""

    class Late(ASGIConnection):
        async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
            total = 0
            async for chunk in super().read_chunks(UNBOUNDED):
                total += len(chunk)
                yield chunk
            if total > limit:
                raise PayloadTooLargeException

    return asgi_with(ASGIConnection=Late)


async def read_till_silence(
    length: Any, scope: Any, receive: Any, limit: int, timeout: float | None
) -> bytes:
    chunks = []
    while (message := await receive())["type"] == "http.request":
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(chunks)


@mutant("a_cut_body_never_reaches_the_endpoint")
def disconnects_end_bodies() -> Dialect:
    """Takes a disconnect for the end of the body."""
    return asgi_with(read_body=read_till_silence)


@mutant("a_cut_body_is_a_disconnect")
def cut_bodies_are_short_bodies() -> Dialect:
    """Takes what came for the whole."""

    class Trusting(RSGIConnection):
        async def read_body(self, limit: int) -> bytes:
            return b"".join([chunk async for chunk in self.read_chunks(limit)])

        async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
            try:
                async for chunk in super().read_chunks(limit):
                    yield chunk
            except ClientDisconnected:
                return

    return rsgi_with(RSGIConnection=Trusting)


@mutant("a_cut_body_is_a_disconnect")
def cut_streams_are_short_streams() -> Dialect:
    """Knows a cut body where it is read whole, and takes what came for the whole where it is streamed."""

    class Careless(RSGIConnection):
        async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
            with contextlib.suppress(ClientDisconnected):
                async for chunk in super().read_chunks(limit):
                    yield chunk

    return rsgi_with(RSGIConnection=Careless)


@mutant("a_waiting_endpoint_hears_that_the_client_left")
def disconnects_unheard() -> Dialect:
    """Never says that the client has left."""

    class Deaf(ASGIConnection):
        async def disconnected(self) -> None:
            await asyncio.Event().wait()

    return asgi_with(ASGIConnection=Deaf)


@mutant("a_client_that_waits_is_there")
def disconnects_imagined() -> Dialect:
    """Takes the end of the request for the client's leaving."""

    class Anxious(ASGIConnection):
        async def disconnected(self) -> None:
            await self.receive()

    return asgi_with(ASGIConnection=Anxious)
