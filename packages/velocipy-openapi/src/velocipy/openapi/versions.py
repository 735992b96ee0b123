"""Versions of an API in its documents: which routes stand in one, and how a request names its own. Knows versions; builds nothing."""

from __future__ import annotations

from velocipy.app import VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.openapi.naming import Schema
from velocipy.places import caller_location
from velocipy.routing.route import Route


def version_shown(app: VelociPy, version: str | None) -> str | None:
    """The version that a document of an app is about; None for all, where their paths tell them apart, and where there are none.

    Raises ConfigurationError for a version that the app does not have.
    """
    versioning = app.versioning
    if version is not None:
        if versioning is None:
            raise ConfigurationError(
                f"there is no version {version!r}: the app has no versioning, such as APIVersion.from_prefix(...) ({caller_location()})"
            )
        return versioning.check(version)
    if versioning is None or not versioning.field:
        return None
    return versioning.default or versioning.allowed[-1]


def routes_in(app: VelociPy, version: str | None) -> list[Route]:
    """The routes of a version, and those that have none; an app that is mounted has versions of its own."""
    shown = version_shown(app, version)
    return [
        route
        for route in app.routes
        if route.options.version is None
        or (shown if route.app is app else version_shown(route.app, None)) in (None, route.options.version)
    ]


def version_parameter(route: Route) -> Schema | None:
    """The header that names a route's version; None where the path, Accept or nothing does."""
    versioning, version = route.versioning, route.options.version
    if versioning is None or version is None or versioning.field == "accept":
        return None
    return {
        "name": getattr(versioning, "name", versioning.field),
        "in": "header",
        "required": version != versioning.default,
        "description": "The version of the API.",
        "schema": {"type": "string", "enum": [version]},
    }
