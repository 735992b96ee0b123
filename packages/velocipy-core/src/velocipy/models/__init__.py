"""Model backends: bytes to validated models. One backend a file."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.models.base import ModelBackend, find_backends

__all__ = [
    "ModelBackend",
    "find_backends",
]

_HOMES = {
    "base": (
        "ModelBackend",
        "find_backends",
    ),
}

__getattr__, __dir__ = lazy(__name__, _HOMES)
