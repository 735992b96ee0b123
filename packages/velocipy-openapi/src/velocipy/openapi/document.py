"""The OpenAPI 3.1 document of an app. Knows its routes, their plans and its OpenAPI settings; knows no servers and no pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from velocipy.app import VelociPy
from velocipy.openapi.components import Components
from velocipy.openapi.config import OpenAPI
from velocipy.openapi.dependencies import Security
from velocipy.openapi.naming import Schema
from velocipy.openapi.operations import Operation, give_ids, merged, operations_of, paths_of
from velocipy.openapi.outgoing import callbacks_of, outgoing
from velocipy.openapi.responses import write_narrowed
from velocipy.openapi.schemas import Schemas
from velocipy.openapi.versions import routes_in, version_shown
from velocipy.routing.route import NOT_METHODS, Route

VERSIONS: Final = {"3.1": "3.1.0", "3.2": "3.2.0"}


def build(app: VelociPy, config: OpenAPI, version: str | None = None) -> Schema:
    """The document of all routes that are documented, those of apps that are mounted included.

    Raises ConfigurationError for what contradicts itself, such as two security schemes of one name, and for a version that is none.
    """
    schemas, security = Schemas(is_recent=config.specification == "3.2"), Security()
    routes = routes_in(app, version)
    operations = _operations(app, routes, schemas, security)
    called = _call_back(app, operations, schemas, security)
    hooks = outgoing(app, () if config.webhooks is None else config.webhooks.routes, schemas, security)
    give_ids([*operations, *hooks])
    components = Components(schemas)
    for operation in (*operations, *hooks, *called):
        for response in operation.content["responses"].values():
            write_narrowed(components, response)
    document: Schema = {
        "openapi": VERSIONS[config.specification],
        "info": _info(app, config, version),
        **_said(config),
        "paths": components.resolve(paths_of(operations)),
    }
    if hooks:
        document["webhooks"] = {
            path.removeprefix("/"): item for path, item in components.resolve(paths_of(hooks)).items()
        }
    found = _components(components, security)
    if found:
        document["components"] = found
    return merged(document, config.extra)


def _operations(
    app: VelociPy, routes: Iterable[Route], schemas: Schemas, security: Security
) -> list[Operation]:
    return [
        operation
        for route in routes
        if route.options.include_in_schema and not NOT_METHODS.intersection(route.methods)
        for operation in operations_of(app.plan(route), schemas, security)
    ]


def _call_back(
    app: VelociPy, operations: Iterable[Operation], schemas: Schemas, security: Security
) -> list[Operation]:
    """Put the callbacks of routes into their operations; all that are sent."""
    called: list[Operation] = []
    for operation in operations:
        if operation.route.options.callbacks:
            sent, found = callbacks_of(operation, operation.route.app or app, schemas, security)
            operation.content["callbacks"] = {**found, **operation.content.get("callbacks", {})}
            called += sent
    return called


def _info(app: VelociPy, config: OpenAPI, version: str | None) -> Schema:
    info: Schema = {"title": app.title, "version": app.version}
    said = {
        "x-api-version": version_shown(app, version),
        "summary": config.summary,
        "description": config.description,
        "termsOfService": config.terms_of_service,
        "contact": dict(config.contact),
        "license": dict(config.license),
    }
    return {**info, **{name: value for name, value in said.items() if value}}


def _said(config: OpenAPI) -> Schema:
    said = {
        "servers": [dict(server) for server in config.servers],
        "tags": [dict(tag) for tag in config.tags],
        "externalDocs": dict(config.external_docs),
    }
    return {name: value for name, value in said.items() if value}


def _components(components: Components, security: Security) -> Schema:
    found: Schema = {}
    if components.schemas:
        found["schemas"] = components.schemas
    if security.schemes:
        found["securitySchemes"] = dict(sorted(security.schemes.items()))
    return found
