"""The AsyncAPI 3.0 document of an app: WebSockets and event streams as channels, what is sent and received as operations.

Knows routes, plans and OpenAPI's settings, which say who and where; knows no servers. Sections are those of AsyncAPI 3.0.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from velocipy.annotations import split_annotated, union_members
from velocipy.app import VelociPy
from velocipy.handlers.plan import Plan
from velocipy.openapi.channel_schemas import draft_07, message_name, scheme_of
from velocipy.openapi.channels import EVENT_STREAM, is_channel
from velocipy.openapi.components import Components
from velocipy.openapi.config import OpenAPI
from velocipy.openapi.dependencies import Security, needed_by
from velocipy.openapi.naming import Schema, legal
from velocipy.openapi.operations import Operation, give_ids, ids_of, path_of, words_of
from velocipy.openapi.parameters import Reads
from velocipy.openapi.schemas import Schemas
from velocipy.openapi.versions import routes_in
from velocipy.routing.route import Route

VERSION: Final = "3.0.0"

Action = Literal["receive", "send"]

_CONTENT_TYPES: Final = {str: "text/plain", bytes: "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class Channel:
    """A route as a channel: its Channel Object, and its messages by what the app does with them."""

    route: Route
    operation: Operation
    content: Schema
    messages: dict[Action, list[str]]
    security: tuple[str, ...]


def build(app: VelociPy, config: OpenAPI) -> Schema:
    """The document of every WebSocket route and event stream that is documented, those of apps that are mounted included."""
    schemas, security = Schemas(), Security()
    channels = [
        channel_of(app.plan(route), schemas, security) for route in routes_in(app, None) if is_channel(route)
    ]
    give_ids([channel.operation for channel in channels])
    components = Components(schemas)
    shown = {channel.operation.content["operationId"]: channel for channel in channels}
    document: Schema = {
        "asyncapi": VERSION,
        "info": _info(app, config),
        "defaultContentType": "application/json",
    }
    servers = servers_of(config)
    if servers:
        document["servers"] = servers
    document["channels"] = {
        name: draft_07(components.resolve(_placed(channel, servers))) for name, channel in shown.items()
    }
    document["operations"] = {
        f"{name}_{action}": operation
        for name, channel in shown.items()
        for action, operation in _operations(name, channel)
    }
    found = _components(components, security)
    if found:
        document["components"] = found
    return document


# -- channels --------------------------------------------------------------------------------------------------


def channel_of(plan: Plan, schemas: Schemas, security: Security) -> Channel:
    """The Channel Object of a route (section "Channel Object")."""
    route = plan.route
    schemas.use(route.app.models)
    reads, needed = Reads(plan, schemas), needed_by(route)
    summary, description = words_of(route)
    content: Schema = {"address": path_of(route.template)}
    if summary:
        content["summary"] = summary
    if description:
        content["description"] = description
    messages, names = _messages(route, schemas)
    content["messages"] = messages
    holes = [one for one in reads.parameters if one["in"] == "path"]
    if holes:
        content["parameters"] = {one["name"]: _parameter(one) for one in holes}
    if route.options.tags:
        content["tags"] = [{"name": tag} for tag in dict.fromkeys(route.options.tags)]
    bindings = _bindings(route, reads.parameters)
    content["bindings" if route.is_socket else "x-bindings"] = bindings
    required = [name for way in security.requirements(route, needed) for name in way]
    operation = Operation(route, "get", {}, ids_of(route, "GET", False))
    return Channel(route, operation, content, names, tuple(dict.fromkeys(required)))


def _placed(channel: Channel, servers: Schema) -> Schema:
    """A channel on the servers that speak its protocol."""
    spoken = ("ws", "wss") if channel.route.is_socket else ("http", "https")
    own = [{"$ref": f"#/servers/{name}"} for name, server in servers.items() if server["protocol"] in spoken]
    content = {key: value for key, value in channel.content.items() if key != "x-bindings"}
    return {**content, "servers": own} if own else content


def _parameter(one: Schema) -> Schema:
    """A hole of the address: values are text, of which a few may be all (section "Parameter Object")."""
    schema = one.get("schema", {})
    kind = schema.get("format") or schema.get("type")
    words = [text for text in (one.get("description"), f"Of type {kind}." if kind else None) if text]
    said: Schema = {"description": " ".join(words)} if words else {}
    values = schema.get("enum")
    return {**said, "enum": [str(value) for value in values]} if values else said


def _bindings(route: Route, parameters: list[Schema]) -> Schema:
    """Query and headers of the handshake, or of the request that opens the stream: the WebSockets and HTTP bindings."""
    binding: Schema = {"method": "GET"}
    places = ("query", "header") if route.is_socket else ("query",)
    for place in places:
        own = [one for one in parameters if one["in"] == place]
        if own:
            binding["headers" if place == "header" else place] = _object(own)
    if route.is_socket:
        return {"ws": {**binding, "bindingVersion": "0.1.0"}}
    return {"http": {**binding, "bindingVersion": "0.3.0"}}


def _object(parameters: list[Schema]) -> Schema:
    properties = {
        one["name"]: {
            **({"description": one["description"]} if "description" in one else {}),
            **one["schema"],
        }
        for one in parameters
    }
    required = [one["name"] for one in parameters if one.get("required")]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


# -- messages --------------------------------------------------------------------------------------------------


def _messages(route: Route, schemas: Schemas) -> tuple[Schema, dict[Action, list[str]]]:
    """Message Objects by name, and which of them the app receives and sends."""
    options = route.options
    found: Schema = {}
    names: dict[Action, list[str]] = {}
    for action, declared, direction in (
        ("receive", options.receives, "input"),
        ("send", options.sends, "output"),
    ):
        if action == "receive" and not route.is_socket:
            continue
        names[action] = []  # type: ignore[index]
        for member in _members(declared):
            name = message_name(member, action, found)
            found[name] = _message(route, member, schemas.of(member, direction))  # type: ignore[arg-type]
            names[action].append(name)  # type: ignore[index]
    return found, names


def _members(declared: Any) -> tuple[Any, ...]:
    """The types of messages: of a union each is one, so that it has a name."""
    if declared is None:
        return ()
    return union_members(declared) or (declared,)


def _message(route: Route, member: Any, payload: Schema) -> Schema:
    bare = split_annotated(member)[0]
    message: Schema = {"title": str(getattr(bare, "__name__", bare))}
    message["contentType"] = _CONTENT_TYPES.get(bare, "application/json")
    if bare is bytes:
        payload = {"type": "string", "format": "binary"}
    if not route.is_socket:
        message["summary"] = f"The data of an event of {EVENT_STREAM}."
    return {**message, "payload": payload}


# -- operations ------------------------------------------------------------------------------------------------


def _operations(name: str, channel: Channel) -> Iterator[tuple[Action, Schema]]:
    """What the app does on a channel (section "Operation Object"): `send` and `receive` are the app's own doing."""
    for action, messages in channel.messages.items():
        operation: Schema = {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
        if "summary" in channel.content:
            operation["summary"] = channel.content["summary"]
        if channel.security:
            operation["security"] = [
                {"$ref": f"#/components/securitySchemes/{scheme}"} for scheme in channel.security
            ]
        if not channel.route.is_socket:
            operation["bindings"] = channel.content["x-bindings"]
        if messages:
            operation["messages"] = [
                {"$ref": f"#/channels/{name}/messages/{message}"} for message in messages
            ]
        yield action, operation


# -- the rest --------------------------------------------------------------------------------------------------


def _info(app: VelociPy, config: OpenAPI) -> Schema:
    said = {
        "description": config.description or config.summary,
        "termsOfService": config.terms_of_service,
        "contact": dict(config.contact),
        "license": {key: value for key, value in config.license.items() if key in ("name", "url")},
        "tags": [dict(tag) for tag in config.tags],
        "externalDocs": dict(config.external_docs),
    }
    info: Schema = {"title": app.title, "version": app.version}
    return {**info, **{name: value for name, value in said.items() if value}}


def servers_of(config: OpenAPI) -> Schema:
    """Each server of OpenAPI's that has a host, for requests and for WebSockets."""
    found: Schema = {}
    for number, server in enumerate(config.servers, 1):
        parts = urlsplit(str(server["url"]))
        if parts.scheme not in ("http", "https") or not parts.netloc or "{" in server["url"]:
            continue
        secure = "s" if parts.scheme == "https" else ""
        for protocol in (f"http{secure}", f"ws{secure}"):
            one: Schema = {"host": parts.netloc, "protocol": protocol}
            if parts.path.strip("/"):
                one["pathname"] = parts.path.rstrip("/")
            if server.get("description"):
                one["description"] = server["description"]
            found[f"{protocol}{'' if number == 1 else number}"] = one
    return found


def _components(components: Components, security: Security) -> Schema:
    found: Schema = {}
    if components.schemas:
        found["schemas"] = {name: draft_07(schema) for name, schema in components.schemas.items()}
    if security.schemes:
        found["securitySchemes"] = {
            legal(name): scheme_of(scheme) for name, scheme in sorted(security.schemes.items())
        }
    return found
