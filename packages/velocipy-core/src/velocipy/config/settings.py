"""One setting of a Config: its type, its variables, how its text is read and its values are checked. Knows no sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, cast, get_args, get_origin

from velocipy.annotations import split_annotated, strip_optional, type_name
from velocipy.config.secret import Secret
from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem
from velocipy.handlers.convert import (
    Collection,
    always_reader,
    default_maker,
    find_collection,
    find_scalar,
    make_collection_reader,
)
from velocipy.handlers.markers import MISSING
from velocipy.json.base import best_encoder, decode_body
from velocipy.models.base import ANY_BACKENDS
from velocipy.models.walk import limits_of
from velocipy.untyped import MUTABLE
from velocipy.validation import Place, invalid

Read = Callable[[str, Place, list[ErrorItem]], Any]
"""(text, place, errors) -> value."""
CheckValue = Callable[[Any, Place, list[ErrorItem]], Any]
"""(value, place, errors) -> value: of a keyword or a default, which is no text."""

WRAPPED: Final[dict[Any, Callable[[str], Any]]] = {Path: Path, Secret: Secret}
"""Types of settings that no parameter has -> what is made of their text."""


@dataclass(frozen=True, slots=True)
class Env:
    """The variables of a setting, in the place of prefix and name: `Annotated[Secret, Env("DATABASE_URL", "DB_URL")]`.

    They stand as they are, without a prefix; the first that is set counts.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        if not names or not all(isinstance(name, str) and name and "=" not in name for name in names):
            raise ConfigurationError(
                f"Env takes the names of variables, not {', '.join(map(repr, names)) or 'nothing'}: write Env('APP_PORT')"
            )
        object.__setattr__(self, "names", names)


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of a Config. `read` is None for types that no text can be: those come as keywords alone."""

    name: str
    annotation: Any
    env: Env | None
    default: Any
    read: Read | None
    check: CheckValue

    def variables(self, prefix: str) -> tuple[str, ...]:
        """The names of its variables below a prefix."""
        return (prefix + self.name.upper(),) if self.env is None else self.env.names

    @property
    def is_optional(self) -> bool:
        """Whether None is a value of it."""
        return strip_optional(split_annotated(self.annotation)[0])[1]

    def make_default(self) -> Any:
        """The default; a copy of what could be changed."""
        return default_maker(self.default)()


def setting_of(name: str, hint: Any, default: Any, where: str) -> Setting:
    """The setting of a field. Raises ConfigurationError for a default that is not of its type."""
    bare, extras = split_annotated(hint)
    env = next((extra for extra in extras if isinstance(extra, Env)), None)
    rest = tuple(extra for extra in extras if not isinstance(extra, Env))
    annotation = Annotated[(bare, *rest)] if rest else bare  # ty: ignore[invalid-type-form]
    check = _checker(bare, annotation)
    setting = Setting(name, annotation, env, default, _reader(bare, annotation, rest), check)
    if default is not MISSING:
        errors: list[ErrorItem] = []
        value = check(default, ("config", name), errors)
        if errors:
            raise ConfigurationError(
                f"the default of {name} in {where} does not fit {type_name(bare)}: {reason_of(errors[0])}"
            )
        if not isinstance(default, MUTABLE):
            setting = Setting(name, annotation, env, value, setting.read, check)
    return setting


def reason_of(error: ErrorItem) -> str:
    """What is wrong in words that need no "Invalid field 'x': " before them; inside of a value, with the way to it."""
    words = "missing" if error["type"] == "missing" else error["msg"].partition(": ")[2] or error["msg"]
    way = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"][2:])
    return f"{way}: {words}" if way else words


def _reader(bare: Any, annotation: Any, extras: tuple[Any, ...]) -> Read | None:
    stripped, optional = strip_optional(bare)
    read = _reader_of(stripped, annotation, extras)
    if read is None or not optional or stripped in (str, *WRAPPED):
        return read

    def read_optional(text: str, place: Place, errors: list[ErrorItem]) -> Any:
        return read(text, place, errors) if text else None

    return read_optional


def _reader_of(stripped: Any, annotation: Any, extras: tuple[Any, ...]) -> Read | None:
    if stripped in (*WRAPPED,):  # not a look-up: what stands in an annotation may have no hash
        return _wrapped_reader(WRAPPED[stripped], extras)
    if find_scalar(annotation) is not None:
        return _scalar_reader(annotation)
    wrapped = _wrapped_items(stripped)
    if wrapped is not None:
        return wrapped
    collection = find_collection(stripped)
    if collection is not None:
        return _list_reader(collection, extras, _json_reader(annotation))
    if _holds_wrapped(stripped):
        return (
            None  # in what is nested more deeply: as JSON it would come as plain text, and a Secret be shown
        )
    if _is_mapping(stripped) or ANY_BACKENDS.find(stripped) is not None:
        return _json_reader(annotation)
    return None


def _is_mapping(stripped: Any) -> bool:
    return (get_origin(stripped) or stripped) in (dict, list)


def _scalar_reader(annotation: Any) -> Read:
    scalar = find_scalar(annotation)
    assert scalar is not None

    def read(text: str, place: Place, errors: list[ErrorItem]) -> Any:
        return always_reader(place, scalar, MISSING, scalar.limits)(text, errors)

    return read


def _wrapped_reader(wrap: Callable[[str], Any], extras: tuple[Any, ...]) -> Read:
    return _wrapping(_scalar_reader(Annotated[(str, *extras)] if extras else str), wrap)


def _wrapping(read_text: Read, wrap: Callable[[Any], Any]) -> Read:
    def read(text: str, place: Place, errors: list[ErrorItem]) -> Any:
        known = len(errors)
        value = read_text(text, place, errors)
        return None if len(errors) > known else wrap(value)

    return read


def _list_reader(collection: Collection, extras: tuple[Any, ...], read_json: Read) -> Read:
    """Items between commas, white space around them left out; or an array of JSON."""
    limits = limits_of(extras)

    def read(text: str, place: Place, errors: list[ErrorItem]) -> Any:
        if text.lstrip().startswith("["):
            return read_json(text, place, errors)
        if not text.strip():
            return read_json("[]", place, errors)
        read_items = make_collection_reader(place, collection, MISSING, limits)
        return read_items([item.strip() for item in text.split(",")], errors)

    return read


def _wrapped_items(stripped: Any) -> Read | None:
    """The reader of `tuple[Secret, ...]`, `list[Path]` or `dict[str, Secret]`: that of as many texts, each wrapped."""
    origin: Any = get_origin(stripped)
    args = get_args(stripped)
    texts = [str if arg in (*WRAPPED,) else arg for arg in args]
    if texts == [*args]:
        return None
    if origin is dict:
        return _wrapping(_json_reader(_of(origin, texts)), partial(_wrap_pairs, args))
    if any(arg not in (args[0], Ellipsis) for arg in args):
        return None
    collection = find_collection(_of(origin, texts))
    if collection is None:
        return None
    wrap, make = WRAPPED[args[0]], collection.make
    return _wrapping(
        _list_reader(collection, (), _json_reader(_of(origin, texts))),
        lambda values: make([wrap(value) for value in values]),
    )


def _of(origin: Any, args: list[Any]) -> Any:
    return origin[tuple(args)]


def _wrap_pairs(kinds: tuple[Any, ...], pairs: dict[Any, Any]) -> dict[Any, Any]:
    wraps: list[Callable[[Any], Any]] = [WRAPPED.get(kind, _as_it_is) for kind in kinds]
    return {wraps[0](key): wraps[1](value) for key, value in pairs.items()}


def _as_it_is(value: Any) -> Any:
    return value


def _holds_wrapped(annotation: Any) -> bool:
    return annotation in (*WRAPPED,) or any(map(_holds_wrapped, get_args(annotation)))


def _json_reader(annotation: Any) -> Read:
    check = _checker(split_annotated(annotation)[0], annotation)

    def read(text: str, place: Place, errors: list[ErrorItem]) -> Any:
        try:
            value = decode_body(text.encode(), best_encoder())
        except (BadRequest, UnicodeError):
            errors.append(invalid(place, "not valid JSON", "json_error"))
            return None
        return check(value, place, errors)

    return read


def _checker(bare: Any, annotation: Any) -> CheckValue:
    stripped, optional = strip_optional(bare)
    if stripped in (Path, Secret):
        return _text_checker(stripped, annotation, optional)
    backend = ANY_BACKENDS.find(annotation)
    if backend is not None:
        validate = backend.validator(annotation)
        return lambda value, place, errors: validate(value, errors, place)
    kind = get_origin(stripped) or stripped
    if not isinstance(kind, type) or kind in (Any, object):  # Any is a class from Python 3.11 on
        return lambda value, place, errors: (
            value
        )  # nobody can tell: Any, a TypeVar, a union of foreign classes
    return _class_checker(kind, optional)


def _class_checker(kind: type, optional: bool) -> CheckValue:
    def check(value: Any, place: Place, errors: list[ErrorItem]) -> Any:
        if not isinstance(value, kind) and not (optional and value is None):
            errors.append(
                invalid(place, f"expected {kind.__name__}, got {type(value).__name__}", "type_error")
            )
        return value

    return check


def _text_checker(kind: Any, annotation: Any, optional: bool) -> CheckValue:
    """A Path or Secret, or the text of one; the bounds are those of the text."""
    read = _wrapped_reader(kind, split_annotated(annotation)[1])

    def check(value: Any, place: Place, errors: list[ErrorItem]) -> Any:
        if value is None and optional:
            return None
        text = (
            value.reveal() if isinstance(value, Secret) else str(value) if isinstance(value, Path) else value
        )
        if not isinstance(text, str) or (isinstance(value, (Path, Secret)) and not isinstance(value, kind)):
            errors.append(
                invalid(place, f"expected {kind.__name__}, got {type(value).__name__}", "type_error")
            )
            return None
        return read(text, place, errors)

    return cast("CheckValue", check)
