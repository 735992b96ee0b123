"""Mutants that read requests wrongly. Each is the smallest change that an adapter's author could make by mistake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from mutants.base import asgi, asgi_with, mutant, rsgi, rsgi_with

from velocipy.asgi.connection import ASGIConnection, HeaderView
from velocipy.exceptions import ClientDisconnected, PayloadTooLargeException
from velocipy.protocols import Dialect
from velocipy.rsgi.connection import RSGIConnection

UNBOUNDED = 1 << 60


@mutant("methods_and_paths_arrive")
def path_in_lower_case() -> Dialect:
    """Lower-cases the path."""
    return asgi(path="scope['path'].lower()")


@mutant("methods_and_paths_arrive", "an_escaped_slash_is_a_slash")
def path_still_escaped() -> Dialect:
    """Routes the raw path."""
    return asgi(path="scope['raw_path'].decode()")


@mutant("methods_and_paths_arrive")
def path_decoded_twice() -> Dialect:
    """Decodes what is decoded already."""
    from urllib.parse import unquote

    class Twice(RSGIConnection):
        path = property(lambda self: unquote(self.scope.path))  # type: ignore[assignment]

    return rsgi_with(RSGIConnection=Twice)


@mutant("an_undecodable_path_is_404")
def replacement_characters_dropped() -> Dialect:
    """Takes what is left of a path that cannot be decoded."""
    return rsgi(path="scope.path.replace('\\ufffd', '')")


@mutant("the_query_arrives")
def request_without_query() -> Dialect:
    """The Request has no query."""

    class Queryless(ASGIConnection):
        query_string = ""  # type: ignore[assignment]

    return asgi_with(ASGIConnection=Queryless)


@mutant("typed_parameters_are_converted", "all_wrong_parameters_are_reported")
def parameters_without_query() -> Dialect:
    """The compiled handler has no query."""
    return rsgi(query_text="''")


@mutant("typed_parameters_are_converted", "cookie_lines_are_joined")
def headers_without_cookies() -> Dialect:
    """Cookies are looked for under a name that servers do not use."""

    class Cookieless(HeaderView):
        def get_all(self, name: str, /) -> list[str]:
            return super().get_all("Cookie" if name == "cookie" else name)

    return asgi_with(HeaderView=Cookieless)


class LastOnly(HeaderView):
    """Keeps one value a name, as a dict would."""

    def get_all(self, name: str, /) -> list[str]:
        return super().get_all(name)[:1]

    def items(self) -> Any:
        return iter(dict(super().items()).items())


@mutant("duplicate_headers_are_kept")
def duplicate_headers_dropped() -> Dialect:
    """Makes a dict of the headers."""

    class Deduped(ASGIConnection):
        headers = property(lambda self: LastOnly(self.scope["headers"]))  # type: ignore[assignment]

    return asgi_with(ASGIConnection=Deduped)


@mutant("cookie_lines_are_joined", "two_hosts_are_refused")
def first_lines_only() -> Dialect:
    """Reads only the first line of a name, so one Cookie line and one Host."""
    return asgi_with(HeaderView=LastOnly)


class FirstLines:
    """RSGI headers of which `get_all` gives one."""

    def __init__(self, headers: Any) -> None:
        self.get = headers.get
        self.items = headers.items
        self._get_all = headers.get_all

    def get_all(self, name: str) -> list[str]:
        return self._get_all(name)[:1]  # type: ignore[no-any-return]


@mutant("cookie_lines_are_joined", "two_hosts_are_refused")
def first_lines_only_rsgi() -> Dialect:
    """The same over RSGI."""
    dialect = rsgi_with(FirstLines=FirstLines)
    return rsgi(headers="FirstLines(scope.headers)", env=dialect.env)


class Latin(HeaderView):
    """Decodes every value, as latin-1."""

    def get(self, name: str, default: str | None = None, /) -> str | None:
        return next((value for field, value in self.items() if field == name), default)

    def items(self) -> Any:
        return ((field.decode("latin-1"), value.decode("latin-1")) for field, value in self._raw)


@mutant("a_non_ascii_header_counts_as_missing")
def values_decoded_as_latin() -> Dialect:
    """Lets values through that RSGI servers do not pass on."""
    return asgi_with(HeaderView=Latin)


@mutant("a_bad_host_is_refused")
def hosts_hidden() -> Dialect:
    """Keeps Host from the check."""

    class Hostless(HeaderView):
        def get_all(self, name: str, /) -> list[str]:
            return [] if name == "host" else super().get_all(name)

    return asgi_with(HeaderView=Hostless)


@mutant("the_url_is_made_of_its_parts")
def scheme_always_https() -> Dialect:
    """Believes in TLS."""

    class Secure(RSGIConnection):
        scheme = "https"  # type: ignore[assignment]

    return rsgi_with(RSGIConnection=Secure)


@mutant("unknown_paths_and_methods_are_told")
def only_gets() -> Dialect:
    """Takes every method for GET."""
    return asgi(method="'GET'")


@mutant("unknown_methods_are_refused")
def unknown_methods_are_gets() -> Dialect:
    """Takes a method that it does not know for GET."""
    return asgi(
        method="scope['method'] if scope['method'] in ('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS') else 'GET'"
    )


@mutant("methods_are_case_sensitive")
def methods_in_capitals() -> Dialect:
    """Puts methods into capitals."""
    return rsgi(method="scope.method.upper()")


# -- bodies --------------------------------------------------------------------------------------------------------------


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


class Undeclared(HeaderView):
    """Headers without Content-Length."""

    def get(self, name: str, default: str | None = None, /) -> str | None:
        return default if name == "content-length" else super().get(name, default)


@mutant("a_declared_length_over_the_limit_is_413")
def declared_lengths_ignored() -> Dialect:
    """Waits for the bytes before it says that they are too many."""
    return asgi_with(HeaderView=Undeclared)


async def read_without_limit(headers: Any, proto: Any, limit: int) -> bytes:
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


async def read_till_silence(headers: Any, receive: Any, limit: int) -> bytes:
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


# -- clients that leave --------------------------------------------------------------------------------------------------


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
