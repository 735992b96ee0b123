"""The forms in which results and bodies that are neither text nor files may stand on the wire. Knows their names; encodes nothing.

JSON is always one of them; a route that names several answers in the one that the client prefers, and reads bodies in each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from velocipy.exceptions import ConfigurationError

if TYPE_CHECKING:
    from velocipy.json.base import JSONEncoder


@dataclass(frozen=True, slots=True)
class Format:
    """A form on the wire: its name here, the media type that is sent, and those that are understood besides."""

    name: str
    media_type: str
    others: tuple[str, ...] = ()

    @property
    def is_json(self) -> bool:
        """Whether it is JSON, under whatever media type."""
        return self.name == "json"

    @property
    def media_types(self) -> tuple[str, ...]:
        """Every media type that means this."""
        return (self.media_type, *self.others)


JSON: Final = Format("json", "application/json")
MESSAGEPACK: Final = Format(
    "msgpack", "application/vnd.msgpack", ("application/msgpack", "application/x-msgpack")
)

FORMATS: Final = {format.name: format for format in (JSON, MESSAGEPACK)}


def check_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """("json", "msgpack") -> their Formats, the server's favourite first.

    Raises ConfigurationError for an unknown name, and for none at all; MissingAdapterError for one whose library is missing.
    """
    wanted = (names,) if isinstance(names, str) else tuple(names)
    for name in wanted:
        if name not in FORMATS:
            near = get_close_matches(str(name), FORMATS, 1)
            raise ConfigurationError(
                f"{name!r} is no format{f'; did you mean {near[0]!r}?' if near else '.'} There are {', '.join(FORMATS)}"
            )
    if not wanted:
        raise ConfigurationError("formats names no format: leave it out, or write formats=['json']")
    if MESSAGEPACK.name in wanted:
        find_messagepack()
    return tuple(FORMATS[name] for name in dict.fromkeys(wanted))


def find_messagepack() -> JSONEncoder:
    """MessagePack's encoder. Raises MissingAdapterError where msgspec, which brings it, is not installed."""
    from velocipy import plugins

    found: type[JSONEncoder] = plugins.load("velocipy.formats", "msgpack")  # type: ignore[assignment]  # ty: ignore[invalid-assignment]
    return found()
