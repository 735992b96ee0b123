"""The list of what a document can show, held against the kitchen sink: a feature that the sink lacks, or a setting of the framework
that no feature names, fails.

Each row is a feature's name, and what must be found of it in the document of kitchen_sink.py.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from velocipy.handlers.markers import Marker
from velocipy.openapi import OpenAPI
from velocipy.routing.keywords import RouteKeywords, SocketKeywords

SOURCE = Path(__file__).with_name("kitchen_sink.py")


def load() -> Any:
    spec = importlib.util.spec_from_file_location("kitchen_sink_of_features", SOURCE)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APP = load().app
SINK: Any = json.loads(json.dumps(APP.openapi()))
CHANNELS: Any = json.loads(json.dumps(APP.asyncapi()))
OPERATIONS = [one for item in SINK["paths"].values() for one in item.values()]
PARAMETERS = [one for operation in OPERATIONS for one in operation.get("parameters", ())]
BODIES = [operation["requestBody"] for operation in OPERATIONS if "requestBody" in operation]
ANSWERS = [(status, one) for operation in OPERATIONS for status, one in operation["responses"].items()]
SCHEMAS = SINK["components"]["schemas"]


def schemas_in(part: Any) -> Iterator[dict[str, Any]]:
    """Every object below a part."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from schemas_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from schemas_in(value)


EVERY = list(schemas_in([SINK["paths"], SCHEMAS]))


def parameter(**wanted: Any) -> Callable[[], bool]:
    return lambda: any(wanted.items() <= {**one, **one["schema"]}.items() for one in PARAMETERS)


def parameter_with(*keys: str) -> Callable[[], bool]:
    return lambda: any(set(keys) <= {**one, **one["schema"]}.keys() for one in PARAMETERS)


def schema(*keys: str) -> Callable[[], bool]:
    return lambda: any(set(keys) <= one.keys() for one in EVERY)


def body(kind: str) -> Callable[[], bool]:
    return lambda: any(kind in one["content"] for one in BODIES)


def answer(kind: str) -> Callable[[], bool]:
    return lambda: any(kind in one.get("content", ()) for _, one in ANSWERS)


def status(*wanted: str) -> Callable[[], bool]:
    return lambda: set(wanted) <= {status for status, _ in ANSWERS}


def scheme(kind: str) -> Callable[[], bool]:
    return lambda: any(one["type"] == kind for one in SINK["components"]["securitySchemes"].values())


def operation(*keys: str) -> Callable[[], bool]:
    return lambda: any(set(keys) <= one.keys() for one in OPERATIONS)


def component(*names: str) -> Callable[[], bool]:
    return lambda: set(names) <= SCHEMAS.keys()


FEATURES: dict[str, Callable[[], bool]] = {
    "parameters of the path": parameter(**{"in": "path"}),
    "of the query": parameter(**{"in": "query"}),
    "of headers": parameter(**{"in": "header"}),
    "of cookies": parameter(**{"in": "cookie"}),
    "of dependencies": parameter(name="page", minimum=1),
    "integers": parameter(type="integer"),
    "numbers": parameter(type="number"),
    "truth": parameter(type="boolean"),
    "text": parameter(type="string"),
    "lists": parameter(type="array"),
    "sets": parameter(name="few", type="array"),
    "tuples": parameter_with("prefixItems"),
    "decimals": parameter(format="decimal"),
    "UUIDs": parameter(format="uuid"),
    "dates": parameter(format="date"),
    "datetimes": parameter(format="date-time"),
    "times": parameter(format="time"),
    "durations": parameter(format="duration"),
    "enums": component("Color", "Size"),
    "literals": parameter_with("anyOf", "default"),
    "unions": schema("anyOf"),
    "null": lambda: {"type": "null"} in EVERY,
    "bounds of numbers": parameter_with("exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "bounds of text": parameter_with("minLength", "maxLength", "pattern"),
    "bounds of lists": parameter_with("minItems", "maxItems"),
    "defaults": parameter_with("default"),
    "examples": parameter_with("examples"),
    "titles": parameter_with("title"),
    "descriptions": parameter_with("description"),
    "deprecated parameters": parameter(deprecated=True),
    "comma lists": parameter(style="form", explode=False),
    "deep objects": parameter(style="deepObject"),
    "bodies of JSON": body("application/json"),
    "forms": body("application/x-www-form-urlencoded"),
    "files": body("multipart/form-data"),
    "bodies that may be missing": lambda: any(not one["required"] for one in BODIES),
    "answers in several formats": answer("application/vnd.msgpack"),
    "text answers": answer("text/plain"),
    "pages": answer("text/html"),
    "octets": answer("application/octet-stream"),
    "events": answer("text/event-stream"),
    "lines of JSON": answer("application/x-ndjson"),
    "anything": answer("*/*"),
    "no content": status("204"),
    "errors of binding": status("400", "413", "415", "422"),
    "errors of dependencies": status("401", "403", "429"),
    "a path that takes some texts only": status("404"),
    "several statuses": status("409", "5XX", "default"),
    "dataclasses": component("Page_Item"),
    "models in two directions": component("Item-Input", "Item-Output"),
    "recursive models": lambda: any(
        one.get("$ref") == "#/components/schemas/Tree-Output" for one in schemas_in(SCHEMAS["Tree-Output"])
    ),
    "generics": component("Page_list_int"),
    "TypedDicts": component("Options"),
    "NamedTuples": component("Point"),
    "structs of msgspec": component("Strict"),
    "tagged unions": schema("discriminator"),
    "rows": component("Row"),
    "closed models": schema("additionalProperties", "properties"),
    "models of pydantic": component("Customer-Output"),
    "generics of pydantic": lambda: any(name.startswith("Envelope") for name in SCHEMAS),
    "keys as schemes": scheme("apiKey"),
    "OAuth2": scheme("oauth2"),
    "several ways in": lambda: any(len(one.get("security", ())) > 1 for one in OPERATIONS),
    "tags": operation("tags"),
    "summaries and descriptions": operation("summary", "description"),
    "deprecated operations": lambda: any(one.get("deprecated") for one in OPERATIONS),
    "deprecation and sunset": operation("x-sunset"),
    "links to what comes instead": lambda: any("Link" in one.get("headers", ()) for _, one in ANSWERS),
    "callbacks": operation("callbacks"),
    "webhooks": lambda: "item-sold" in SINK["webhooks"],
    "extras": operation("x-rate"),
    "siblings of one shape": lambda: "/u/{id}" in SINK["paths"] and "/u/{name}" not in SINK["paths"],
    "methods that OpenAPI lacks": lambda: "x-query" in SINK["paths"]["/several"],
    "HEAD by itself": lambda: set(SINK["paths"]["/head"]) == {"head"},
    "versions": parameter(name="X-API-Version", required=False),
    "mounted apps": lambda: "/inner/items" in SINK["paths"],
    "servers": lambda: bool(SINK["servers"]),
    "who and under which terms": lambda: {"contact", "license", "termsOfService"} <= SINK["info"].keys(),
    "routes that are left out": lambda: "/secret" not in SINK["paths"],
    "WebSockets as channels": lambda: "ws" in CHANNELS["channels"]["socket"]["bindings"],
    "event streams as channels": lambda: CHANNELS["operations"]["price_events_send"]["action"] == "send",
    "messages": lambda: {"Cat", "Dog", "Item"} <= CHANNELS["channels"]["socket"]["messages"].keys(),
}


@pytest.mark.parametrize("name", FEATURES)
def test_the_kitchen_sink_shows_each_feature(name: str) -> None:
    assert FEATURES[name]()


NOT_SHOWN = {
    "form_limits", "max_content_length", "on_disconnect", "middleware", "exception_handlers",  # how a route is served
    "allowed_origins", "require_origin", "allow_credentials", "max_message_size", "send_timeout",
    "response_model_exclude_none", "response_model_exclude_unset", "response_model_exclude_defaults",  # test_openapi_schemas
    "responses", "openapi", "status_code",
}  # fmt: skip


@pytest.mark.parametrize(
    "keyword", sorted({*RouteKeywords.__annotations__, *SocketKeywords.__annotations__} - NOT_SHOWN)
)
def test_the_kitchen_sink_uses_every_keyword_of_a_route(keyword: str) -> None:
    assert f"{keyword}=" in SOURCE.read_text()


@pytest.mark.parametrize("name", sorted(field.name for field in dataclasses.fields(Marker) if field.init))
def test_what_a_marker_says_is_shown_or_is_how_it_is_read(name: str) -> None:
    read = {"constraints", "default", "default_factory", "forbid", "joined", "media_type", "source"}
    assert name in read or f"{name}=" in SOURCE.read_text(), name


@pytest.mark.parametrize("name", sorted(field.name for field in dataclasses.fields(OpenAPI)))
def test_the_kitchen_sink_says_all_that_the_settings_can(name: str) -> None:
    pages = {"swagger_ui", "oauth2", "ui", "pages", "dependencies", "asyncapi_url", "specification"}
    assert name in pages or f"{name}=" in SOURCE.read_text()
