"""Content-Disposition: save or show an answer, and under which name (RFC 6266, RFC 8187). Knows names; knows no files."""

from __future__ import annotations

import re
from typing import Final

KINDS: Final = frozenset({"attachment", "inline"})

MAX_NAME: Final = 200
"""Characters of a name that are sent; an extension of up to MAX_EXTENSION stays. Three escapes a character make 2 KB of header."""

MAX_EXTENSION: Final = 20

# Path separators, control characters, direction marks (`exe.gpj` reads as `jpg.exe`), Unicode's line ends, surrogates.
_UNSAFE: Final = (
    r"[/\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]+"
)
_NOT_PLAIN: Final = r'[^\x20-\x7e]|["%\\]'
"""What browsers read in different ways inside quotes (RFC 6266 appendix D)."""

_NOT_ATTR_CHAR: Final = r"[^A-Za-z0-9!#$&+\-.^_`|~]"


def content_disposition(kind: str, filename: str | None = None) -> str:
    """("attachment", "Größe.txt") -> 'attachment; filename="Gr__e.txt"; filename*=UTF-8\\'\\'Gr%C3%B6%C3%9Fe.txt'.

    `filename*` stands there only where the plain form cannot say the name. What is unsafe in a name becomes `_`: it may come
    from whoever uploaded the file. Raises ValueError for a kind that is none of KINDS.
    """
    if kind not in KINDS:
        raise ValueError(f"a disposition is 'attachment' or 'inline', not {kind!r}")
    if filename is None:
        return kind
    name = display_name(filename)
    plain = re.sub(_NOT_PLAIN, "_", name)
    extended = "" if plain == name else f"; filename*=UTF-8''{re.sub(_NOT_ATTR_CHAR, _escape, name)}"
    return f'{kind}; filename="{plain}"{extended}'


def display_name(filename: str) -> str:
    """ "../a\\r\\n.txt" -> ".._a_.txt": one line without separators, at most MAX_NAME characters; "download" for nothing."""
    name = re.sub(_UNSAFE, "_", filename).strip() or "download"
    if len(name) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > MAX_EXTENSION:
        return name[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(extension) - 1]}.{extension}"


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
