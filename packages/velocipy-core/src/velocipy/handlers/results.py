"""What an endpoint returned -> what is sent. Knows types of results; does not know how anything is sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any

from velocipy.exceptions import HTTPException
from velocipy.http.gate import BODYLESS
from velocipy.http.response import BYTES_TYPE, JSON_TYPE, TEXT_TYPE, JSONResponse, PlainTextResponse, Response
from velocipy.http.streaming import StreamingResponse
from velocipy.json.base import JSONEncoder

Encode = Callable[[Any], bytes]


def ready_results(encoder: JSONEncoder) -> dict[type, tuple[Encode, str]]:
    """Exact classes that are sent without a Response being made: class -> (encode, media type)."""
    json_classes = (dict, list, tuple, bool, int, float)
    table: dict[type, tuple[Encode, str]] = {kind: (encoder.encode, JSON_TYPE) for kind in json_classes}
    table[str] = (str.encode, TEXT_TYPE)
    table[bytes] = (bytes, BYTES_TYPE)
    return table


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
            raise ValueError(f"the route answers {success}, which has no body, but the endpoint returned {type(result)}")
        elif isinstance(result, str):
            response = PlainTextResponse(result, success)
        elif isinstance(result, (bytes, bytearray, memoryview)):
            response = Response(result, success, media_type=BYTES_TYPE)
        elif isinstance(result, (AsyncIterable, AsyncIterator, Iterator)):
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
    raise TypeError(f"middleware {label} returned {type(response).__qualname__} instead of the Response of call_next")


def merge_given(given: Response, response: Response | None) -> Response | None:
    """The answer with what dependencies set on the Response they asked for; its status counts unless the answer is an error."""
    if response is None:
        return None
    response = response.fresh()
    for name, value in given.headers.items():
        if name == "set-cookie":
            response.headers.add(name, value)
        else:
            response.headers[name] = value
    if given.status_code != 200 and response.status_code < 400:
        response.status_code = given.status_code
    return response


def refuse_socket(outcome: object) -> None:
    """A hook's answer on a WebSocket route: a Response refuses the handshake with its status, or 403 where that is no refusal."""
    if isinstance(outcome, Response):
        raise HTTPException(outcome.status_code if outcome.status_code >= 400 else 403)
