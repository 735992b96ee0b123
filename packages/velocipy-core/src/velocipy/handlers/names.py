"""Names for generated source. Gives ASCII identifiers that meet neither each other, nor ours, nor Python's."""

from __future__ import annotations

import builtins
import keyword
import re
from functools import lru_cache

LOCAL = "a_"
"""What the locals of parameters and dependencies begin with, and nothing else does."""

RESERVED = frozenset(
    "scope proto receive send values headers hosts name value query cookies errors body received result response request websocket connection "
    "teardown form fields first lines offer ready encode decode head exc broken entered defaults handle enter".split()
)
"""Locals of generated code that nothing global may be called."""

_PYTHONS = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))
_OTHER = re.compile(r"[^A-Za-z0-9_]+")
_MAX_LENGTH = 60


class Names:
    """One namespace: `names.take("größe")` -> "gr_e", then "gr_e_2"; text of the user's never reaches source unchanged."""

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._reserved = reserved
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """A free global name that is as much like `wanted` as it can be; never one that a local may have."""
        base = _clean(wanted)
        if f"{base}_".startswith(LOCAL) or base[0].isdigit():  # "a" too: its second would be "a_2"
            base = f"x_{base}"
        return self._free(base)

    def take_local(self, wanted: str) -> str:
        """A free name for a local: `page` -> "a_page"."""
        return self._free(LOCAL + _clean(wanted))

    def _free(self, base: str) -> str:
        name, number = base, 2
        while name in self._taken or name in self._reserved or name in _PYTHONS:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


@lru_cache(maxsize=1024)
def _clean(wanted: str) -> str:
    if (
        wanted.isascii()
        and wanted.isidentifier()
        and len(wanted) <= _MAX_LENGTH
        and wanted[0] != "_" != wanted[-1]
    ):
        return wanted
    return _OTHER.sub("_", wanted)[:_MAX_LENGTH].strip("_") or "x"
