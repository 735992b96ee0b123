"""Values as text for a page that others may see over a shoulder: bounded, and without secrets. Runs `repr` of foreign objects, guarded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from velocipy.config.secret import Secret
from velocipy.untyped import TUPLE

MASK: Final = "***"

MAX_TEXT: Final = 300
"""Characters of one value."""

MAX_ITEMS: Final = 20
"""Members of a container that are shown."""

MAX_DEPTH: Final = 3
"""Containers in containers."""

MIN_KNOWN: Final = 6
"""Characters of a secret that is looked for in other texts: a shorter one is found everywhere."""

WORDS: Final = frozenset(
    {
        *(
            "auth",
            "bearer",
            "cookie",
            "cookies",
            "credential",
            "credentials",
            "csrf",
            "dsn",
            "jwt",
            "key",
            "keys",
            "nonce",
        ),
        *(
            "otp",
            "pass",
            "passwd",
            "password",
            "pin",
            "private",
            "pwd",
            "secret",
            "secrets",
            "session",
            "sid",
            "signature",
        ),
        *("token", "tokens", "xsrf"),
    }
)
"""Words of a name whose value is nobody's business: `api_key`, `X-Csrf-Token`, `dbPassword`."""

_PARTS: Final = "password|passwd|passphrase|secret|token|apikey|credential|authorization|cookie"
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_NAME: Final = re.compile(_PARTS, re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(://)[^/\s@'\"]+@")
_ASSIGNED: Final = re.compile(
    rf"(\b\w*(?:{_PARTS}|(?:_|\b)keys?\b)\w*['\"]?\s*[=:]\s*)(b?'[^']*'?|b?\"[^\"]*\"?|[^\s,)}}\]'\"]+)",
    re.IGNORECASE,
)
_LITERAL: Final = re.compile(
    rf"(\b\w*(?:{_PARTS}|(?:_|\b)keys?\b)\w*['\"]?\s*(?::[^=]*=|[=:])\s*[bfr]*)(\"[^\"]*\"|'[^']*')",
    re.IGNORECASE,
)


def gives_away(name: str) -> bool:
    """Whether a value of this name is surely a secret: also a mapping's key is called `key`, and a database's session `session`."""
    return bool(_SECRET_NAME.search(name)) or name.lower().endswith(("_key", "_pin", "_dsn", "pwd"))


def is_secret(name: str) -> bool:
    """Whether a value of this name is masked, by the words of the name."""
    if _SECRET_NAME.search(name):
        return True
    return not WORDS.isdisjoint(word.lower() for word in _WORD.findall(name))


class Masker:
    """Shows values. `known` are texts that were secret where they came from: they are masked wherever else they turn up."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        longest_first = sorted({text for text in known if len(text) >= MIN_KNOWN}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """Text of anybody's without the known secrets, and without user and password of URLs."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _USER_INFO.sub(rf"\1{MASK}@", text)

    def source(self, line: str) -> str:
        """A line of code without the literals that are given to secret names."""
        return self.text(_LITERAL.sub(rf"\1'{MASK}'", _cut(line)))

    def named(self, name: str, value: object) -> str:
        """The value of a variable, member or field of this name."""
        return MASK if is_secret(name) else self.value(value)

    def value(self, value: object) -> str:
        """`repr(value)`, as far as it is short and no secret; never raises."""
        return _cut(self.text(self._shown(value, MAX_DEPTH)))

    def _shown(self, value: object, depth: int) -> str:
        try:
            return self._said(value, depth)
        except Exception as exc:
            return f"<{type(value).__qualname__}, whose repr raises {type(exc).__name__}>"

    def _said(self, value: Any, depth: int) -> str:
        if isinstance(value, str):
            return repr(value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}...")
        if isinstance(value, (bytes, bytearray)):
            return repr(value[:MAX_TEXT])
        if isinstance(value, Secret):
            return repr(value)
        fields = _fields_of(value)
        base = (
            next((known for known in _CONTAINERS if isinstance(value, known)), None)
            if fields is None
            else None
        )
        if depth == 0 and (fields is not None or base is not None):
            return "..."
        if fields is not None:
            return f"{type(value).__qualname__}({self._pairs(fields, depth, '{}='.format)})"
        if base is None:
            return _ASSIGNED.sub(rf"\1{MASK}", _cut(repr(value)))
        opening, closing = _CONTAINERS[base]
        if base is dict:
            inside = self._pairs(value, depth, "{!r}: ".format)
        else:
            inside = _joined((self._shown(item, depth - 1) for item in value), len(value))
        shown = f"{opening}{inside}{closing}"
        return shown if type(value) is base else f"{type(value).__qualname__}({shown})"

    def _pairs(self, pairs: Mapping[Any, object], depth: int, label: Any) -> str:
        shown = (
            label(_cut(key) if isinstance(key, str) else key)
            + (MASK if is_secret(str(key)) else self._shown(value, depth - 1))
            for key, value in pairs.items()
        )
        return _joined(shown, len(pairs))


_CONTAINERS: Final[dict[type, tuple[str, str]]] = {
    dict: ("{", "}"),
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
}
"""Containers, and those that inherit from them, with what stands around their members."""


def _joined(shown: Iterator[str], number: int) -> str:
    first = [text for text, _ in zip(shown, range(MAX_ITEMS), strict=False)]
    return ", ".join([*first, f"... {number - MAX_ITEMS} more"] if number > MAX_ITEMS else first)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def _fields_of(value: object) -> dict[str, object] | None:
    """The fields of a model by name; None for an object that is none."""
    if isinstance(value, type):
        return None
    kind = type(value)
    names: Iterable[str] | None = None
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.repr]
    else:
        names = (
            getattr(kind, "__struct_fields__", None)
            or getattr(kind, "model_fields", None)
            or (getattr(kind, "_fields", None) if issubclass(kind, TUPLE) else None)
        )
    return None if names is None else {name: getattr(value, name, "<unset>") for name in names}
