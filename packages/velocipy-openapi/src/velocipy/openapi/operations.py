"""A route as OpenAPI's operations, and routes of one shape as one Path Item. Knows plans; knows no document around them."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from velocipy.handlers.plan import Plan
from velocipy.openapi.dependencies import Security, errors_of, needed_by
from velocipy.openapi.deprecation import deprecated_answers
from velocipy.openapi.naming import Schema, legal
from velocipy.openapi.parameters import Reads
from velocipy.openapi.responses import answers
from velocipy.openapi.schemas import Schemas
from velocipy.openapi.versions import version_parameter
from velocipy.routing.deprecation import Deprecation
from velocipy.routing.path import PathTemplate, encode_path
from velocipy.routing.route import Route, callable_name

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The fields of a Path Item (OpenAPI 3.1 section 4.8.9); a method that it lacks stands under `x-`, as `x-query`.

OpenAPI 3.2 has `query` too (section 4.8)."""

_HOLE: Final = re.compile(r"\{([^{}:*]*)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route under one method: its Operation Object, and what its id may be, the best first."""

    route: Route
    field: str
    content: Schema
    ids: tuple[str, ...]


def operations_of(plan: Plan, schemas: Schemas, security: Security) -> list[Operation]:
    """The operations of a route, one a method; HEAD goes unsaid where GET is served."""
    route = plan.route
    content = _content(plan, schemas, security)
    methods = [method for method in route.methods if method != "HEAD" or "GET" not in route.methods]
    return [
        Operation(
            route, _field(method, schemas.is_recent), dict(content), ids_of(route, method, len(methods) > 1)
        )
        for method in methods
    ]


def _content(plan: Plan, schemas: Schemas, security: Security) -> Schema:
    route, options = plan.route, plan.route.options
    schemas.use(route.app.models)
    reads, needed = Reads(plan, schemas), needed_by(route)
    summary, description = words_of(route)
    content: Schema = {}
    if options.tags:
        content["tags"] = list(dict.fromkeys(options.tags))
    if summary:
        content["summary"] = summary
    if description:
        content["description"] = description
    parameters, body = reads.parameters, reads.body()
    version = version_parameter(route)
    if version is not None:
        parameters.append(version)
    if parameters:
        content["parameters"] = parameters
    if body is not None:
        content["requestBody"] = body
    errors = errors_of(needed) if route.versioning is None else (406, *errors_of(needed))
    content["responses"] = answers(plan, schemas, errors)
    if options.deprecated:
        content["deprecated"] = True
    if isinstance(options.deprecated, Deprecation):
        content.update(deprecated_answers(content["responses"], options.deprecated))
    requirements = security.requirements(route, needed)
    if requirements:
        content["security"] = requirements
    extra = dict(options.openapi_extra)
    if "parameters" in extra and parameters:
        extra["parameters"] = _with_parameters(parameters, extra["parameters"])
    return merged(content, extra)


def _with_parameters(known: list[Schema], extra: Iterable[Mapping[str, Any]]) -> list[Schema]:
    """Parameters that a route adds to those that it reads, or words anew."""
    found = {(one["in"], one["name"]): one for one in known}
    for one in extra:
        key = (one.get("in"), one.get("name"))
        found[key] = merged(found.get(key, {}), one)
    return list(found.values())


def _field(method: str, is_recent: bool) -> str:
    name = method.lower()
    return name if name in METHODS or is_recent and name == "query" else f"x-{legal(name)}"


def words_of(route: Route) -> tuple[str, str]:
    """(summary, description): what the route says, else the first line of the docstring and what follows it."""
    options = route.options
    text = inspect.cleandoc(getattr(route.endpoint, "__doc__", None) or "") if _has_words(route) else ""
    first, _, rest = text.partition("\n\n")
    first = " ".join(first.split())
    if options.summary is not None:
        return options.summary, inspect.cleandoc(options.description or text)
    return first.rstrip("."), inspect.cleandoc(options.description or rest.strip())


def _has_words(route: Route) -> bool:
    """An instance, such as a partial, has its class's docstring, which is not about the route."""
    endpoint = route.endpoint
    return (
        inspect.isroutine(endpoint)
        or inspect.isclass(endpoint)
        or "__doc__" in getattr(endpoint, "__dict__", {})
    )


def merged(known: Mapping[str, Any], extra: Mapping[str, Any]) -> Schema:
    """`extra` over `known`, object by object; everything else of `extra` replaces what is known."""
    result = dict(known)
    for key, value in extra.items():
        mine = result.get(key)
        both: tuple[Any, Any] = mine, value
        result[key] = merged(*both) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return result


# -- ids -------------------------------------------------------------------------------------------------------


def ids_of(route: Route, method: str, several: bool) -> tuple[str, ...]:
    """Candidates: the function's name, that with its routers' names, and at last that with method and path."""
    own = route.options.operation_id
    function = legal(callable_name(route.endpoint))
    tail = f"_{method.lower()}" if several else ""
    if own is not None:
        return (f"{own}{tail}",)
    named = legal(route.name)
    before = named.rpartition(".")[0]
    router = legal(f"{before}.{function}").replace(".", "_") if before else function
    path = legal(re.sub(r"[{}/.:*]+", "_", route.path)).strip("_") or "root"
    return (f"{function}{tail}", f"{router}{tail}", f"{function}_{method.lower()}_{path}")


def give_ids(operations: Iterable[Operation]) -> None:
    """Give every operation an id that no other has; where two would have one, both take their next candidate.

    So an id depends on which routes there are, and never on their order.
    """
    taken: set[str] = set()
    waiting: list[Operation] = list(operations)
    rank = 0
    while waiting:
        by_id: defaultdict[str, list[Operation]] = defaultdict(list)
        for operation in waiting:
            by_id[operation.ids[min(rank, len(operation.ids) - 1)]].append(operation)
        waiting, rank = [], rank + 1
        for name, owners in by_id.items():
            if (len(owners) == 1 and name not in taken) or rank > _RANKS:
                for operation in owners:
                    operation.content.setdefault("operationId", _unused(name, taken))
                    taken.add(operation.content["operationId"])
            else:
                waiting += owners


_RANKS: Final = 3


def _unused(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


# -- paths -----------------------------------------------------------------------------------------------------


def path_of(template: PathTemplate) -> str:
    """A template in OpenAPI's words: `/items/{id:int}` -> "/items/{id}", literal text percent-encoded."""
    parts = _HOLE.split(template.text)
    return "".join(f"{{{part}}}" if index % 2 else encode_path(part) for index, part in enumerate(parts))


def shape_of(template: PathTemplate) -> str:
    """What two paths have in common that OpenAPI takes for one (section 4.8.8.2): the text without the names of its holes."""
    return _HOLE.sub("{}", template.text)


def paths_of(operations: Iterable[Operation]) -> dict[str, Schema]:
    """OpenAPI's Paths Object. Routes whose paths differ in names or types of holes alone stand under the path of the first."""
    by_shape: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_shape[shape_of(operation.route.template)].append(operation)
    paths: dict[str, Schema] = {}
    for siblings in by_shape.values():
        template = siblings[0].route.template
        item = paths.setdefault(path_of(template), {})
        for operation in siblings:
            content = _renamed(operation, template)
            known = item.get(operation.field)
            item[operation.field] = content if known is None else either(known, content)
    return paths


def _renamed(operation: Operation, template: PathTemplate) -> Schema:
    """An operation whose path parameters have the names of a sibling's holes."""
    names = {
        own.name: other.name
        for own, other in zip(operation.route.template.holes, template.holes, strict=True)
    }
    if all(own == other for own, other in names.items()):
        return operation.content
    parameters = [
        {**one, "name": names.get(one["name"], one["name"])} if one.get("in") == "path" else one
        for one in operation.content.get("parameters", ())
    ]
    return {**operation.content, "parameters": parameters}


def either(first: Schema, second: Schema) -> Schema:
    """One operation that stands for two routes of one shape and method, of which the path's text chooses one.

    Parameters of both are there, those of one alone are not required; bodies and answers may be either's.
    """
    result = dict(first)
    summaries = [one["summary"] for one in (first, second) if one.get("summary")]
    if summaries:
        result["summary"] = " / ".join(dict.fromkeys(summaries))
    descriptions = [one["description"] for one in (first, second) if one.get("description")]
    if descriptions:
        result["description"] = "\n\n".join(dict.fromkeys(descriptions))
    tags = dict.fromkeys((*first.get("tags", ()), *second.get("tags", ())))
    if tags:
        result["tags"] = list(tags)
    parameters = _either_parameters(first.get("parameters", ()), second.get("parameters", ()))
    if parameters:
        result["parameters"] = parameters
    bodies = [one["requestBody"] for one in (first, second) if "requestBody" in one]
    if bodies:
        required = len(bodies) == 2 and all(body.get("required") for body in bodies)
        result["requestBody"] = {**_either_content(bodies), "required": required}
    statuses = dict.fromkeys((*first["responses"], *second["responses"]))
    result["responses"] = {
        status: _either_content(
            [one["responses"][status] for one in (first, second) if status in one["responses"]]
        )
        for status in sorted(statuses)
    }
    if first.get("security") != second.get("security"):
        result["security"] = [*first.get("security", [{}]), *second.get("security", [{}])]
    if not (first.get("deprecated") and second.get("deprecated")):
        result.pop("deprecated", None)
    return result


def _either_parameters(first: Iterable[Schema], second: Iterable[Schema]) -> list[Schema]:
    theirs = {(one["in"], one["name"]): one for one in second}
    found: list[Schema] = []
    for one in first:
        other = theirs.pop((one["in"], one["name"]), None)
        if other is None:
            found.append({**one, "required": one["in"] == "path"})
        else:
            schema = _either_schema([one.get("schema", {}), other.get("schema", {})])
            found.append({**one, "required": one["required"] and other["required"], "schema": schema})
    return [*found, *({**one, "required": one["in"] == "path"} for one in theirs.values())]


def _either_content(parts: list[Schema]) -> Schema:
    """Request bodies or responses of both: every media type, with either's schema."""
    kinds = dict.fromkeys(kind for part in parts for kind in part.get("content", ()))
    if not kinds:
        return parts[0]
    content = {}
    for kind in kinds:
        media = [part["content"][kind] for part in parts if kind in part.get("content", {})]
        schemas = [one["schema"] for one in media if "schema" in one]
        content[kind] = {**media[0], "schema": _either_schema(schemas)} if len(schemas) == len(media) else {}
    return {**parts[0], "content": content}


def _either_schema(schemas: list[Schema]) -> Schema:
    different = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    return different[0] if len(different) == 1 else {"anyOf": different}
