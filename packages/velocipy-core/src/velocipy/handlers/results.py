"""What an endpoint returned -> what is sent. Knows types of results; does not know how anything is sent."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from typing import Any

from velocipy.exceptions import HTTPException
from velocipy.http.gate import BODYLESS
from velocipy.http.headers import check_header
from velocipy.http.response import (
    APPENDED,
    BYTES_TYPE,
    JSON_TYPE,
    TEXT_TYPE,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from velocipy.http.streaming import StreamingResponse
from velocipy.json.base import JSONEncoder

Encode = Callable[[Any], bytes]

logger = logging.getLogger("velocipy")


class ReadyResults(dict[type, "tuple[Encode, Any] | None"]):
    """Exact class of a result -> (encode, native headers) where no Response need be made; None where one must.

    Classes are added as they come: models and whatever else is written as JSON. `natives` turns a media type into headers.
    """

    MAX_CLASSES = 1_024
    """Classes remembered at once; an app that makes classes without end has the table start anew."""

    def __init__(self, encoder: JSONEncoder, natives: Callable[[str], Any]) -> None:
        self._json = (encoder.encode, natives(JSON_TYPE))
        self._first: dict[type, tuple[Encode, Any] | None] = {
            str: (str.encode, natives(TEXT_TYPE)),
            bytes: (bytes, natives(BYTES_TYPE)),
        }
        super().__init__(self._first)

    def __missing__(self, kind: type) -> tuple[Encode, Any] | None:
        if len(self) >= self.MAX_CLASSES:
            self.clear()
            self.update(self._first)
        ready = self[kind] = None if issubclass(kind, _RESPONDED) else self._json
        return ready


_RESPONDED = (Response, type(None), str, bytes, bytearray, memoryview, AsyncIterable, Iterator)
"""Results of these classes become Responses, which know how to send themselves."""


def response_maker(encoder: JSONEncoder, status: int | None) -> Callable[[Any], Response]:
    """The function that makes a Response of any result; `status` is the route's, which a Response of the endpoint's overrides.

    None is 204, iterators stream, text is text/plain, bytes are octets, everything else is JSON.
    """
    success = status or 200

    def make_response(result: Any) -> Response:
        if isinstance(result, Response):
            response = result
        elif result is None:
            return Response(None, status or 204)
        elif success in BODYLESS:
            raise ValueError(
                f"the route answers {success}, which has no body, but the endpoint returned {type(result)}"
            )
        elif isinstance(result, str):
            response = PlainTextResponse(result, success)
        elif isinstance(result, (bytes, bytearray, memoryview)):
            response = Response(result, success, media_type=BYTES_TYPE)
        elif isinstance(result, (AsyncIterable, Iterator)):
            response = StreamingResponse(result, success)
        else:
            response = JSONResponse(result, success)
        response.bind(encoder)
        return response

    return make_response


def expect_response(response: object, label: str) -> Response:
    """What a wrapping middleware returned; TypeError, and so a logged 500, when it is no Response."""
    if isinstance(response, Response):
        return response
    raise TypeError(
        f"middleware {label} returned {type(response).__qualname__} instead of the Response of call_next"
    )


def merge_given(given: Response, response: Response) -> Response:
    """The answer with what dependencies set on the Response they asked for; its status counts unless the answer is an error."""
    response = response.fresh()
    for name in given.headers:
        values = given.headers.get_all(name)
        if name == "vary":
            response.headers.add_vary(*", ".join(values).split(", "))
            continue
        if name not in APPENDED:
            response.headers.remove(name)
        for value in values:
            response.headers.add(name, value)
    if given.status_code != 200 and response.status_code < 400:
        response.status_code = given.status_code
    return response


def add_missed(
    missed: Iterable[tuple[Response | None, Iterable[tuple[str, str]]]], response: Response
) -> Response:
    """The answer to an exception that went through wrapping middleware, with the headers of what it passed, inner first."""
    for given, defaults in missed:
        response = response.fresh() if given is None else merge_given(given, response)
        response.add_defaults(defaults)
    return response


def refuse_socket(outcome: object) -> None:
    """A hook's answer on a WebSocket route: a Response refuses the handshake with its status, or 403 where that is no refusal."""
    if isinstance(outcome, Response):
        raise HTTPException(outcome.status_code if outcome.status_code >= 400 else 403)


def header_maker(
    name: str, make: Callable[..., str], native: Callable[[Sequence[tuple[str, str]]], Sequence[Any]]
) -> Callable[..., Sequence[Any]]:
    """A function from a hook's token to its header in a dialect's native form; one that fails is logged and left out."""

    def make_header(*token: Any) -> Sequence[Any]:
        try:
            return native((check_header(name, make(*token)),))
        except Exception:
            logger.exception("the hook for header %r failed", name)
            return ()

    return make_header
