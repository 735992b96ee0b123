"""Names for generated source. Gives ASCII identifiers that meet neither each other, nor ours, nor Python's."""

from __future__ import annotations

import builtins
import keyword
import re

LOCAL = "a_"
"""What the locals of parameters and dependencies begin with, and nothing else does."""

_OTHER = re.compile(r"[^A-Za-z0-9_]+")
_MAX_LENGTH = 60


class Names:
    """One namespace: `names.take("größe")` -> "gr_e", then "gr_e_2"; text of the user's never reaches source unchanged."""

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._taken = {*reserved, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

    def take(self, wanted: str) -> str:
        """A free global name that is as much like `wanted` as it can be; never one that a local may have."""
        base = _clean(wanted)
        if base.startswith(LOCAL) or base[0].isdigit():
            base = f"x_{base}"
        return self._free(base)

    def take_local(self, wanted: str) -> str:
        """A free name for a local: `page` -> "a_page"."""
        return self._free(LOCAL + _clean(wanted))

    def _free(self, base: str) -> str:
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


def _clean(wanted: str) -> str:
    return _OTHER.sub("_", wanted)[:_MAX_LENGTH].strip("_") or "x"
