"""Paths to routes: templates, converters, the tree, and the routers that routes are declared on."""

from velocipy.routing.converters import Converter, add_converter
from velocipy.routing.path import PathTemplate
from velocipy.routing.route import Route
from velocipy.routing.router import APIRouter
from velocipy.routing.tree import RouteTree

__all__ = ["APIRouter", "Converter", "PathTemplate", "Route", "RouteTree", "add_converter"]
