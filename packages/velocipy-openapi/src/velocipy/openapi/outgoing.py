"""Requests that the app sends: webhooks and callbacks, declared as routes that nobody serves. Knows operations; knows no document.

What the app sends it writes and what is answered it reads, so that models stand here in the other direction than in routes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from velocipy.app import VelociPy
from velocipy.models.base import Backends, Direction, ModelBackend, ModelField
from velocipy.models.shapes import Field
from velocipy.openapi.dependencies import Security
from velocipy.openapi.naming import Schema, legal
from velocipy.openapi.operations import Operation, operations_of, path_of
from velocipy.openapi.schemas import Schemas
from velocipy.routing.route import Route

_OTHER: Final[dict[Direction, Direction]] = {"input": "output", "output": "input"}


class Turned(Schemas):
    """The schemas of a document, asked for from the other side; what is found is theirs."""

    is_sent = True

    def __init__(self, schemas: Schemas) -> None:
        super().__init__(is_recent=schemas.is_recent)
        self._schemas = schemas

    def use(self, backends: Backends) -> None:
        self._schemas.use(backends)

    def find_backend(self, annotation: Any) -> ModelBackend | None:
        return self._schemas.find_backend(annotation)

    def of(self, annotation: Any, direction: Direction) -> Schema:
        return self._schemas.of(annotation, _OTHER[direction])

    def field(self, field: ModelField | Field, direction: Direction) -> Schema:
        return self._schemas.field(field, _OTHER[direction])


def outgoing(app: VelociPy, routes: Iterable[Route], schemas: Schemas, security: Security) -> list[Operation]:
    """The operations of routes that nobody serves, as if the app did, and the peer answered."""
    turned = Turned(schemas)
    return [
        operation
        for route in routes
        if route.options.include_in_schema
        for operation in operations_of(app.plan(_as_mounted(app, route)), turned, security)
    ]


def _as_mounted(app: VelociPy, route: Route) -> Route:
    return route.mounted(app, app.max_content_length, app.form_limits, app.formats, lambda route, dialect: "")


def callbacks_of(
    operation: Operation, app: VelociPy, schemas: Schemas, security: Security
) -> tuple[list[Operation], Schema]:
    """The operations that an operation's app sends in turn, and OpenAPI's map of Callback Objects, one a function.

    They have no ids: what is called back is nobody's method of a client.
    """
    sent: list[Operation] = []
    found: Schema = {}
    for expression, router in operation.route.options.callbacks.items():
        for one in outgoing(app, router.routes, schemas, security):
            path = path_of(one.route.template)
            url = f"{expression}{'' if path == '/' else path}"
            name = legal(one.route.name)
            found.setdefault(name, {}).setdefault(url, {})[one.field] = one.content
            sent.append(one)
    return sent, found
