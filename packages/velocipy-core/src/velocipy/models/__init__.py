"""Model backends: bytes to validated models. One backend a file."""

from velocipy.models.base import ModelBackend, find_backends

__all__ = ["ModelBackend", "find_backends"]
