"""What a model backend does, and which are there. Imports no backend's library.

A backend knows the models of one library, in three directions: JSON bytes or Python values to validated models, models to JSON
bytes, and a model's fields one by one, where they are spread over a query, headers, cookies or a form.
"""

from __future__ import annotations

import functools
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

from velocipy import plugins
from velocipy.exceptions import ConfigurationError, ErrorItem, ResultError
from velocipy.json.base import JSONEncoder, decode_body
from velocipy.validation import Place

if TYPE_CHECKING:
    from velocipy.models.shapes import Shape

GROUP = "velocipy.models"

FindEncoder = Callable[[], JSONEncoder]
"""The app's encoder, which is loaded at the first request and not when a route is registered."""

Decode = Callable[[bytes, list[ErrorItem]], Any]
"""(body, errors) -> model; appends to errors what does not fit, raises BadRequest for what is not JSON."""

Validate = Callable[[Any, list[ErrorItem], Place], Any]
"""(value, errors, place) -> model; appends to errors what does not fit, each with its place below `place`."""

Encode = Callable[[Any], bytes]

BODY: Place = ("body",)


@dataclass(frozen=True, slots=True)
class Serialization:
    """How a response model is written. `include` and `exclude` are names of fields, or mappings for nested ones."""

    include: Any = None
    exclude: Any = None
    exclude_none: bool = False
    exclude_unset: bool = False
    exclude_defaults: bool = False
    by_alias: bool | None = None


AS_IT_IS = Serialization()


class ModelField(NamedTuple):
    """One field of a model, as it is read from a query, headers, cookies or a form."""

    name: str
    key: str
    """The name on the wire: alias or renamed."""
    annotation: Any
    """With its Annotated, whose bounds count."""
    required: bool
    default: Any = None
    """What the model fills in, for the documentation; None where it calls a factory."""


@dataclass(frozen=True)
class Dumper:
    """Results -> bytes. `exact` are classes whose instances need no check, or a quick one; everything else goes through `other`."""

    other: Encode
    """Raises ResultError for what does not fit the model."""
    find_exact: Callable[[], Mapping[type, Encode]] = dict
    annotation: Any = None
    """The model, for the plan's text."""

    @functools.cached_property
    def exact(self) -> Mapping[type, Encode]:
        """Found at the first result, and not at registration: it may need the app's encoder."""
        return self.find_exact()

    def encode_of(self, kind: type) -> Encode:
        """The function that writes results of exactly this class."""
        return self.exact.get(kind, self.other)


Direction = Literal["input", "output"]
"""Whether a model is read or written; a field with a default may be missing in one and is always there in the other."""


class Wanted(NamedTuple):
    """A type whose JSON Schema is asked for."""

    annotation: Any
    direction: Direction


class Schemas(NamedTuple):
    """JSON Schemas (2020-12), one for each type that was asked for, and the components that their `$ref` name."""

    schemas: tuple[dict[str, Any], ...]
    components: Mapping[str, dict[str, Any]]


REFERENCE: Final = "#/components/schemas/"
"""What a `$ref` of a schema begins with; the component's name follows."""


class ModelBackend(ABC):
    """The models of one library. A backend of your own needs `name`, `matches`, `validator` and `plain`; the rest is made of them.

    Register it by an entry point in the group `velocipy.models`, or with `app.register_model_backend`.
    """

    name: str

    @abstractmethod
    def matches(self, annotation: Any) -> bool:
        """Whether a parameter or result annotated so is a model of this backend."""

    @abstractmethod
    def validator(self, annotation: Any) -> Validate:
        """Python values as JSON has them (dict, list, str, int, float, bool, None) -> that model.

        Values that are models already, or have their fields as attributes, are taken too where the library can.
        """

    @abstractmethod
    def plain(self, annotation: Any, how: Serialization) -> Callable[[Any], Any]:
        """A function from that model to what a JSON encoder can write.

        Raises ConfigurationError where the library cannot do what `how` asks.
        """

    def decoder(self, annotation: Any, find_encoder: FindEncoder) -> Decode:
        """A function that decodes bodies into that model; straight from bytes where the library can."""
        return decoder_by_values(self, annotation, find_encoder)

    def dumper(self, annotation: Any, find_encoder: FindEncoder, how: Serialization = AS_IT_IS) -> Dumper:
        """Functions that check and write results; straight to bytes where the library can."""
        return dumper_by_values(self, annotation, find_encoder, how)

    def fields(self, annotation: Any) -> Sequence[ModelField] | None:
        """The fields of that model, or None where it cannot be spread over several parameters."""
        return None

    def named_fields(self, annotation: Any) -> Mapping[str, Any] | None:
        """The fields that `include` and `exclude` may name, by their names in the class, and what stands in each.

        None where any name may be, or nothing is known.
        """
        return None

    def forbids_unknown(self, annotation: Any) -> bool:
        """Whether that model refuses fields that it does not have; spread over a query, it then refuses other parameters."""
        return False

    def describe(self, annotation: Any) -> Shape | None:
        """How that model is made, for the documentation; None where `fields` or `schemas` say all that is known."""
        return None

    def schemas(self, wanted: Sequence[Wanted]) -> Schemas | None:
        """JSON Schemas of those types, by a library that makes them itself; None where they are made of `describe` or `fields`."""
        return None


def decoder_by_values(backend: ModelBackend, annotation: Any, find_encoder: FindEncoder) -> Decode:
    """Bytes to values by an encoder of any form, and values to the model."""
    validate = backend.validator(annotation)
    encoder = functools.cache(find_encoder)

    def decode(body: bytes, errors: list[ErrorItem]) -> Any:
        return validate(decode_body(body, encoder()), errors, BODY)

    return decode


def dumper_by_values(
    backend: ModelBackend, annotation: Any, find_encoder: FindEncoder, how: Serialization = AS_IT_IS
) -> Dumper:
    """The model to values, and values to bytes by an encoder of any form."""
    validate, plain = backend.validator(annotation), backend.plain(annotation, how)
    encoder = functools.cache(find_encoder)

    def dump(result: Any) -> bytes:
        return encoder().encode(plain(fitting(result, validate, annotation)))

    return Dumper(dump)


def check_names(backend: ModelBackend, annotation: Any, how: Serialization) -> None:
    """Raise ConfigurationError for a name in `include` or `exclude` that is no field of the response model."""
    if how.include is None and how.exclude is None:
        return
    from velocipy.models.selection import refuse_unknown  # with the walk over types, for the few that ask

    refuse_unknown(annotation, how, backend.named_fields)


def fitting(result: Any, validate: Validate, annotation: Any) -> Any:
    """The result as the response model has it. Raises ResultError, which the log shows and no client sees."""
    errors: list[ErrorItem] = []
    value = validate(result, errors, ("result",))
    if errors:
        raise ResultError(
            f"the result does not fit the response model {annotation}: "
            + "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors[:10]),
            errors,
        )
    return value


class Backends:
    """The backends that an app uses: those registered with it, ours for the libraries in use, and those of other dists.

    A library that the process has not imported is not imported here either: a model cannot have been defined without it.
    """

    FIRST_PARTY = ("msgspec", "pydantic")
    """Looked for when their library is imported; after them comes our own for dataclasses and Python's own types."""

    def __init__(self) -> None:
        self._registered: list[ModelBackend] = []

    def register(self, backend: ModelBackend | type[ModelBackend]) -> None:
        """Put a backend before all others. Raises ConfigurationError for what is none."""
        made = backend() if isinstance(backend, type) else backend
        for method in ("matches", "validator", "plain"):
            if not callable(getattr(made, method, None)):
                raise ConfigurationError(
                    f"{made!r} is no model backend: it has no method {method!r}; subclass velocipy.models.ModelBackend"
                )
        self._registered.insert(0, made)

    def find(self, annotation: Any) -> ModelBackend | None:
        """The first backend that knows the annotation."""
        imported = frozenset(name for name in self.FIRST_PARTY if sys.modules.get(name) is not None)
        for backend in (*self._registered, *_ours(imported)):
            if backend.matches(annotation):
                return backend
        return next((backend for backend in _others() if backend.matches(annotation)), None)


@functools.lru_cache(maxsize=8)
def _ours(imported: frozenset[str]) -> tuple[ModelBackend, ...]:
    """Our backends; looked up again once a library was imported that was not there before."""
    names = (*(name for name in Backends.FIRST_PARTY if name in imported), "dataclass")
    return tuple(_made(plugins.load(GROUP, name)) for name in names)


@functools.cache
def _others() -> tuple[ModelBackend, ...]:
    """Backends of other dists. Asked last, for what is none of ours: the look-up reads the metadata of every dist."""
    return tuple(_made(backend) for _, backend in plugins.installed(GROUP))


def _made(backend: object) -> ModelBackend:
    return cast("ModelBackend", backend() if isinstance(backend, type) else backend)


ANY_BACKENDS = Backends()
"""For encoders that belong to no app."""
