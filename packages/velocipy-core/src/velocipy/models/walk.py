"""Values held against a type, every error at once: a type is compiled to one check. Knows Python's types; reads no bytes.

    check = Compiler(PYTHON).node(list[Item]).check
    check([{"name": "a"}, {"name": 3}], None, findings)  -> FAILED, and findings has ("body", 1, "name")

Strict, as JSON is: no text becomes a number, no number a boolean. A check goes through a value once, so a walk is linear.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from velocipy.annotations import is_alias, is_hashable, split_annotated, type_name, union_members
from velocipy.constraints import (
    NO_LIMITS,
    Constraints,
    allowed_for,
    foreign_constraints,
    make_checks,
    make_item_checks,
    only,
)
from velocipy.exceptions import ConfigurationError, ErrorItem
from velocipy.models.base import Validate
from velocipy.models.containers import array_node, fixed_node, mapping_node
from velocipy.models.findings import FAILED, At, EnoughFoundError, Findings
from velocipy.models.leaves import (
    ANY_NODE,
    EXACT,
    TEXT,
    TEXTS,
    Node,
    Text,
    enum_node,
    literal_node,
    scalar_node,
)
from velocipy.models.objects import Model
from velocipy.models.shapes import Describe, Field, Shape, describe
from velocipy.models.unions import union_node
from velocipy.validation import Place


def limits_of(extras: tuple[Any, ...]) -> Constraints:
    """The bounds in an annotation's extras: ours, those of our markers, and those of other libraries."""
    limits = foreign_constraints(extras)
    for extra in extras:
        own = extra if isinstance(extra, Constraints) else getattr(extra, "constraints", None)
        if isinstance(own, Constraints):
            limits = own.with_defaults(limits)
    return limits


@dataclass(frozen=True, slots=True)
class Language:
    """The types that a backend knows."""

    describe: Describe = describe
    texts: Mapping[type, Text] = field(default_factory=lambda: TEXTS)
    lenient: bool = False
    """Types that nobody here knows are taken as they are, since the library checks them; otherwise they are refused."""
    left_out: frozenset[Any] = frozenset()
    """Members of unions that stand for a field that is not there."""
    leaves_gaps: bool = False
    """Whether its decoder leaves defaults of a dataclass to the class, where its encoder does not look for them."""
    limits_of: Callable[[tuple[Any, ...]], Constraints] = limits_of
    """An annotation's extras -> the bounds that count."""


PYTHON: Final = Language()
"""Python's own types."""

CONTAINERS: Final[dict[Any, Any]] = {
    list: list,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
    abc.Iterable: list,
    set: set,
    abc.MutableSet: set,
    abc.Set: set,
    frozenset: frozenset,
    tuple: tuple,
}
"""Types of arrays -> the class of their values."""

_MAPPINGS: Final = frozenset({dict, abc.Mapping, abc.MutableMapping})
_ANYTHING: Final = (Any, object)


def is_array(bare: Any) -> bool:
    """Whether a type without its Annotated is an array."""
    origin = get_origin(bare) or bare
    return is_hashable(origin) and origin in CONTAINERS


def is_mapping(bare: Any) -> bool:
    """Whether a type without its Annotated is an object without fixed keys."""
    origin = get_origin(bare) or bare
    return is_hashable(origin) and origin in _MAPPINGS


def validator_of(node: Node) -> Validate:
    """A compiled type as a backend's validator."""
    walk = walker_of(node)

    def validate(value: Any, errors: list[ErrorItem], place: Place) -> Any:
        try:
            return walk(value, errors, place)
        except RecursionError:
            Findings(errors, place).invalid(None, "nested too deeply", "recursion_error")
            return None

    return validate


def walker_of(node: Node) -> Validate:
    """The same, for who has an answer of its own to RecursionError."""
    check = node.check

    def walk(value: Any, errors: list[ErrorItem], place: Place) -> Any:
        try:
            made = check(value, None, Findings(errors, place))
        except EnoughFoundError:
            return None
        return None if made is FAILED else made

    return walk


def is_known(annotation: Any, language: Language = PYTHON) -> bool:
    """Whether a type, looked at from outside, has a node; what it is made of is not looked into."""
    bare, _ = split_annotated(annotation)
    if (
        bare in _ANYTHING
        or isinstance(bare, TypeVar)
        or union_members(bare)
        or is_array(bare)
        or is_mapping(bare)
    ):
        return True
    origin = get_origin(bare) or bare
    if origin is Literal or _scalar(bare, language) is not None:
        return True
    if isinstance(origin, type) and issubclass(origin, Enum):
        return True
    try:
        return language.describe(bare) is not None
    except ConfigurationError:  # a model that cannot be read: whoever compiles it says why
        return True


class Compiler:
    """Types -> nodes, each type once; so a model may hold itself."""

    def __init__(self, language: Language = PYTHON) -> None:
        self._language = language
        self._nodes: dict[Any, Node] = {}
        self._open: set[Any] = set()

    def node(self, annotation: Any) -> Node:
        """The node of a type with its Annotated. Raises ConfigurationError for what no JSON value can be."""
        if not is_hashable(annotation):
            return self._made(annotation)
        known = self._nodes.get(annotation)
        if known is not None:
            return known
        if annotation in self._open and is_alias(annotation):  # `type Tree = list[Tree]`

            def check(value: Any, at: At, findings: Findings) -> Any:
                return self._nodes[annotation].check(value, at, findings)

            return ANY_NODE._replace(check=check)
        self._open.add(annotation)
        try:
            return self._nodes.setdefault(annotation, self._made(annotation))
        finally:
            self._open.discard(annotation)

    def _made(self, annotation: Any, outer: Constraints = NO_LIMITS) -> Node:
        bare, extras = split_annotated(annotation)
        limits = outer.with_defaults(self._language.limits_of(extras))
        members = union_members(bare)
        if members:
            return self._union(bare, members, limits)
        node = self._bare(bare) if bare is annotation else self.node(bare)
        return node if limits == NO_LIMITS else self._bounded(node, bare, limits)

    def _bare(self, annotation: Any) -> Node:
        if annotation in _ANYTHING or isinstance(annotation, TypeVar):
            return ANY_NODE
        scalar = _scalar(annotation, self._language)
        if scalar is not None:
            return scalar
        origin = get_origin(annotation) or annotation
        if origin is Literal:
            return literal_node(annotation)
        if isinstance(origin, type) and issubclass(origin, Enum):
            return enum_node(origin)
        if origin in _MAPPINGS:
            return self._mapping(annotation)
        if origin in CONTAINERS:
            return self._array(annotation, origin)
        shape = self._language.describe(annotation)
        if shape is not None:
            return self._model(annotation, shape)
        if self._language.lenient:
            return ANY_NODE
        raise ConfigurationError(
            f"{type_name(annotation)} is no type of JSON: use scalars, list, set, tuple, dict, dataclass, TypedDict, NamedTuple "
            f"or a model of an installed library"
        )

    def _model(self, annotation: Any, shape: Shape) -> Node:
        model = Model(shape)
        node = self._nodes[annotation] = model.node()
        model.fill([self._field(annotation, field) for field in shape.fields])
        return node

    def _field(self, annotation: Any, field: Field) -> Node:
        try:
            return self.node(field.annotation)
        except ConfigurationError as exc:
            raise ConfigurationError(f"{type_name(annotation)}.{field.name}: {exc.message}") from None

    def _mapping(self, annotation: Any) -> Node:
        key, item = get_args(annotation) or (Any, Any)
        return mapping_node(None if key in (str, Any) else self.node(key), self.node(item))

    def _array(self, annotation: Any, origin: Any) -> Node:
        args = get_args(annotation)
        if origin is tuple and get_origin(annotation) is tuple and args[-1:] != (Ellipsis,):
            return fixed_node([self.node(arg) for arg in args])
        item = args[0] if args else Any
        make = CONTAINERS[origin]
        if make in (set, frozenset) and not self._can_be_in_a_set(item):
            raise ConfigurationError(
                f"{type_name(annotation)}: a set cannot hold {type_name(item)}, which has no hash; use a list"
            )
        return array_node(self.node(item), make)

    def _can_be_in_a_set(self, annotation: Any) -> bool:
        bare, _ = split_annotated(annotation)
        members = union_members(bare)
        if members:
            return all(map(self._can_be_in_a_set, members))
        origin = get_origin(bare) or bare
        made: Any = dict if origin in _MAPPINGS else CONTAINERS.get(origin, origin)
        return not isinstance(made, type) or made.__hash__ is not None

    def _union(self, annotation: Any, members: tuple[Any, ...], limits: Constraints) -> Node:
        left_out = self._language.left_out
        members = tuple(member for member in members if not is_hashable(member) or member not in left_out)
        if limits != NO_LIMITS and not self._language.lenient:
            fitting = {name for member in members for name in _allowed(split_annotated(member)[0])}
            _refuse_others(annotation, limits, frozenset(fitting))
        nodes = [self._member(member, limits) for member in members]
        if len(nodes) == 1:
            return nodes[0]
        return union_node(nodes, [self._shape(member) for member in members])

    def _member(self, member: Any, limits: Constraints) -> Node:
        own = only(limits, _allowed(split_annotated(member)[0]))
        return self.node(member) if member is NoneType or own == NO_LIMITS else self._made(member, own)

    def _shape(self, member: Any) -> Shape | None:
        return self._language.describe(split_annotated(member)[0])

    def _bounded(self, node: Node, bare: Any, limits: Constraints) -> Node:
        allowed = _allowed(bare)
        if self._language.lenient:
            limits = only(limits, allowed)
        else:
            _refuse_others(bare, limits, allowed)
        is_container = bool(node.kinds & {list, dict}) and node is not ANY_NODE
        checks = make_item_checks(limits) if is_container else make_checks(limits)
        check_type = node.check

        def check(value: Any, at: At, findings: Findings) -> Any:
            value = check_type(value, at, findings)
            if value is FAILED:
                return FAILED
            for passes, reason, kind in checks:
                try:
                    passed = passes(value)
                except TypeError:  # a time with an offset against one without
                    passed = False
                if not passed:
                    return findings.invalid(at, reason, kind)
            return value

        return node._replace(check=check, width=EXACT if node.width == TEXT else node.width)


def _scalar(annotation: Any, language: Language) -> Node | None:
    if not is_hashable(annotation):
        return None
    return scalar_node(NoneType if annotation is None else annotation, language.texts)


def _allowed(bare: Any) -> frozenset[str]:
    origin = get_origin(bare) or bare
    return allowed_for(list if origin in _MAPPINGS or origin in CONTAINERS else origin)


def _refuse_others(annotation: Any, limits: Constraints, allowed: frozenset[str]) -> None:
    others = [name for name in limits.names if name not in allowed]
    if others:
        raise ConfigurationError(
            f"{type_name(annotation)} cannot be bounded by {', '.join(others)}: leave {'it' if len(others) == 1 else 'them'} out"
        )
