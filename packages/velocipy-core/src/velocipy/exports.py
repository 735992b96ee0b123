"""Public names of a package, each loaded when it is first asked for (PEP 562). Knows where names live; loads nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping


def lazy(
    package: str, homes: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """(`__getattr__`, `__dir__`) for a package whose sub-modules `homes` define the names beside them.

    `__dir__` lists these names and the package's own with two underscores: what is public, loaded or not. `__getattr__` raises
    AttributeError for every other name, which `import` words as an ImportError.
    """
    found = {name: home for home, names in homes.items() for name in names}
    names = vars(sys.modules[package])

    def load(name: str) -> object:
        home = found.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = f"{package}.{home}"
        __import__(module)
        value = names[name] = getattr(sys.modules[module], name)
        return value

    def list_names() -> list[str]:
        return sorted({*found, *(name for name in names if name.startswith("__"))})

    return load, list_names
