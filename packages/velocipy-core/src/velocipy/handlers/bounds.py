"""The bounds of a parameter: which count, and whether values of its type can be held against them. Knows markers; reads nothing."""

from __future__ import annotations

from itertools import repeat
from typing import Any, get_origin

from velocipy.annotations import strip_optional, type_name, union_members
from velocipy.constraints import (
    NO_LIMITS,
    Check,
    Constraints,
    allowed_for,
    can_compare,
    foreign_constraints,
    make_checks,
    make_item_checks,
    only,
)
from velocipy.exceptions import BindingError
from velocipy.handlers.convert import Collection, Scalar, find_scalar
from velocipy.handlers.markers import MISSING, Marker
from velocipy.handlers.signature import Parameter
from velocipy.untyped import ITEMS


def marker_of(parameter: Parameter) -> Marker:
    """The marker of a parameter; what a query parameter has where there is none."""
    return parameter.marker if isinstance(parameter.marker, Marker) else _NO_MARKER


_NO_MARKER = Marker("query")


def limits_of(parameter: Parameter) -> Constraints:
    """The bounds of its marker, and those that other libraries wrote into its annotation."""
    own = parameter.marker.constraints if isinstance(parameter.marker, Marker) else NO_LIMITS
    return own.with_defaults(foreign_constraints(parameter.extras)) if parameter.extras else own


def body_checks(parameter: Parameter) -> tuple[Check, ...]:
    """The bounds of a body. Raises BindingError for bounds in the marker of a model, whose fields have their own."""
    annotation, _ = strip_optional(parameter.annotation)
    # Not every backend holds a list to what other libraries' bounds say of it: msgspec knows its own alone.
    counted = (get_origin(annotation) or annotation) in _COUNTED
    limits = limits_of(parameter) if counted else marker_of(parameter).constraints
    if limits is NO_LIMITS:
        return ()
    if counted:
        refuse_misplaced(parameter, None, limits)
        return make_item_checks(limits)
    scalar = find_scalar(annotation)
    if scalar is None:
        raise BindingError(
            f"{parameter.where}: Body() takes no bounds for a model: they belong to its fields"
        )
    refuse_misplaced(parameter, scalar, limits)
    return make_checks(limits)


_COUNTED = (list, dict, set, frozenset, tuple)


def refuse_misplaced(parameter: Parameter, scalar: Scalar | None, limits: Constraints) -> None:
    """Raise BindingError for a bound that values of this type cannot be held against: it would fail at the first request."""
    if limits is NO_LIMITS:
        return
    annotation, _ = strip_optional(parameter.annotation)
    kinds = union_members(annotation) or (annotation,)
    allowed = frozenset[str].intersection(*(allowed_for(kind if scalar else list) for kind in kinds))
    wrong = next((name for name in limits.names if name not in allowed), None)
    if wrong is None:
        for name in limits.names if scalar else ():
            if not any(can_compare(name, getattr(limits, name), kind) for kind in kinds):
                raise BindingError(
                    f"{parameter.where}: {name}={getattr(limits, name)!r} cannot be held against {type_name(annotation)}: give a {type_name(annotation)}"
                )
        return
    advice = "leave it out" if scalar else f"bound its items: list[Annotated[int, Query({wrong}=...)]]"
    raise BindingError(f"{parameter.where}: {wrong} says nothing about {type_name(annotation)}: {advice}")


def refuse_default(parameter: Parameter, limits: Constraints, kind: Scalar | Collection | None) -> None:
    """Raise BindingError for a default that no client could send, since it is outside of the parameter's own bounds.

    None may always be the default, and so may what bounds say nothing about: an object that stands for nothing given. Predicates are
    not asked: they are functions of the user's, which run in requests.
    """
    default = parameter.default
    if default is MISSING or default is None:
        return
    if isinstance(kind, Scalar):
        wrong = _refusal(default, make_checks(_comparable(limits.with_defaults(kind.limits))))
    else:
        wrong = _refusal(default, make_item_checks(_comparable(limits))) or _item_refusal(default, kind)
    if wrong is not None:
        raise BindingError(
            f"{parameter.where}: the default {default!r} is outside of its own bounds ({wrong}): give one that is within, or None"
        )


def _comparable(limits: Constraints) -> Constraints:
    return only(limits, _WITHOUT_PREDICATES) if limits.predicates else limits


_WITHOUT_PREDICATES = frozenset(NO_LIMITS.__slots__) - {"predicates"}


def _item_refusal(default: Any, collection: Collection | None) -> str | None:
    """Why an item of a default does not pass, with its place."""
    if collection is None or not isinstance(default, ITEMS):
        return None
    of_items = [make_checks(_comparable(item.limits)) for item in collection.items]
    if not any(of_items):
        return None
    found = zip(default, of_items if collection.fixed else repeat(of_items[0]), strict=False)
    reasons = (_refusal(item, checks) for item, checks in found)
    return next((f"item {place} {reason}" for place, reason in enumerate(reasons) if reason), None)


def _refusal(value: Any, checks: tuple[Check, ...]) -> str | None:
    """Why a value does not pass; None where it does, and where a check says nothing about values of its class."""
    for passes, reason, _ in checks:
        try:
            if not passes(value):
                return reason
        except (TypeError, ValueError, ArithmeticError):
            continue
    return None


def refuse_style(parameter: Parameter, styles: tuple[str, ...]) -> None:
    """Raise BindingError for a style, or an `explode`, that says nothing about this type: only lists and models have one."""
    marker = marker_of(parameter)
    is_list = len(styles) > 1
    if marker.style in styles and (marker.explode or is_list):
        return
    what = "explode=False" if marker.style in styles else f"style={marker.style!r}"
    advice = f"one of {', '.join(map(repr, styles))} is for lists" if is_list else "leave it out"
    raise BindingError(
        f"{parameter.where}: {what} says nothing about {type_name(parameter.annotation)}: {advice}"
    )
