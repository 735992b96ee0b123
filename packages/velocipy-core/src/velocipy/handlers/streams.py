"""Endpoints that yield, and streams of items: what is refused when they are registered, and how an item is written. Sends nothing.

@app.get("/rows", response_class=NDJSONResponse)
async def rows() -> AsyncIterator[Row]:        # each Row is checked, filtered and written as a response model is
    yield Row(1)
"""

from __future__ import annotations

from collections import abc
from dataclasses import replace
from typing import Any, Final, get_args, get_origin

from velocipy.annotations import is_hashable, split_annotated, type_name, union_members, union_of
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.handlers.bodies import is_anything
from velocipy.handlers.signature import How, how_called
from velocipy.handlers.sources import FindBackend
from velocipy.http.gate import BODYLESS
from velocipy.http.streaming import StreamingResponse
from velocipy.json.base import JSONEncoder
from velocipy.models.base import AS_IT_IS, Dumper, FindEncoder, check_names
from velocipy.routing.route import FROM_ANNOTATION, Route, shown

_YIELDING: Final = frozenset({How.GENERATOR, How.ASYNC_GENERATOR})

_ITERATORS: Final = frozenset(
    {abc.Iterator, abc.AsyncIterator, abc.Iterable, abc.AsyncIterable, abc.Generator, abc.AsyncGenerator}
)

_CHUNKS: Final = frozenset({str, bytes, bytearray, memoryview})

UNSAID: Final = object()
"""What an annotation says of items where it says nothing."""


def yields(endpoint: Any) -> bool:
    """Whether a call of the endpoint makes a generator, async or not, which is then streamed."""
    return how_called(endpoint) in _YIELDING


def check_stream(route: Route, returned: Any) -> None:
    """Raise BindingError for an endpoint that yields what its route cannot stream."""
    options, endpoint = route.options, f"the endpoint {shown(route.endpoint)}"
    if options.status_code in BODYLESS:
        raise BindingError(
            f"{endpoint} yields, but its status {options.status_code} has no body: return None, or give another"
        )
    cls = options.response_class or StreamingResponse
    if not issubclass(cls, StreamingResponse):
        raise BindingError(
            f"{endpoint} yields, which {cls.__name__} cannot send: give a StreamingResponse, NDJSONResponse or "
            f"EventSourceResponse as response_class, or return"
        )
    declared = options.response_model
    hint = returned if declared is FROM_ANNOTATION else declared
    item = item_type(hint)
    if item is UNSAID and declared not in (FROM_ANNOTATION, None):
        raise BindingError(
            f"{endpoint} yields: its response_model is that of an iterator, Iterator[{type_name(declared)}]"
        )
    if not cls.takes_values and not all(map(_is_chunk, _members(item))):
        raise BindingError(
            f"{endpoint} yields {type_name(item)}, and a stream is of text or bytes: give response_class=NDJSONResponse for "
            f"a line of JSON each, or EventSourceResponse for events"
        )


def item_dumper(
    route: Route, returned: Any, find_backend: FindBackend, find_encoder: FindEncoder
) -> Dumper | None:
    """What checks, filters and writes the items of a route's stream; None where any item is written as it is.

    Raises BindingError for items that their model backend cannot write.
    """
    cls, options = route.options.response_class, route.options
    if cls is None or not issubclass(cls, StreamingResponse) or not cls.takes_values:
        return None
    item = item_type(returned if options.response_model is FROM_ANNOTATION else options.response_model)
    members = [member for member in _members(item) if member not in cls.own_items]
    if item is UNSAID or not members:
        return None
    hint = union_of(members)
    try:
        backend = find_backend(hint)
        if backend is None:
            return None
        how = options.serialization or AS_IT_IS
        check_names(backend, hint, how)
        return replace(backend.dumper(hint, find_encoder, how), annotation=hint)
    except ConfigurationError as exc:
        raise BindingError(f"the items of {route.title} ({route.location}): {exc}") from None


class ItemEncoder:
    """The app's encoder, for items of a declared type."""

    def __init__(self, items: Dumper, encoder: JSONEncoder) -> None:
        self.name: str = encoder.name
        self._decode = encoder.decode
        self._items = items

    def decode(self, data: bytes, /) -> Any:
        """As the encoder does."""
        return self._decode(data)

    def encode(self, value: object) -> bytes:
        """An item -> bytes. Raises ResultError for one that is not as declared."""
        return self._items.encode_of(type(value))(value)


def item_type(annotation: Any) -> Any:
    """`AsyncIterator[Row]` -> Row; UNSAID where nothing is said of items."""
    bare, _ = split_annotated(annotation)
    args = get_args(bare)
    return args[0] if get_origin(bare) in _ITERATORS and args else UNSAID


def _members(item: Any) -> tuple[Any, ...]:
    bare, _ = split_annotated(item)
    return union_members(bare) or (item,)


def _is_chunk(annotation: Any) -> bool:
    bare, _ = split_annotated(annotation)
    return bare is UNSAID or is_anything(bare) or (is_hashable(bare) and bare in _CHUNKS)
