"""Bounds of values, whoever declared them: ours, annotated-types', msgspec's `Meta` or pydantic's `Field`.

Knows what a bound means and how a 422 words it; knows no sources of values. None of those libraries is imported: what stands in
an annotation is told by the module of its class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from velocipy.exceptions import ConfigurationError

Check = tuple[Callable[[Any], bool], str, str]
"""Whether a value passes, what to say if not, and the rule's name."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """Bounds of a value; None means none.

    Lengths count the characters of a text and the items of a collection. `pattern` must match the whole text, `search` be found
    in it, as JSON Schema's `pattern`, msgspec and pydantic have it. `predicates` are any further tests of the value.
    """

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    search: str | None = None
    predicates: tuple[Callable[[Any], bool], ...] = ()

    def __post_init__(self) -> None:
        if self.multiple_of is not None and not self.multiple_of > 0:
            raise ConfigurationError(f"multiple_of is a number greater than 0, not {self.multiple_of!r}")
        for name in ("min_length", "max_length"):
            bound = getattr(self, name)
            if bound is not None and not (isinstance(bound, int) and bound >= 0):
                raise ConfigurationError(f"{name} is a whole number of at least 0, not {bound!r}")
        for pattern in (self.pattern, self.search):
            if pattern is not None:
                try:
                    re.compile(pattern)
                except re.error as exc:
                    raise ConfigurationError(
                        f"the pattern {pattern!r} is not a regular expression: {exc}"
                    ) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are set."""
        if self is NO_LIMITS:
            return ()
        return tuple(name for name in _NAMES if getattr(self, name) not in (None, ()))

    def with_defaults(self, other: Constraints) -> Constraints:
        """These bounds, and `other`'s where these have none; all predicates count."""
        if other is NO_LIMITS:
            return self
        if self is NO_LIMITS:
            return other
        added = {name: getattr(other, name) for name in other.names if getattr(self, name) is None}
        return replace(self, **added, predicates=(*self.predicates, *other.predicates))


_NAMES: Final = tuple(field.name for field in fields(Constraints))

NO_LIMITS: Final = Constraints()
"""What a parameter without constraints has."""


def only(limits: Constraints, names: Container[str]) -> Constraints:
    """Those of the bounds whose name is among `names`."""
    others: dict[str, Any] = {
        name: () if name == "predicates" else None for name in limits.names if name not in names
    }
    return replace(limits, **others) if others else limits


class Documentation(NamedTuple):
    """What an annotation says about a value besides its bounds."""

    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False


NO_DOCUMENTATION: Final = Documentation()


def foreign_constraints(extras: Iterable[Any]) -> Constraints:
    """The bounds in an annotation's extras: `Annotated[int, annotated_types.Ge(1), msgspec.Meta(le=9)]` -> ge=1, le=9.

    Of two for one bound the later counts. What is of no known library is left alone.
    """
    limits = NO_LIMITS
    for extra in _flattened(extras) if extras else ():  # ty: ignore[truthiness-test-of-iterable]  # mostly ()
        found = _bounds_of(extra)
        if found:
            limits = Constraints(**found).with_defaults(limits)
    return limits


def foreign_documentation(extras: Iterable[Any]) -> Documentation:
    """Title, description, examples and deprecation that msgspec's `Meta` or pydantic's `Field` gives in an annotation."""
    found = NO_DOCUMENTATION
    for extra in extras:
        if _library(extra) in ("msgspec", "pydantic"):
            found = Documentation(
                getattr(extra, "title", None) or found.title,
                getattr(extra, "description", None) or found.description,
                tuple(getattr(extra, "examples", None) or found.examples),
                bool(getattr(extra, "deprecated", None) or found.deprecated),
            )
    return found


def _library(extra: Any) -> str:
    return type(extra).__module__.partition(".")[0]


def _flattened(extras: Iterable[Any]) -> Iterable[Any]:
    """annotated-types groups bounds (`Interval`, `Len`), pydantic keeps them in a FieldInfo's `metadata`."""
    for extra in extras:
        library = _library(extra)
        if library == "pydantic" and hasattr(extra, "metadata"):
            yield from _flattened(extra.metadata)
        elif library in ("annotated_types", "pydantic") and hasattr(extra, "__iter__"):
            yield from _flattened(extra)
        elif library in ("annotated_types", "msgspec", "pydantic"):
            yield extra


_FOREIGN: Final = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length")


def _bounds_of(extra: Any) -> dict[str, Any]:
    found = {name: getattr(extra, name) for name in _FOREIGN if getattr(extra, name, None) is not None}
    pattern = getattr(extra, "pattern", None)
    if pattern is not None:
        found["search"] = getattr(pattern, "pattern", pattern)
    predicate = getattr(extra, "func", None)
    if callable(predicate):
        found["predicates"] = (predicate,)
    return found


def make_checks(limits: Constraints) -> tuple[Check, ...]:
    """The constraints that are set, as predicates for scalars."""
    return _make(limits, _CHECKS)


def make_item_checks(limits: Constraints) -> tuple[Check, ...]:
    """The constraints that are set, as predicates for collections."""
    return _make(limits, _ITEM_CHECKS)


def _make(limits: Constraints, table: dict[str, Callable[[Any], Check]]) -> tuple[Check, ...]:
    if limits is NO_LIMITS:
        return ()
    found = [table[name](getattr(limits, name)) for name in limits.names if name != "predicates"]
    return (*found, *map(_predicate, limits.predicates))


def can_compare(name: str, bound: Any, kind: Any) -> bool:
    """Whether a bound is of a type that values of `kind` can be held against: a number for numbers, a date for dates."""
    if name not in _ORDER or not isinstance(kind, type):
        return True
    if kind in (int, float, Decimal):
        return isinstance(bound, (int, float, Decimal)) and not isinstance(bound, bool)
    return isinstance(bound, kind) if kind in _BOUNDABLE else True


_ORDER: Final = frozenset({"gt", "ge", "lt", "le"})


def allowed_for(kind: Any) -> frozenset[str]:
    """The constraints that values of a class can be held against; any other would fail at the first request."""
    if not isinstance(kind, type):
        return _ANY
    return _BOUNDABLE.get(kind, _ITEMS if issubclass(kind, (list, set, frozenset, tuple)) else _ANY)


def _is_multiple(of: float) -> Callable[[Any], bool]:
    from fractions import Fraction  # 9 ms of start-up, for the few that ask

    exact = Fraction(str(of))

    def is_multiple(value: Any) -> bool:
        if isinstance(of, int) and not isinstance(value, Decimal):
            return bool(value % of == 0)
        # Binary floats: 0.3 % 0.1 is 0.09999999999999998. Decimals: 1e300 % 3 raises, its quotient has too many digits. As
        # fractions of what was written, the remainder is what was meant.
        return Fraction(str(value)) % exact == 0

    return is_multiple


def _matcher(pattern: str) -> Callable[[str], bool]:
    match = re.compile(pattern).fullmatch
    return lambda value: match(value) is not None


def _searcher(pattern: str) -> Callable[[str], bool]:
    search = re.compile(pattern).search
    return lambda value: search(value) is not None


def _predicate(test: Callable[[Any], bool]) -> Check:
    def passes(value: Any) -> bool:
        try:
            return bool(test(value))
        except (TypeError, ValueError, ArithmeticError):
            return False

    return passes, f"must satisfy {getattr(test, '__name__', 'the rule')}", "predicate_failed"


def counted(number: int, word: str) -> str:
    """ "1 item", "3 items"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def length_reason(name: str, bound: int, word: str) -> str:
    """ "must have at least 3 characters"; `name` is min_length or max_length."""
    return f"must have at {'least' if name == 'min_length' else 'most'} {counted(bound, word)}"


_CHECKS: Final[dict[str, Callable[[Any], Check]]] = {
    "gt": lambda n: (lambda value: value > n, f"must be greater than {n}", "greater_than"),
    "ge": lambda n: (lambda value: value >= n, f"must be at least {n}", "greater_than_equal"),
    "lt": lambda n: (lambda value: value < n, f"must be less than {n}", "less_than"),
    "le": lambda n: (lambda value: value <= n, f"must be at most {n}", "less_than_equal"),
    "multiple_of": lambda n: (_is_multiple(n), f"must be a multiple of {n}", "multiple_of"),
    "min_length": lambda n: (
        lambda value: len(value) >= n,
        length_reason("min_length", n, "character"),
        "string_too_short",
    ),
    "max_length": lambda n: (
        lambda value: len(value) <= n,
        length_reason("max_length", n, "character"),
        "string_too_long",
    ),
    "pattern": lambda p: (_matcher(p), f"must match {p!r}", "string_pattern_mismatch"),
    "search": lambda p: (_searcher(p), f"must match {p!r}", "string_pattern_mismatch"),
}

_ITEM_CHECKS: Final[dict[str, Callable[[Any], Check]]] = {
    "min_length": lambda n: (
        lambda value: len(value) >= n,
        length_reason("min_length", n, "item"),
        "too_short",
    ),
    "max_length": lambda n: (
        lambda value: len(value) <= n,
        length_reason("max_length", n, "item"),
        "too_long",
    ),
}

_ANY: Final = frozenset({"predicates"})
_NUMBERS: Final = frozenset({"gt", "ge", "lt", "le", "multiple_of"}) | _ANY
_TEXTS: Final = frozenset({"min_length", "max_length", "pattern", "search"}) | _ANY
_ITEMS: Final = frozenset({"min_length", "max_length"}) | _ANY
_ORDERED: Final = frozenset({"gt", "ge", "lt", "le"}) | _ANY
_BOUNDABLE: Final[dict[type, frozenset[str]]] = {
    **dict.fromkeys((int, float, Decimal), _NUMBERS),
    **dict.fromkeys((date, datetime, time, timedelta), _ORDERED),
    str: _TEXTS,
}
