"""What a plan reads, as OpenAPI's parameters and request body. Knows steps and sources; knows no paths and no answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from velocipy.annotations import strip_optional
from velocipy.constraints import foreign_documentation
from velocipy.formats import Format
from velocipy.handlers.bodies import is_anything
from velocipy.handlers.bounds import limits_of, marker_of
from velocipy.handlers.markers import MISSING, Marker
from velocipy.handlers.plan import Body, Give, Only, Plan, Read, Spread, Step, Take
from velocipy.handlers.signature import Parameter
from velocipy.handlers.spread import wire_key
from velocipy.http.forms import MULTIPART, URLENCODED
from velocipy.models.base import ModelField
from velocipy.openapi.naming import Schema
from velocipy.openapi.scalars import bounds
from velocipy.openapi.schemas import Schemas, add_default, described, words
from velocipy.routing.path import Hole

_SOURCES: Final = frozenset({"path", "query", "header", "cookie"})
_OWN_WORDS: Final = frozenset({"accept", "content-type", "authorization"})
"""Headers that a document says otherwise: by media types and by security (OpenAPI 3.1 section 4.8.12.1)."""


class Reads:
    """What one route reads, gathered from its plan step by step."""

    def __init__(self, plan: Plan, schemas: Schemas) -> None:
        self.plan = plan
        self.schemas = schemas
        self._parameters: dict[tuple[str, str], Schema] = {}
        self._bodies: list[Parameter] = []
        self._embedded = False
        self._form: dict[str, Schema] = {}
        self._form_required: list[str] = []
        self._has_form = self._has_files = False
        self._closed = False
        for step in plan.steps:
            note = _NOTES.get(type(step))
            if note is not None:
                note(self, step)
        for hole in plan.route.template.holes:
            if ("path", hole.name) not in self._parameters:
                self._add("path", hole.name, _hole_schema(self.schemas, hole), True)

    @property
    def parameters(self) -> list[Schema]:
        """OpenAPI's Parameter Objects: those of the path first, in its order, the rest in the plan's."""
        holes = {hole.name: index for index, hole in enumerate(self.plan.route.template.holes)}
        return sorted(
            self._parameters.values(),
            key=lambda one: holes.get(one["name"], len(holes)) if one["in"] == "path" else len(holes),
        )

    def body(self) -> Schema | None:
        """OpenAPI's Request Body Object; None for a route that reads none."""
        if self._bodies:
            return self._json_body()
        return self._form_body() if self._has_form else None

    # -- parameters ---------------------------------------------------------------------------------------------

    def take(self, step: Take) -> None:
        """A hole that the tree converts, as the template says."""
        hole = self.plan.route.template.holes[step.index]
        schema = _hole_schema(self.schemas, hole)
        self._add_read("path", hole.name, schema, step.parameter)

    def read(self, step: Read) -> None:
        """A scalar, or a list of scalars, under one name."""
        if step.source == "body":
            self._bodies.append(step.parameter)
        elif step.source in ("form", "file"):
            self._add_field(
                step.key, self._schema_of(step.parameter), step.parameter.default is MISSING, step
            )
            self._has_files |= step.source == "file"
        else:
            self._add_read(step.source, step.key, self._schema_of(step.parameter), step.parameter)

    def spread(self, step: Spread) -> None:
        """A model, of which each field stands under a name of its own."""
        marker = marker_of(step.parameter)
        annotation, _ = strip_optional(step.parameter.annotation)
        backend = self.schemas.find_backend(annotation)
        fields = (backend.fields(annotation) if backend is not None else None) or ()
        needed = step.parameter.default is MISSING
        if marker.style == "deepObject":
            schema = self.schemas.of(annotation, "input")
            self._add_read("query", marker.alias or step.parameter.name, schema, step.parameter)
            return
        for field in fields:
            key = wire_key(marker, step.parameter, field)
            schema = self._field_schema(field)
            if step.source == "form":
                self._add_field(key, schema, field.required and needed, None)
            else:
                self._add(step.source, key, schema, field.required and needed, _list_style(marker, schema))

    def _field_schema(self, field: ModelField) -> Schema:
        annotation, _ = strip_optional(field.annotation)
        schema = self.schemas.field(field._replace(annotation=annotation), "input")
        return schema or {"type": "string"}

    def _schema_of(self, parameter: Parameter) -> Schema:
        annotation, _ = strip_optional(parameter.annotation)
        schema = self.schemas.of(annotation, "input")
        schema.update(bounds(limits_of(parameter), schema))
        if parameter.default is not MISSING and parameter.default is not None:
            add_default(schema, parameter.default)
        return schema

    def _add_read(self, source: str, key: str, schema: Schema, parameter: Parameter) -> None:
        marker = marker_of(parameter)
        if not marker.include_in_schema and source != "path":
            return
        said = {**words(*foreign_documentation(parameter.extras)), **_words_of(marker)}
        if "title" in said:
            schema["title"] = said.pop("title")
        if "examples" in said:
            schema["examples"] = said.pop("examples")
        self._add(source, key, schema, parameter.default is MISSING, {**said, **_list_style(marker, schema)})

    def _add(self, source: str, key: str, schema: Schema, required: bool, said: Schema | None = None) -> None:
        if source == "header" and key in _OWN_WORDS:
            return
        known = self._parameters.get((source, key))
        if known is not None:  # two functions read one thing: it is required if one of them needs it
            known["required"] = known["required"] or required
            return
        description = schema.pop("description", None) if "$ref" not in schema else None
        one: Schema = {"name": key, "in": source, "required": required or source == "path"}
        if description is not None:
            one["description"] = description
        if schema.pop("deprecated", False):
            one["deprecated"] = True
        self._parameters[source, key] = {**one, **(said or {}), "schema": schema}

    # -- bodies ------------------------------------------------------------------------------------------------

    def take_body(self, step: Body) -> None:
        """The body in one of the route's formats; what its keys are follows in Reads."""
        self._embedded = step.several
        if not step.several:
            self._bodies.append(step.parameter)

    def give(self, step: Give) -> None:
        """A form that the endpoint looks through by itself."""
        if step.what == "form":
            self._has_form = True

    def only(self, step: Only) -> None:
        """What the route does not read is refused."""
        self._closed |= step.source == "form"

    def _json_body(self) -> Schema:
        if self._embedded:
            properties = {_key(body): self._body_schema(body) for body in self._bodies}
            needed = [_key(body) for body in self._bodies if body.default is MISSING]
            schema: Schema = {"type": "object", "properties": properties}
            if needed:
                schema["required"] = needed
            said: Schema = {}
        else:
            schema = self._body_schema(self._bodies[0])
            needed = [body.name for body in self._bodies if body.default is MISSING]
            said = _words_of(marker_of(self._bodies[0]))
            if "description" in said:
                schema.pop("description", None)
        body: Schema = {"required": bool(needed)}
        if "description" in said:
            body["description"] = said["description"]
        return {**body, "content": content_of(self.plan.route.formats, schema)}

    def _body_schema(self, parameter: Parameter) -> Schema:
        annotation, _ = strip_optional(parameter.annotation)
        if is_anything(annotation):
            schema: Schema = {}
        else:
            schema = self.schemas.of(parameter.hint, "input")
        marker = marker_of(parameter)
        schema = described(schema, (marker,)) if isinstance(parameter.marker, Marker) else schema
        if parameter.default is not MISSING and parameter.default is not None:
            add_default(schema, parameter.default)
        return schema

    def _add_field(self, key: str, schema: Schema, required: bool, step: Read | None) -> None:
        self._has_form = True
        if step is not None:
            marker = marker_of(step.parameter)
            if not marker.include_in_schema and not required:
                return
            schema.update(_words_of(marker))
        self._form[key] = schema
        if required and key not in self._form_required:
            self._form_required.append(key)

    def _form_body(self) -> Schema:
        schema: Schema = {"type": "object", "properties": self._form}
        if self._form_required:
            schema["required"] = self._form_required
        if self._closed:
            schema["additionalProperties"] = False
        kinds = (MULTIPART,) if self._has_files else (URLENCODED, MULTIPART)
        content = {kind: {"schema": schema} for kind in kinds}
        return {"required": bool(self._form_required), "content": content}


_NOTES: Final[dict[type[Step], Callable[[Reads, Any], None]]] = {
    Take: Reads.take,
    Read: Reads.read,
    Spread: Reads.spread,
    Body: Reads.take_body,
    Give: Reads.give,
    Only: Reads.only,
}


def content_of(formats: Iterable[Format], schema: Schema) -> Schema:
    """OpenAPI's Media Type Objects of one schema in several formats."""
    return {format.media_type: {"schema": schema} if schema else {} for format in formats}


def _key(parameter: Parameter) -> str:
    return marker_of(parameter).alias or parameter.name


def _words_of(marker: Marker) -> Schema:
    return words(marker.title, marker.description, marker.examples, marker.deprecated)


def _list_style(marker: Marker, schema: Schema) -> Schema:
    """How a list stands in the query, where it is not one parameter an item (OpenAPI 3.1 section 4.8.12.2)."""
    if marker.source != "query" or marker.explode and marker.style == "form":
        return {}
    return {"style": marker.style, "explode": marker.explode}


def _hole_schema(schemas: Schemas, hole: Hole) -> Schema:
    schema = schemas.of(hole.converter.type, "input") or {"type": "string"}
    if hole.catch_all:
        schema["description"] = "The rest of the path, slashes included."
    return schema
