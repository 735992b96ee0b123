"""What a model backend does, and which are there. Imports no backend's library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from velocipy import plugins
from velocipy.exceptions import ErrorItem

GROUP = "velocipy.models"

Decode = Callable[[bytes, list[ErrorItem]], Any]
"""(body, errors) -> model; appends to errors what does not fit, raises BadRequest for what is not JSON."""


class ModelBackend(Protocol):
    """Turns JSON bodies into the models of one library."""

    name: str

    def matches(self, annotation: Any) -> bool:
        """Whether a parameter annotated so is a model of this backend."""
        ...

    def decoder(self, annotation: Any) -> Decode:
        """A function that decodes bodies straight into that model."""
        ...


FIRST_PARTY = ("msgspec",)


def find_backends() -> Sequence[ModelBackend]:
    """The backends whose library the process has imported: a model cannot have been defined without it.

    So this imports no library by itself. Backends of other dists are found by their entry points.
    """
    ours = [plugins.load(GROUP, name) for name in FIRST_PARTY if sys.modules.get(name) is not None]
    others = [backend for _, backend in plugins.installed(GROUP)]
    return [cast("ModelBackend", made() if isinstance(made, type) else made) for made in (*others, *ours)]
