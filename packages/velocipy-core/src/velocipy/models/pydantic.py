"""pydantic's models, by pydantic's own parser and serializer. The one module that imports pydantic.

What pydantic takes is its own matter (it reads "1" as an int); what it refuses is told in the words that all backends share, and
what is no JSON is refused as everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

import pydantic
from pydantic_core import PydanticOmit, SchemaValidator, to_json

from velocipy.annotations import split_annotated, type_name, union_members
from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem, ResultError
from velocipy.json.base import decode_body
from velocipy.json.stdlib import StdlibJSON
from velocipy.models.base import (
    AS_IT_IS,
    BODY,
    REFERENCE,
    Decode,
    Direction,
    Dumper,
    Encode,
    FindEncoder,
    ModelBackend,
    ModelField,
    Schemas,
    Serialization,
    Validate,
    Wanted,
    fitting,
)
from velocipy.models.bodies import may_be_read_otherwise, refuse_endless_numbers
from velocipy.models.containers import ARRAYS
from velocipy.models.refusals import entries_of
from velocipy.models.selection import pydantic_options
from velocipy.models.shapes import holds
from velocipy.models.walk import CONTAINERS, Language, is_array, is_known, is_mapping
from velocipy.untyped import DICT, LIST
from velocipy.validation import MAX_ERRORS, Place, invalid

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

LONG_BODY: Final = 64 * 1024
"""Bytes of a body up to which pydantic may make every error at once."""

MAX_FOUND: Final = 10 * MAX_ERRORS
"""Errors of a longer body after which its other items are left alone; those of a union become one entry."""

MAX_REFUSALS: Final = 10_000
"""Errors of one body that are looked at one by one: pydantic makes them all at once, and each takes a kilobyte then."""

Adapter = Callable[[], "pydantic.TypeAdapter[Any]"]
"""Makes pydantic's schema at the first call, a millisecond or more for what is not a model class alone. Its methods are left
aside for those of its validator and serializer, which take half the time."""


class PydanticBackend(ModelBackend):
    """BaseModel, RootModel, pydantic's dataclasses, and what holds one."""

    name = "pydantic"

    def matches(self, annotation: Any) -> bool:
        """A model or pydantic dataclass, and any type that is made of one."""
        return holds(annotation, _is_model)

    def validator(self, annotation: Any) -> Validate:
        """Values of JSON or of the types themselves, models, or objects with a model's fields as attributes."""
        adapter = _adapter(annotation)

        def validate(value: Any, errors: list[ErrorItem], place: Place) -> Any:
            try:
                return adapter().validator.validate_python(value, from_attributes=True)
            except pydantic.ValidationError as exc:
                return _validate_as_json(adapter, value, exc, errors, place)
            except RecursionError:
                errors.append(invalid(place, "nested too deeply", "recursion_error"))
                return None

        return validate

    def decoder(self, annotation: Any, find_encoder: FindEncoder) -> Decode:
        """pydantic's own parser, kept to what JSON is."""
        adapter, encoder = _adapter(annotation), functools.cache(find_encoder)
        short = functools.cache(lambda: adapter().validator.validate_json)
        long = functools.cache(lambda: _Long(adapter().core_schema))

        def decode(body: bytes, errors: list[ErrorItem]) -> Any:
            if may_be_read_otherwise(body):
                refuse_endless_numbers(decode_body(body, encoder()))
            try:
                return short()(body) if len(body) <= LONG_BODY else long().validate(body)
            except pydantic.ValidationError as exc:
                if _is_no_json(exc):
                    raise BadRequest("Invalid JSON body") from None
                return _note(exc, decode_body(body, encoder()), errors, BODY)
            except RecursionError:
                raise BadRequest("Invalid JSON body") from None

        return decode

    def plain(self, annotation: Any, how: Serialization) -> Callable[[Any], Any]:
        """Models as dicts with their declared fields, computed ones too."""
        adapter, options = _adapter(annotation), pydantic_options(annotation, how)

        def plain(value: Any) -> Any:
            return adapter().serializer.to_python(value, mode="json", **options)

        return plain

    def dumper(self, annotation: Any, find_encoder: FindEncoder, how: Serialization = AS_IT_IS) -> Dumper:
        """Models straight to bytes by pydantic, which notices what is not as declared; only then is the result validated."""
        adapter, options, validate = (
            _adapter(annotation),
            pydantic_options(annotation, how),
            self.validator(annotation),
        )

        def dump(result: Any) -> bytes:
            value = fitting(result, validate, annotation)
            try:
                return adapter().serializer.to_json(value, warnings="error", **options)
            except ValueError as exc:
                # An instance is taken as it is, also one whose fields were set to what they cannot be.
                raise ResultError(f"the result does not fit the response model {annotation}: {exc}") from None

        def encode(result: Any) -> bytes:
            try:
                return adapter().serializer.to_json(result, warnings="error", **options)
            except ValueError:
                return dump(result)

        declared = _item_classes(annotation)

        def encode_items(result: Any) -> bytes:
            # For a model pydantic lets None pass, and writes what it finds of the fields in any other object. 15 us for 1,000 items.
            items = result.values() if isinstance(result, DICT) else result
            return encode(result) if set(map(type, items)) <= declared else dump(result)

        def exact() -> dict[type, Encode]:
            # A model that holds no other is trusted to hold what it declares: to look for more takes pydantic 1 us.
            trusted = functools.partial(adapter().serializer.to_json, **options)
            return {
                cls: encode_items if cls in (dict, *ARRAYS) else trusted if _is_flat(cls) else encode
                for cls in _classes(annotation)
            }

        return Dumper(dump, exact)

    def fields(self, annotation: Any) -> Sequence[ModelField] | None:
        """The fields of a model, under the names that it is validated by."""
        model, _ = split_annotated(annotation)
        if not _is_model(model) or (
            issubclass(model, pydantic.BaseModel) and issubclass(model, pydantic.RootModel)
        ):
            return None
        known = model.model_fields if issubclass(model, pydantic.BaseModel) else model.__pydantic_fields__
        return tuple(_field(name, info) for name, info in known.items())

    def named_fields(self, annotation: Any) -> Mapping[str, Any] | None:
        """Declared and computed fields; None for a model that takes any field, or is written by a function of its own."""
        fields = self.fields(annotation)
        if fields is None or _extra(annotation) == "allow":
            return None
        decorators = annotation.__pydantic_decorators__
        if decorators.model_serializers:
            return None
        by_function = {name for made in decorators.field_serializers.values() for name in made.info.fields}
        known = {
            field.name: Any if field.name in by_function else _written(field.annotation) for field in fields
        }
        return {**known, **dict.fromkeys(decorators.computed_fields, Any)}

    def forbids_unknown(self, annotation: Any) -> bool:
        """Whether the model's configuration says `extra="forbid"`."""
        return _extra(split_annotated(annotation)[0]) == "forbid"

    def schemas(self, wanted: Sequence[Wanted]) -> Schemas:
        """pydantic's own schemas, all at once, since names of components depend on what else there is."""
        # Most are wanted in both directions. By identity: a union equals one of another order, which is another schema.
        adapters = {
            key: pydantic.TypeAdapter(annotation)
            for key, annotation in {id(one.annotation): one.annotation for one in wanted}.items()
        }
        made, components = pydantic.TypeAdapter.json_schemas(
            [
                (index, _MODES[one.direction], adapters[id(one.annotation)])
                for index, one in enumerate(wanted)
            ],
            ref_template=REFERENCE + "{model}",
            schema_generator=_schema_generator(),
        )
        schemas = tuple(made[index, _MODES[one.direction]] for index, one in enumerate(wanted))
        return Schemas(schemas, components.get("$defs", {}))


@functools.cache
def _schema_generator() -> type[GenerateJsonSchema]:
    """pydantic's own, without two of its ways: together a quarter of its time for a thousand models.

    Made at first use: its module is loaded by who describes models, and not by who reads them.
    """
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        def encode_default(self, dft: Any) -> Any:
            """JSON's own values are defaults as they are; pydantic makes an adapter for each."""
            return dft if type(dft) in _PLAIN or dft == [] or dft == {} else super().encode_default(dft)

        def sort(self, value: Any, parent_key: str | None = None) -> Any:
            """Keys stay in the order in which they were made; who puts a document together sorts components."""
            return value

    return Generator


_PLAIN: Final = (str, int, bool, NoneType)

_MODES: Final[dict[Direction, Literal["validation", "serialization"]]] = {
    "input": "validation",
    "output": "serialization",
}


def _is_model(annotation: Any) -> bool:
    bare, _ = split_annotated(annotation)
    return isinstance(bare, type) and (
        hasattr(bare, "__pydantic_validator__") or issubclass(bare, pydantic.BaseModel)
    )


class _Search:
    """How many errors are still looked for, and the lists, by the schema of their items, whose other items are left alone."""

    __slots__ = ("ended", "left")

    def __init__(self) -> None:
        self.left = MAX_FOUND
        self.ended: set[int] = set()


class _Long:
    """A schema for long bodies, whose lists may hold very many wrong items.

    pydantic makes every error before it tells one: for 9 MB of wrong items that is 1.5 GB and 5 s. So each list is left at its first
    wrong item; where there is one, the body is gone through again, each item of a list by itself, until there are MAX_FOUND errors.
    """

    def __init__(self, schema: Any) -> None:
        self._definitions: list[Any] = schema["definitions"] if schema["type"] == "definitions" else []
        self._validate = _validator(_changed(schema, _left_at_the_first))
        self._validate_items = functools.cache(lambda: _validator(self._by_items(schema)))
        self._search: ContextVar[_Search] = ContextVar("search")

    def validate(self, body: bytes) -> Any:
        """The value. Raises pydantic's ValidationError."""
        try:
            return self._validate(body)
        except pydantic.ValidationError as first:
            if _is_no_json(first):
                raise
            raise self._every_error(body) or first from None

    def _every_error(self, body: bytes) -> pydantic.ValidationError | None:
        search = self._search.set(_Search())
        found: pydantic.ValidationError | None = None
        try:
            self._validate_items()(body)
        except pydantic.ValidationError as exc:
            found = exc
        except (
            Exception
        ):  # a validator of the user's that looks at what stands around an item, or at how many
            found = None
        finally:
            self._search.reset(search)
        return None if found is None or found.error_count() > MAX_REFUSALS else found

    def _by_items(self, schema: Any) -> Any:
        return _changed(schema, self._counted)

    def _counted(self, schema: dict[str, Any]) -> dict[str, Any]:
        items = schema.get("items_schema", {"type": "any"})
        counted = [self._item(item) for item in items] if isinstance(items, LIST) else self._item(items)
        return {**schema, "items_schema": counted}

    def _item(self, schema: Any) -> Any:
        """A schema that reads an item as JSON of its own, since a strict model takes a date as text from there alone."""
        whole: Any = {"type": "definitions", "schema": schema, "definitions": self._definitions}
        short = functools.cache(lambda: SchemaValidator(whole).validate_json)
        long = functools.cache(lambda: _validator(self._by_items(whole)))

        def validate(value: Any) -> Any:
            search = self._search.get()
            if id(schema) in search.ended:
                raise PydanticOmit
            body = to_json(value, inf_nan_mode="constants")
            try:
                return (short if len(body) <= LONG_BODY else long)()(body)
            except pydantic.ValidationError as exc:
                if len(body) <= LONG_BODY:  # otherwise its own items have counted
                    search.left -= exc.error_count()
                if (
                    search.left <= 0
                ):  # not before its first error, or another member of a union would take what is not looked at
                    search.ended.add(id(schema))
                raise

        return {"type": "function-plain", "function": {"type": "no-info", "function": validate}}


def _validator(schema: Any) -> Callable[[bytes], Any]:
    """The validator of a changed schema; pydantic takes a model's own in its place unless it is told not to, which it can be since 2.13."""
    try:
        return SchemaValidator(schema, None, False).validate_json
    except TypeError:  # pragma: no cover - of pydantic before 2.13
        return SchemaValidator(schema).validate_json


def _changed(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A schema with its lists changed, and the lists in what is left of their items."""
    if isinstance(schema, DICT):
        if schema.get("type") in _LISTS:
            schema = change(schema)
        return {key: _changed(value, change) for key, value in schema.items()}
    return [_changed(item, change) for item in schema] if isinstance(schema, LIST) else schema


def _left_at_the_first(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "fail_fast": True}


_LISTS: Final = frozenset({"list", "set", "frozenset", "tuple"})


def _is_flat(cls: type) -> bool:
    """Whether the fields of a model are scalars and containers of scalars, so that no other object hides in one."""
    return issubclass(cls, pydantic.BaseModel) and not any(
        holds(field.annotation, lambda member: member in (Any, object) or not is_known(member, _SIMPLE))
        for field in cls.model_fields.values()
    )


def _adapter(annotation: Any) -> Adapter:
    @functools.cache
    def adapter() -> pydantic.TypeAdapter[Any]:
        return pydantic.TypeAdapter(annotation)

    if holds(annotation, lambda member: not (_is_model(member) or is_known(member, _SIMPLE))):
        try:
            adapter()  # there may be no schema for it, which must be said at registration
        except (pydantic.errors.PydanticUserError, NameError) as exc:
            raise ConfigurationError(
                f"pydantic cannot check {type_name(annotation)}: {str(exc).partition(chr(10))[0]}"
            ) from None
    return adapter


_SIMPLE: Final = Language(lambda annotation: None)
"""Types that pydantic makes a schema for without fail."""


def _is_no_json(exc: pydantic.ValidationError) -> bool:
    """Whether the body itself is broken, and not a text in it that should hold JSON."""
    if exc.error_count() > 1:
        return False
    (error,) = exc.errors(include_url=False, include_context=False)
    return error["type"] == "json_invalid" and error["loc"] == ()


def _note(exc: pydantic.ValidationError, data: Any, errors: list[ErrorItem], place: Place) -> None:
    """pydantic's errors, up to the limit of a 422."""
    if exc.error_count() > MAX_REFUSALS:
        errors.append(invalid(place, f"{exc.error_count()} errors", "too_many_errors"))
        return
    entries = entries_of(exc.errors(include_url=False), data, place)
    errors += entries[: max(0, MAX_ERRORS - len(errors))]


def _validate_as_json(
    adapter: Adapter, value: Any, exc: pydantic.ValidationError, errors: list[ErrorItem], place: Place
) -> Any:
    """A strict model takes a date as text from JSON alone, so what is a value of JSON gets a second hearing as such."""
    try:
        return adapter().validator.validate_json(_JSON.encode(value))
    except (TypeError, ValueError, RecursionError):  # the first hearing counts
        return _note(exc, value, errors, place)


_JSON: Final = StdlibJSON()


def _classes(annotation: Any) -> tuple[type, ...]:
    """The classes of results that pydantic can write without a validation before."""
    bare, _ = split_annotated(annotation)
    members = union_members(bare)
    if members:
        return tuple(cls for member in members for cls in _classes(member))
    if is_mapping(bare):
        return (dict,)
    if is_array(bare):
        return (CONTAINERS[get_origin(bare) or bare],)
    return (NoneType if bare is None else bare,) if bare in (None, NoneType) or _is_model(bare) else ()


def _item_classes(annotation: Any) -> frozenset[type]:
    """The classes of what stands in such a list or dict that pydantic can write without a validation before; of a tuple's, none."""
    bare, _ = split_annotated(annotation)
    kinds = get_args(bare)[is_mapping(bare) :]
    return frozenset(_classes(kinds[0])) - {dict, *ARRAYS} if len(kinds) == 1 else frozenset()


def _extra(model: Any) -> str | None:
    """What a model's configuration says of fields that it does not have."""
    config: Any = getattr(model, "model_config", None) or getattr(model, "__pydantic_config__", None) or {}
    extra: str | None = config.get("extra")
    return extra


def _field(name: str, info: pydantic.fields.FieldInfo) -> ModelField:
    key = next((alias for alias in _aliases(info) if isinstance(alias, str)), name)
    known = not info.is_required() and info.default_factory is None
    annotation = Annotated[info.annotation, info]  # type: ignore[name-defined]  # ty: ignore[invalid-type-form]  # its bounds are in the info's metadata
    return ModelField(name, key, annotation, info.is_required(), info.default if known else None)


def _written(annotation: Any) -> Any:
    """What of a field's type is known when it is written: nothing where its Annotated says how, such as SerializeAsAny."""
    bare, (info, *_) = split_annotated(annotation)
    hooked = any(hasattr(extra, "__get_pydantic_core_schema__") for extra in info.metadata)
    return Any if hooked else bare


def _aliases(info: pydantic.fields.FieldInfo) -> Sequence[Any]:
    alias = info.validation_alias or info.alias
    return alias.choices if isinstance(alias, pydantic.AliasChoices) else (alias,)
