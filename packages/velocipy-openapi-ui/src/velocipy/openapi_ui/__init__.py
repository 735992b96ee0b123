"""Scalar and ReDoc for velocipy-openapi's document, from files of the wheel: `OpenAPI(ui=Scalar(), pages={"/redoc": ReDoc()})`.

Knows which files these are and what they may do; page, document and policy are velocipy-openapi's, which has Swagger UI.
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.openapi_ui.redoc import ReDoc
    from velocipy.openapi_ui.scalar import Scalar

__all__ = ["ReDoc", "Scalar"]

_HOMES = {
    "redoc": ("ReDoc",),
    "scalar": ("Scalar",),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
