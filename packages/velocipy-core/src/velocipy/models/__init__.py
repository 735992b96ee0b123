"""Model backends: bytes to validated models, and back. One backend a file."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.models.base import Backends, Dumper, ModelBackend, ModelField, Serialization

__all__ = [
    "Backends",
    "Dumper",
    "ModelBackend",
    "ModelField",
    "Serialization",
]

_HOMES = {"base": ("Backends", "Dumper", "ModelBackend", "ModelField", "Serialization")}

__getattr__, __dir__ = lazy(__name__, _HOMES)
