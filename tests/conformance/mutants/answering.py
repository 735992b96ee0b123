"""Mutants that send answers wrongly, or past core's gate. Each is a mistake that an adapter's author could make."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from mutants.base import asgi, asgi_with, mutant, rsgi, rsgi_with

from velocipy.asgi.connection import ASGIConnection
from velocipy.protocols import Dialect, HeaderPairs
from velocipy.rsgi.connection import RSGIConnection

START = "await send({{'type': 'http.response.start', 'status': {status}, 'headers': %s}})"
"""The first of the two messages, as the dialect has it."""


@mutant("statuses_are_sent")
def every_answer_is_fine() -> Dialect:
    """Sends 200."""

    class Fine(ASGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(200, headers, body)

    return asgi_with(ASGIConnection=Fine)


@mutant("statuses_are_sent")
def known_statuses_only() -> Dialect:
    """Sends 500 for a status that http.HTTPStatus does not have."""
    from http import HTTPStatus

    class Known(RSGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(status if status in set(HTTPStatus) else 500, headers, body)

    return rsgi_with(RSGIConnection=Known)


@mutant("header_lines_keep_their_order")
def response_headers_in_a_dict() -> Dialect:
    """Keeps one line a name."""

    class Deduped(RSGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(status, list(dict(headers).items()), body)

    return rsgi_with(RSGIConnection=Deduped)


@mutant("header_lines_keep_their_order")
def response_headers_sorted_backwards() -> Dialect:
    """Sends the last line first."""

    class Backwards(ASGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(status, headers[::-1], body)

    return asgi_with(ASGIConnection=Backwards)


@mutant("lengths_are_those_of_the_bodies")
def lengths_in_characters() -> Dialect:
    """Counts characters."""
    headers = "[*{headers}, (b'content-length', b'%d' % len(body.decode('utf-8', 'replace')))]"
    return asgi(send_body=(START % headers, asgi().send_body[1]))


@mutant("some_statuses_have_no_body")
def length_with_204() -> Dialect:
    """Says a length of 0 where there is no body."""
    headers = "[*{headers}, (b'content-length', b'0')]"
    return asgi(send_empty=(START % headers, asgi().send_empty[1]))


@mutant("some_statuses_have_no_body")
def text_with_304() -> Dialect:
    """Sends the phrase as body where none may be."""

    class Chatty(RSGIConnection):
        async def send_empty(self, status: int, headers: HeaderPairs) -> None:
            self.proto.response_bytes(status, headers, b"Not Modified")

    return rsgi_with(RSGIConnection=Chatty)


@mutant("a_redirect_is_encoded")
def headers_decoded() -> Dialect:
    """Decodes what was encoded on purpose."""

    class Decoding(RSGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(status, [(name, unquote(value)) for name, value in headers], body)

    return rsgi_with(RSGIConnection=Decoding)


@mutant("head_has_the_headers_of_get")
def head_without_length() -> Dialect:
    """Says for HEAD that the body is empty."""
    length = "b'%d' % (0 if scope['method'] == 'HEAD' else len(body))"
    headers = f"[*{{headers}}, (b'content-length', {length})]"
    return asgi(send_body=(START % headers, asgi().send_body[1]))


@mutant("head_does_not_start_a_stream")
def head_taken_for_get() -> Dialect:
    """Sends bodies on HEAD and lets the server drop them."""

    class Getting(ASGIConnection):
        def __init__(self, scope: Any, receive: Any, send: Any) -> None:
            super().__init__(scope, receive, send)
            self.method = "GET"

    return asgi_with(ASGIConnection=Getting)


@mutant("head_of_a_file_has_its_length")
def lengths_of_empty_answers_dropped() -> Dialect:
    """Drops the Content-Length of an answer that has no body."""

    class Lengthless(ASGIConnection):
        async def send_empty(self, status: int, headers: HeaderPairs) -> None:
            await super().send_empty(status, [pair for pair in headers if pair[0] != "content-length"])

    return asgi_with(ASGIConnection=Lengthless)


@mutant("files_are_sent_whole")
def files_short_of_a_byte() -> Dialect:
    """Takes the end of a range for its last byte."""

    class Short(RSGIConnection):
        async def send_file(
            self, status: int, headers: HeaderPairs, path: Any, start: int, stop: int
        ) -> None:
            await super().send_file(status, headers, path, start, max(start, stop - 1))

    return rsgi_with(RSGIConnection=Short)


@mutant("errors_have_one_wording")
def bodies_end_with_a_line_break() -> Dialect:
    """Ends every body with a line break."""

    class Tidy(RSGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(status, headers, body + b"\n")

    return rsgi_with(RSGIConnection=Tidy)


@mutant("an_unhandled_exception_is_a_bare_500", "impossible_headers_are_500", "wrong_lengths_are_500")
def errors_told_in_full() -> Dialect:
    """Helps with a hint in the body of a 500."""

    class Helpful(ASGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(status, headers, b"LookupError: see main.py" if status == 500 else body)

    return asgi_with(ASGIConnection=Helpful)


@mutant("impossible_statuses_are_500")
def statuses_of_its_own() -> Dialect:
    """Lets status 1000 through, which kills a Granian worker."""

    class Own(RSGIConnection):
        async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
            await super().send(1000 if status == 500 else status, headers, body)

    return rsgi_with(RSGIConnection=Own)


def any_status(status: Any) -> Any:
    return status


@mutant(
    "impossible_statuses_are_500",
    gates={
        "velocipy.http.response:check_status": any_status,
    },
)
def statuses_unchecked() -> Dialect:
    """Has responses of its own, that take any status."""
    return rsgi()


def set_any_status(response: Any, status: Any) -> None:
    response._status_code = status


@mutant(
    "impossible_statuses_are_500",
    gates={"velocipy.http.response:Response.status_code": property(lambda self: 200, set_any_status)},
)
def later_statuses_unchecked() -> Dialect:
    """Has responses of its own, whose status may become any."""
    return asgi()


def set_any_header(headers: Any, name: Any, value: Any) -> None:
    headers._pairs.append((str(name), str(value)))


@mutant(
    "impossible_headers_are_500",
    gates={"velocipy.http.headers:ResponseHeaders.__setitem__": set_any_header},
)
def later_headers_unchecked() -> Dialect:
    """Has headers of its own, that become any name and value."""
    return rsgi()


@mutant(
    "impossible_headers_are_500",
    gates={"velocipy.http.headers:check_header": lambda name, value: (str(name).lower(), str(value))},
)
def headers_unchecked() -> Dialect:
    """Has headers of its own, that take any name and value."""
    return asgi()


@mutant(
    "wrong_lengths_are_500",
    "bodies_where_none_may_be_are_500",
    gates={
        "velocipy.http.response:length_headers": lambda status, headers, length: headers.raw,
        "velocipy.http.response:BODYLESS": frozenset(),
    },
)
def lengths_unchecked() -> Dialect:
    """Has responses of its own, that declare any length and have a body with every status."""
    return rsgi()


@mutant("control_characters_in_paths_do_no_harm")
def paths_in_headers() -> Dialect:
    """Tells the client which path it served."""
    headers = "[*{headers}, (b'content-length', b'%d' % len(body)), (b'x-path', scope['path'].encode())]"
    return asgi(send_body=(START % headers, asgi().send_body[1]))
