"""Paths to routes: templates, converters, the tree, and the routers that routes are declared on."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.routing.converters import Converter, add_converter
    from velocipy.routing.path import PathTemplate
    from velocipy.routing.route import Route
    from velocipy.routing.router import APIRouter
    from velocipy.routing.tree import RouteTree

__all__ = [
    "APIRouter",
    "Converter",
    "PathTemplate",
    "Route",
    "RouteTree",
    "add_converter",
]

_HOMES = {
    "converters": (
        "Converter",
        "add_converter",
    ),
    "path": ("PathTemplate",),
    "route": ("Route",),
    "router": ("APIRouter",),
    "tree": ("RouteTree",),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
