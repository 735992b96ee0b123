"""JSON encoders, one a file, and the choice between them. Knows no HTTP and no models."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.json.base import JSONEncoder, best_encoder, find_encoder

__all__ = [
    "JSONEncoder",
    "best_encoder",
    "find_encoder",
]

_HOMES = {
    "base": (
        "JSONEncoder",
        "best_encoder",
        "find_encoder",
    ),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
