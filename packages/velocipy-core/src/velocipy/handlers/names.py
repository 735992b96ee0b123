"""Names for generated source. Gives ASCII identifiers that meet neither each other, nor ours, nor Python's."""

from __future__ import annotations

import builtins
import keyword
import re

_OTHER = re.compile(r"[^A-Za-z0-9_]+")


class Names:
    """One namespace: `names.take("größe")` -> "gr_e", then "gr_e_2"; text of the user's never reaches source unchanged."""

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._taken = {*reserved, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

    def take(self, wanted: str) -> str:
        """A free name that is as much like `wanted` as it can be."""
        base = _OTHER.sub("_", wanted)[:60].strip("_") or "x"
        if base[0].isdigit():
            base = f"x{base}"
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name
