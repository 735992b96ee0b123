"""msgspec models as request bodies: bytes to Struct in one step. The one module of models/ that imports msgspec."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

import msgspec

from velocipy.exceptions import BadRequest, ErrorItem
from velocipy.models.base import Decode

_AT = re.compile(r"(?P<text>.*) - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]|\[(?P<any>\.\.\.)\]")


class MsgspecBackend:
    """msgspec.Struct, and lists, dicts and unions of Structs."""

    name = "msgspec"

    def matches(self, annotation: Any) -> bool:
        """A Struct class, parametrised or not, or a generic that holds one."""
        origin = get_origin(annotation)
        if isinstance(origin or annotation, type) and issubclass(origin or annotation, msgspec.Struct):
            return True
        return origin is not None and any(self.matches(member) for member in get_args(annotation))

    def decoder(self, annotation: Any) -> Decode:
        """A decoder bound to the type, which msgspec decodes into faster than into plain dicts."""
        decode_json = msgspec.json.Decoder(annotation).decode

        def decode(body: bytes, errors: list[ErrorItem]) -> Any:
            try:
                return decode_json(body)
            except msgspec.ValidationError as exc:
                errors.append(_error(str(exc)))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                raise BadRequest("Invalid JSON body") from None

        return decode


def _error(message: str) -> ErrorItem:
    """msgspec's "Expected `int`, got `str` - at `$.items[0].price`" as an entry of a 422.

    Which key of a dict it was is not told: a value stands at "...", a key at "[key]".
    """
    found = _AT.match(message)
    path = found["path"] if found else ""
    loc: list[str | int] = ["body"]
    loc += [
        int(step["index"]) if step["index"] else step["key"] or step["any"] for step in _STEP.finditer(path)
    ]
    if found and found["key"]:
        loc.append("[key]")
    text = found["text"] if found else message
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    if missing:
        return {"loc": [*loc, missing[1]], "msg": f"Missing field {missing[1]!r}", "type": "missing"}
    return {"loc": loc, "msg": text.replace("`", "'"), "type": "type_error"}
