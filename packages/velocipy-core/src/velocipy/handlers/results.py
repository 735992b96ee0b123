"""What an endpoint returned -> what is sent. Knows types of results; does not know how anything is sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any, Final, Never, NoReturn, get_origin

from velocipy.annotations import split_annotated, type_name, union_members, union_of
from velocipy.exceptions import BindingError, ConfigurationError, HTTPException
from velocipy.formats import JSON, Format, find_messagepack
from velocipy.handlers.bodies import is_anything, is_raw
from velocipy.handlers.sources import FindBackend
from velocipy.handlers.streams import UNSAID, ItemEncoder, item_type
from velocipy.http.gate import BODYLESS
from velocipy.http.headers import APPENDED
from velocipy.http.response import (
    BYTES_TYPE,
    TEXT_TYPE,
    PlainTextResponse,
    Response,
)
from velocipy.http.streaming import StreamingResponse
from velocipy.json.base import JSONEncoder
from velocipy.models.base import AS_IT_IS, Dumper, Encode, FindEncoder, check_names, dumper_by_values
from velocipy.routing.route import FROM_ANNOTATION, Route


class Results:
    """What one route does with results: which become Responses, and how every other is written in one format.

    `model` is the route's response model, which checks and filters; without one a result is written as it is.
    """

    def __init__(
        self,
        encoder: JSONEncoder,
        find_backend: FindBackend,
        model: Dumper | None = None,
        format: Format = JSON,
    ) -> None:
        self.encoder = encoder
        self.media_type: str = format.media_type
        self._is_json = format.is_json
        self._find_backend = find_backend
        self._model = model

    def encode_of(self, kind: type) -> Encode:
        """The function that writes results of exactly this class."""
        if self._model is not None:
            return self._model.encode_of(kind)
        backend = None if kind in _PLAIN else self._find_backend(kind)
        if backend is None or backend.name == "dataclass" or not self._is_json:
            return self.encoder.encode
        return backend.dumper(kind, lambda: self.encoder).encode_of(kind)

    def is_responded(self, kind: type) -> bool:
        """Whether results of this class become Responses, which know how to send themselves."""
        return issubclass(kind, _SENT if self._model is not None else _RESPONDED)


_PLAIN = frozenset({dict, list, tuple, int, float, bool, set, frozenset})
_SENT = (Response, AsyncIterable, Iterator)
_RESPONDED = (*_SENT, type(None), str, bytes, bytearray, memoryview)


class ReadyResults(dict[type, "tuple[Encode, Any] | None"]):
    """Exact class of a result -> (encode, native headers) where no Response need be made; None where one must.

    Classes are added as they come: models and whatever else is written as JSON. `natives` turns a media type into headers.
    """

    MAX_CLASSES = 1_024
    """Classes remembered at once; an app that makes classes without end has the table start anew."""

    def __init__(self, results: Results, natives: Callable[[str], Any]) -> None:
        self._results = results
        self._natives = natives(results.media_type)
        texts: dict[type, tuple[Encode, Any]] = {
            str: (str.encode, natives(TEXT_TYPE)),
            bytes: (bytes, natives(BYTES_TYPE)),
        }
        self._first = {kind: ready for kind, ready in texts.items() if results.is_responded(kind)}
        super().__init__(self._first)

    def media_type(self, kind: type) -> str:
        """The type of what results of this class are written as."""
        return (
            _TEXT_TYPES.get(kind, self._results.media_type)
            if kind in self._first
            else self._results.media_type
        )

    def __missing__(self, kind: type) -> tuple[Encode, Any] | None:
        if len(self) >= self.MAX_CLASSES:
            self.clear()
            self.update(self._first)
        ready = None if self._results.is_responded(kind) else (self._results.encode_of(kind), self._natives)
        self[kind] = ready
        return ready


_TEXT_TYPES: dict[type, str] = {str: TEXT_TYPE, bytes: BYTES_TYPE}

MakeResponse = Callable[[Any], Response]


def response_maker(
    results: Results,
    status: int | None,
    response_class: type[Response] | None = None,
    items: Dumper | None = None,
) -> MakeResponse:
    """The function that makes a Response of any result; `status` is the route's, which a Response of the endpoint's overrides.

    None is 204, iterators stream, text is text/plain, bytes are octets, everything else is JSON; a response model makes JSON of
    all but Responses and iterators, and a response class takes all but Responses, whose stream has `items` written so.
    """
    success = status or 200
    item_encoder = results.encoder if items is None else ItemEncoder(items, results.encoder)

    def make_response(result: object) -> Response:
        if type(result) is StreamingResponse:  # as it is, like every Response, and there is nothing to bind
            return result
        if isinstance(result, Response):
            response = result
        elif response_class is not None:
            response = response_class(result, success)
            response.bind(item_encoder)
        elif result is None and results.is_responded(type(None)):
            return Response(None, status or 204)
        elif success in BODYLESS:
            raise ValueError(
                f"the route answers {success}, which has no body, but the endpoint returned {type(result)}"
            )
        elif results.is_responded(type(result)):
            response = _responded(result, success)
        else:
            return Response(results.encode_of(type(result))(result), success, media_type=results.media_type)
        response.bind(results.encoder)
        return response

    return make_response


def _responded(result: Any, status: int) -> Response:
    if isinstance(result, str):
        return PlainTextResponse(result, status)
    if isinstance(result, (bytes, bytearray, memoryview)):
        return Response(result, status, media_type=BYTES_TYPE)
    return StreamingResponse(result, status)


def response_models(
    route: Route, returned: Any, find_backend: FindBackend, find_encoder: FindEncoder
) -> tuple[Dumper | None, ...]:
    """What checks, filters and writes a route's results in each of its formats: None where they are written as they are.

    The model is the route's `response_model`, else what its endpoint is annotated to return. Raises BindingError for a `response_model` that no model backend knows; an annotation that none knows says nothing.
    """
    options = route.options
    declared = options.response_model
    if options.status_code in BODYLESS:
        _refuse_content(route, returned if declared is FROM_ANNOTATION or declared is None else declared)
    try:
        hint = result_type(returned if declared is FROM_ANNOTATION else declared)
        backend = None if hint is NO_MODEL else find_backend(hint)
    except ConfigurationError as exc:
        raise BindingError(f"the response model of {route.title} ({route.location}): {exc}") from None
    if hint is NO_MODEL:
        streamed = returned if declared is FROM_ANNOTATION else declared
        if options.serialization is not None and item_type(streamed) is UNSAID:
            raise BindingError(
                f"{route.title} ({route.location}) says how a response model is written, but has none: give response_model"
            )
        return (None,) * len(route.formats)
    if backend is not None:
        how = options.serialization or AS_IT_IS
        try:
            check_names(backend, hint, how)
            dumpers = [
                backend.dumper(hint, find_encoder, how)
                if format.is_json
                else dumper_by_values(backend, hint, find_messagepack, how)
                for format in route.formats
            ]
        except ConfigurationError as exc:
            raise BindingError(
                f"the response model of {route.title} ({route.location}): {exc.message}"
            ) from None
        return tuple(replace(dumper, annotation=hint) for dumper in dumpers)
    if declared is FROM_ANNOTATION:
        return (None,) * len(route.formats)
    raise BindingError(
        f"{route.title} ({route.location}): no model backend knows the response_model {type_name(hint)}: give a dataclass, a "
        f"TypedDict, a msgspec Struct or a pydantic model, or register a backend"
    )


def _refuse_content(route: Route, said: Any) -> None:
    """Raise BindingError for a result that is never empty, on a route whose status has no body (RFC 9110 section 6.4.1)."""
    bare, _ = split_annotated(said)
    members = union_members(bare) or (bare,)
    if not any(member in _EMPTY or is_anything(member) or _is_sent(member) for member in members):
        raise BindingError(
            f"{route.title} ({route.location}) returns {type_name(bare)}, and its status {route.options.status_code} has no body: "
            f"return None, or give another status_code"
        )


_EMPTY: Final = (None, type(None), Never, NoReturn)


def result_type(annotation: Any) -> Any:
    """The response model that a return annotation means; NO_MODEL where it means none.

    What a Response, an iterator, text or octets carry is not JSON; of `dict` and `list` nothing is known.
    """
    if annotation.__class__ is type:  # nearly all are plain classes
        return NO_MODEL if _says_nothing(annotation) or _is_sent(annotation) else annotation
    annotation, extras = split_annotated(annotation)
    members = [member for member in union_members(annotation) or (annotation,) if not _is_sent(member)]
    if all(_says_nothing(member) for member in members):
        return NO_MODEL
    hint = union_of(members)
    return Annotated[(hint, *extras)] if extras else hint  # ty: ignore[invalid-type-form]


NO_MODEL: Final = object()


def _is_sent(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and kind is not object and issubclass(kind, _SENT)


def _says_nothing(annotation: Any) -> bool:
    return annotation in _TEXTS or is_anything(annotation) or is_raw(annotation)


_TEXTS = (None, type(None), str, bytes, bytearray, memoryview)


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


def refuse_socket(outcome: object) -> None:
    """A hook's answer on a WebSocket route: a Response refuses the handshake with its status and headers, or 403 where that is no refusal."""
    if isinstance(outcome, Response):
        if outcome.status_code < 400:
            raise HTTPException(403)
        raise HTTPException(outcome.status_code, headers=outcome.headers.raw)
