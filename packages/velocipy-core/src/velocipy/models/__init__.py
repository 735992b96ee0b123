"""Model backends: bytes to validated models, and back. One backend a file."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.models.base import (
        Backends,
        Decode,
        Dumper,
        ModelBackend,
        ModelField,
        Serialization,
        Validate,
    )

__all__ = [
    "Backends",
    "Decode",
    "Dumper",
    "ModelBackend",
    "ModelField",
    "Serialization",
    "Validate",
]

_HOMES = {"base": ("Backends", "Decode", "Dumper", "ModelBackend", "ModelField", "Serialization", "Validate")}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
