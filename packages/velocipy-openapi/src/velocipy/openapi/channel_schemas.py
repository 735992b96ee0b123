"""What AsyncAPI 3.0 says otherwise than OpenAPI 3.1: schemas, which are Draft 07 there, security schemes, and names of messages.

Knows JSON; knows no routes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

from velocipy.openapi.naming import Schema, plain_name
from velocipy.untyped import DICT, LIST

_VALUES: Final = frozenset({"default", "example", "examples", "enum", "const"})
_MAPS: Final = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "messages", "parameters"}
)


def draft_07(part: Any) -> Any:
    """A part of a document with its schemas as Draft 07 has them: rows are `items`, and a union needs no discriminator.

    AsyncAPI's `discriminator` is the name of a property alone; what tells the members of a union apart stands in them anyway.
    """
    if isinstance(part, LIST):
        return [draft_07(item) for item in part]
    if not isinstance(part, DICT):
        return part
    found: Schema = {}
    for key, value in part.items():
        if key in _VALUES:
            found[key] = value
        elif key in _MAPS and isinstance(value, DICT):
            found[key] = {name: draft_07(one) for name, one in value.items()}
        elif key == "prefixItems":
            found["items"] = draft_07(value)
        elif key == "items" and "prefixItems" in part:
            found["additionalItems"] = draft_07(value)
        elif key != "discriminator" or isinstance(value, str):
            found[key] = draft_07(value)
    return found


def scheme_of(scheme: Mapping[str, Any]) -> Schema:
    """OpenAPI's Security Scheme Object as AsyncAPI has it: keys in HTTP are of another type, and scopes are what is available."""
    found = dict(scheme)
    if found.get("type") == "apiKey":
        found["type"] = "httpApiKey"
    if "flows" in found:
        found["flows"] = {
            name: {_SCOPES.get(key, key): value for key, value in flow.items()}
            for name, flow in found["flows"].items()
        }
    return found


_SCOPES: Final = {"scopes": "availableScopes"}


def message_name(member: Any, action: str, taken: Container[str]) -> str:
    """The name of a message: its type's; where both directions have it, or two types do, with what the app does or a number."""
    name = plain_name(member)
    candidate, number = name if name not in taken else f"{name}_{action}", 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{action}_{number}"
    return candidate
