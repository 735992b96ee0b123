"""OpenAPI 3.1 from routes and plans, and Swagger UI: installed means that an app serves `/openapi.json` and `/docs`.

Knows what the binder knows of parameters, bodies and results; knows no protocols.
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.openapi.changes import diff
    from velocipy.openapi.config import OpenAPI
    from velocipy.openapi.schema_changes import Change
    from velocipy.openapi.ui.base import UI
    from velocipy.openapi.ui.swagger import SwaggerUI

__all__ = ["UI", "Change", "OpenAPI", "SwaggerUI", "diff"]

_HOMES = {
    "changes": ("diff",),
    "config": ("OpenAPI",),
    "schema_changes": ("Change",),
    "ui.base": ("UI",),
    "ui.swagger": ("SwaggerUI",),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
