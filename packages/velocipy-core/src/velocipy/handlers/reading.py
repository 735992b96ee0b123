"""The steps that fill one parameter from the request. Knows sources, types and models; knows no dependencies and no order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

from velocipy.annotations import strip_optional, type_name
from velocipy.constraints import (
    NO_LIMITS,
)
from velocipy.exceptions import BindingError, ConfigurationError, ErrorItem
from velocipy.formats import JSON, Format, find_messagepack
from velocipy.handlers.bodies import (
    bounded,
    bounded_decoder,
    check_json_type,
    decoder_chooser,
    is_anything,
    is_raw,
    key_reader,
    object_decoder,
    or_default,
    raw_decoder,
    raw_validator,
    untyped,
)
from velocipy.handlers.bounds import (
    body_checks,
    limits_of,
    marker_of,
    refuse_default,
    refuse_misplaced,
    refuse_style,
)
from velocipy.handlers.convert import (
    Reader,
    find_collection,
    find_scalar,
    make_collection_reader,
    make_reader,
)
from velocipy.handlers.markers import MISSING, SEPARATORS, Marker, Source
from velocipy.handlers.names import Names
from velocipy.handlers.plan import Body, Form, Give, Given, Only, Read, Spread, Step, Take
from velocipy.handlers.signature import UNANNOTATED, Parameter
from velocipy.handlers.sources import (
    BY_ROUTE,
    FindBackend,
    From,
    given_by,
    key_of,
    not_offered,
    refuse_lacking,
    source_of,
    unbindable,
    upload_shape,
)
from velocipy.handlers.spread import make_spread
from velocipy.http.forms import DEFAULT_LIMITS
from velocipy.http.multipart import load_parser
from velocipy.messages import did_you_mean
from velocipy.models.base import Decode, FindEncoder, ModelBackend, ModelField, Validate, decoder_by_values
from velocipy.routing.route import Route
from velocipy.validation import Place, missing

MakeDecoder = Callable[[Parameter, Format], Decode]

_SPREADABLE = frozenset({"query", "header", "cookie", "form"})
_NO_COLLECTIONS = frozenset({"path", "cookie"})
_OF_PROXIES = frozenset({"scheme", "hosts"})
_BODIES = frozenset({"body", "form", "file"})


class Reading:
    """What one route reads. Remembers what is read already: the form, objects of the exchange, names of parameters."""

    def __init__(
        self, route: Route, names: Names, find_backend: FindBackend, find_encoder: FindEncoder
    ) -> None:
        self.route = route
        self.holes: dict[str, int] = {hole.name: index for index, hole in enumerate(route.template.holes)}
        self.taken: set[str] = set()
        """Holes of the path that a parameter takes."""
        self.bodies: list[Parameter] = []
        """Parameters that are the JSON body, or keys of it."""
        self._names = names
        self._find_backend = find_backend
        self._find_encoder = find_encoder
        self._sources: dict[Parameter, From | None] = {}
        self._given: dict[Given, str] = {}
        self._offered: dict[type, str] = {}
        self._object_is_read = False
        self._form: Parameter | None = None
        self._form_is_read = False
        self._keys: defaultdict[Source, list[str]] = defaultdict(list)
        self._strict: set[Source] = set()

    def next_segment(self) -> None:
        """What follows is laid out in a function of its own, which is given the exchange anew."""
        self._given = {}
        self._form_is_read = self._object_is_read = False

    @contextmanager
    def apart(self) -> Generator[None, None, None]:
        """What is read inside of this is read only at times, so that nothing outside may share it."""
        given, form = self._given.copy(), self._form_is_read
        yield
        self._given, self._form_is_read = given, form

    def source(self, parameter: Parameter) -> From | None:
        """Where a parameter comes from; None where nothing fills it."""
        if parameter in self._sources:
            return self._sources[parameter]
        try:
            source = source_of(parameter, self.holes, self._find_backend)
        except ConfigurationError as exc:
            raise _placed(exc, parameter) from None
        self._sources[parameter] = source
        return source

    def needs_body(self, parameter: Parameter) -> bool:
        """Whether the request's body must be read for it."""
        return self.source(parameter) in _BODIES or given_by(parameter) == "form"

    def announce(self, parameters: Sequence[Parameter]) -> None:
        """Say beforehand which parameters the route has: one that is the body alone is read otherwise than several.

        Raises BindingError where a body is JSON and a form at once.
        """
        self.bodies = [parameter for parameter in parameters if self.source(parameter) == "body"]
        if not self.bodies:
            return
        forms = [p for p in parameters if self.needs_body(p) and p not in self.bodies]
        if forms:
            raise BindingError(
                f"{self.bodies[0].where} is a JSON body and {forms[0].where} a form: a request has one body, so make both Form()"
            )

    @property
    def _bodies_are_keys(self) -> bool:
        """Whether the body is one object with a key for each body parameter: two of one name are one."""
        return len({key_of(body) for body in self.bodies}) > 1

    def read(self, parameter: Parameter) -> tuple[list[Step], str]:
        """(the steps that fill a parameter, its local)."""
        source = self.source(parameter)
        if source == "given":
            return self._give(parameter)
        if source == "offered":
            return [], self._token(parameter)
        if source is None or source == "dependency":
            raise BindingError(self._unbindable(parameter))
        refuse_lacking(parameter, source, self.route)
        local = self._names.take_local(parameter.name)
        if source == "path":
            return [self._hole(parameter, local)], local
        if source == "body":
            return self._read_body(parameter, local), local
        steps = self._read_form() if source in _BODIES else []
        if source == "file":
            return [*steps, self._file(parameter, local)], local
        return [*steps, self._text(parameter, source, wire_key(parameter, source), local)], local

    def only(self) -> list[Step]:
        """Steps that refuse what nobody reads, for the sources of which a marker demands that."""
        if not self._strict:
            return []
        form = self._read_form() if "form" in self._strict else []
        return [*form, *(Only(source, frozenset(self._keys[source])) for source in sorted(self._strict))]

    # -- objects of the exchange -------------------------------------------------------------------------------

    def _give(self, parameter: Parameter) -> tuple[list[Step], str]:
        asked = given_by(parameter)
        assert asked is not None
        what = BY_ROUTE[asked][self.route.is_socket] if asked in BY_ROUTE else cast("Given", asked)
        refuse_lacking(parameter, what, self.route)
        if what in self._given:
            return [], self._given[what]
        steps = self._read_form() if what == "form" else []
        if what in _OF_PROXIES and self.route.proxies is not None and not self.route.is_socket:
            steps = self._request(parameter)
        local = self._given[what] = self._names.take_local(what)
        return [*steps, Give(local, what, parameter)], local

    def offer(self, kind: type, local: str) -> None:
        """From here on, parameters of this annotation are a middleware's token; of two the inner's."""
        self._offered[kind] = local

    def _token(self, parameter: Parameter) -> str:
        local = self._offered.get(parameter.annotation)
        if local is None:
            raise BindingError(not_offered(parameter, self.route))
        return local

    def _request(self, parameter: Parameter) -> list[Step]:
        """The Request, which knows what proxies say."""
        if "request" in self._given:
            return []
        local = self._given["request"] = self._names.take_local("request")
        return [Give(local, "request", parameter)]

    # -- the path ----------------------------------------------------------------------------------------------

    def _hole(self, parameter: Parameter, local: str) -> Step:
        key = key_of(parameter)
        if key not in self.holes:
            raise BindingError(
                f"{parameter.where}: {self.route.path!r} has no hole {{{key}}}{did_you_mean(key, self.holes) or '.'} Write one, "
                f"or read it from elsewhere with Query()"
            )
        index = self.holes[key]
        hole = self.route.template.holes[index]
        self.taken.add(key)
        annotation, _ = strip_optional(parameter.annotation)
        converted = hole.converter.type
        limits = limits_of(parameter)
        if converted is not str:
            if annotation not in (UNANNOTATED, converted, Any, object) or limits is not NO_LIMITS:
                raise BindingError(
                    f"{parameter.where} gets {converted.__name__} from {{{key}:{hole.converter.name}}}: annotate it so, "
                    f"or write {{{key}}} in the path and keep the annotation and its constraints"
                )
            return Take(local, index, parameter)
        if annotation in (UNANNOTATED, str) and limits is NO_LIMITS:
            return Take(local, index, parameter)
        return self._text(parameter, "path", key, local, index)

    # -- text --------------------------------------------------------------------------------------------------

    def _text(
        self, parameter: Parameter, source: Source, key: str, local: str, index: int | None = None
    ) -> Step:
        read = _read_scalar(parameter, source, key, local, index)
        if read is not None:
            self._note(parameter, source, (key,))
            return read
        annotation, _ = strip_optional(parameter.annotation)
        limits = limits_of(parameter)
        if marker_of(parameter).joined:
            raise BindingError(
                f"{parameter.where}: joined=True makes one text of a header's lines, and {type_name(parameter.annotation)} is not read "
                f"from one: leave it out, a list takes every line anyway"
            )
        collection = find_collection(annotation)
        if collection is not None and source not in _NO_COLLECTIONS:
            refuse_misplaced(parameter, None, limits)
            refuse_style(parameter, tuple(SEPARATORS))
            refuse_default(parameter, limits, collection)
            self._note(parameter, source, (key,))
            separator = marker_of(parameter).separator
            reader = make_collection_reader((source, key), collection, parameter.default, limits, separator)
            return Read(local, source, key, reader, parameter, many=True)
        spreadable = source in _SPREADABLE and parameter.marker is not None
        backend = self._find_backend(annotation) if spreadable else None
        fields = None if backend is None else backend.fields(annotation)
        if backend is None or fields is None:
            raise BindingError(self._unbindable(parameter, source))
        return self._spread(parameter, local, backend, fields)

    def _spread(
        self, parameter: Parameter, local: str, backend: ModelBackend, fields: Sequence[ModelField]
    ) -> Step:
        marker = marker_of(parameter)
        annotation, _ = strip_optional(parameter.annotation)
        if marker.constraints is not NO_LIMITS:
            raise BindingError(f"{parameter.where}: bounds of a model stand at its fields, not in the marker")
        try:
            validate = backend.validator(annotation)
        except ConfigurationError as exc:
            raise _placed(exc, parameter) from None
        read, keys = make_spread(parameter, marker, validate, fields)
        self._note(parameter, marker.source, keys)
        if backend.forbids_unknown(annotation) and marker.source in ("query", "form"):
            self._strict.add(marker.source)
        return Spread(local, marker.source, keys, read, parameter)

    def _note(self, parameter: Parameter, source: Source, keys: Sequence[str]) -> None:
        """Remember which keys of a source are read, and whether others are allowed."""
        source = "form" if source == "file" else source
        self._keys[source] += keys
        if isinstance(parameter.marker, Marker) and parameter.marker.forbid:
            self._strict.add(source)

    # -- forms -------------------------------------------------------------------------------------------------

    def _read_form(self) -> list[Step]:
        if self._form_is_read:
            return []
        self._form_is_read = True
        return [Form(self.route.form_limits or DEFAULT_LIMITS)]

    def _file(self, parameter: Parameter, local: str) -> Step:
        key = key_of(parameter)
        self._note(parameter, "file", (key,))
        shape = upload_shape(parameter.annotation)
        if shape is None:
            raise BindingError(
                f"{parameter.where}: a file is an UploadFile or list[UploadFile], not {type_name(parameter.annotation)}"
            )
        load_parser()  # said now, and not when the first file comes
        reader = _file_reader(("form", key), parameter.default)
        return Read(local, "file", key, reader, parameter, many=shape == "many")

    # -- bodies ------------------------------------------------------------------------------------------------

    def _read_body(self, parameter: Parameter, local: str) -> list[Step]:
        if parameter not in self.bodies:
            self.bodies.append(parameter)
            if self._bodies_are_keys:
                raise BindingError(
                    f"{parameter.where} and {self.bodies[0].where} both take the body: keep one, or make them fields of one model"
                )
        annotation, _ = strip_optional(parameter.annotation)
        kind = find_scalar(annotation) or find_collection(annotation)
        refuse_default(parameter, limits_of(parameter), kind)
        if self._bodies_are_keys or marker_of(parameter).embed:
            return self._read_key(parameter, local)
        absent = None if parameter.default is MISSING else untyped(parameter.default)
        return [self._body(local, parameter, absent, self._finished_decoder)]

    def _read_key(self, parameter: Parameter, local: str) -> list[Step]:
        """One of several body parameters: a key of the object that the body then is."""
        steps: list[Step] = []
        if not self._object_is_read:
            self._object_is_read = True
            optional = all(body.default is not MISSING for body in self.bodies)
            absent = untyped({}) if optional else None
            steps.append(self._body("fields", parameter, absent, self._object_decoder, several=True))
        key = key_of(parameter)
        validate, checks = self._validator(parameter), body_checks(parameter)
        reader = key_reader(key, bounded(validate, checks) if checks else validate, parameter.default)
        return [*steps, Read(local, "body", key, reader, parameter)]

    def _body(
        self,
        local: str,
        parameter: Parameter,
        absent: Decode | None,
        make: MakeDecoder,
        several: bool = False,
    ) -> Body:
        """The step that reads the body in the route's format, or in one of them; `absent` is for one that may be missing."""
        formats = self.route.formats
        decoders = [make(parameter, format) for format in formats]
        simple = formats == (JSON,) and absent is None
        choose = None if simple else decoder_chooser(formats, decoders, absent)
        limit = self.route.max_content_length
        return Body(local, check_json_type, decoders[0], limit, parameter, several, choose)

    def _finished_decoder(self, parameter: Parameter, format: Format) -> Decode:
        decode, checks = self._decoder(parameter, format), body_checks(parameter)
        if checks:
            decode = bounded_decoder(decode, checks)
        return decode if parameter.default is MISSING else or_default(decode, parameter.default)

    def _object_decoder(self, parameter: Parameter, format: Format) -> Decode:
        return object_decoder(self._encoder_of(format))

    def _decoder(self, parameter: Parameter, format: Format) -> Decode:
        annotation, optional = strip_optional(parameter.annotation)
        find_encoder = self._encoder_of(format)
        if is_raw(annotation) or is_anything(annotation):
            return raw_decoder(annotation, optional, find_encoder)
        backend = self._backend(parameter)
        try:
            if format.is_json:
                return backend.decoder(parameter.hint, find_encoder)
            return decoder_by_values(backend, parameter.hint, find_encoder)
        except ConfigurationError as exc:
            raise _placed(exc, parameter) from None

    def _encoder_of(self, format: Format) -> FindEncoder:
        return self._find_encoder if format.is_json else find_messagepack

    def _validator(self, parameter: Parameter) -> Validate:
        annotation, optional = strip_optional(parameter.annotation)
        if is_raw(annotation) or is_anything(annotation):
            return raw_validator(annotation, optional)
        backend = self._backend(parameter)
        try:
            return backend.validator(parameter.hint)
        except ConfigurationError as exc:
            raise _placed(exc, parameter) from None

    def _backend(self, parameter: Parameter) -> ModelBackend:
        try:
            backend = self._find_backend(parameter.annotation)
        except ConfigurationError as exc:
            raise _placed(exc, parameter) from None
        if backend is None:
            raise BindingError(self._unbindable(parameter))
        return backend

    # -- what is wrong -----------------------------------------------------------------------------------------

    def _unbindable(self, parameter: Parameter, source: Source | None = None) -> str:
        if source in _SPREADABLE | _NO_COLLECTIONS and parameter.annotation is not UNANNOTATED:
            kinds = "a scalar" if source in _NO_COLLECTIONS else "a scalar, a list of scalars or a model"
            return f"{parameter.where}: {type_name(parameter.annotation)} cannot be read from the {source}, which gives {kinds}: annotate it so, or take it as the body"
        return unbindable(parameter, did_you_mean(parameter.name, set(self.holes) - self.taken))


@lru_cache(maxsize=1024)
def _read_scalar(
    parameter: Parameter, source: Source, key: str, local: str, index: int | None
) -> Read | None:
    """The step for a type whose values are one text, None for every other: the same at registration and for each protocol."""
    annotation, _ = strip_optional(parameter.annotation)
    scalar = find_scalar(annotation)
    if scalar is None:
        return None
    limits = NO_LIMITS
    if parameter.marker is not None or parameter.extras:
        limits = limits_of(parameter)
        refuse_misplaced(parameter, scalar, limits)
        refuse_style(parameter, ("form",))
        refuse_default(parameter, limits, scalar)
    reader = make_reader((source, key), scalar, parameter.default, limits)
    joined = source == "header" and marker_of(parameter).joined
    return Read(local, source, key, reader, parameter, index, joined=joined)


def _placed(exc: ConfigurationError, parameter: Parameter) -> BindingError:
    """What a model backend has to say of a type, with the place where the type stands."""
    return BindingError(f"{parameter.where}: {exc.message}")


def wire_key(parameter: Parameter, source: Source) -> str:
    """The name of a parameter in its source: `x_request_id` is the header `x-request-id`."""
    if source != "header":
        return key_of(parameter)
    return (marker_of(parameter).alias or parameter.name.replace("_", "-")).lower()


def _file_reader(place: Place, default: Any) -> Reader:
    def read_file(found: Any, errors: list[ErrorItem]) -> Any:
        if found is not None and found != []:
            return found
        if default is MISSING:
            errors.append(missing(place))
            return None
        return default

    return read_file
