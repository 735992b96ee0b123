"""Which protocols are installed beside the command. Knows their names; serves none."""

from __future__ import annotations

from velocipy.exceptions import MissingAdapterError
from velocipy.protocols import find_dialect

PROTOCOLS = ("rsgi", "asgi")


def installed_protocols() -> list[str]:
    """Those of PROTOCOLS whose dist is installed."""
    return [name for name in PROTOCOLS if _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        find_dialect(name)
    except MissingAdapterError:
        return False
    return True
