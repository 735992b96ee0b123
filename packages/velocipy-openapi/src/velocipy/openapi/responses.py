"""What a route answers, as OpenAPI's responses. Knows results, `responses=` and the errors of binding; knows no parameters."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from typing import Any, get_args, get_origin

from velocipy.annotations import split_annotated, union_members
from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Error
from velocipy.handlers.plan import Body, Check, Form, Plan
from velocipy.handlers.signature import return_annotation
from velocipy.handlers.streams import yields
from velocipy.http.gate import BODYLESS
from velocipy.http.response import BYTES_TYPE, RedirectResponse, Response
from velocipy.http.streaming import StreamingResponse
from velocipy.http.wording import Wording
from velocipy.models.base import AS_IT_IS
from velocipy.openapi.components import Components, narrowed
from velocipy.openapi.errors import model_of, status_of
from velocipy.openapi.naming import Schema
from velocipy.openapi.parameters import content_of
from velocipy.openapi.schemas import Schemas
from velocipy.openapi.streams import SEQUENTIAL, item_schema
from velocipy.routing.route import FROM_ANNOTATION
from velocipy.status import phrase
from velocipy.untyped import DICT, MAPPING


def answers(plan: Plan, schemas: Schemas, errors: Iterable[Error]) -> Schema:
    """OpenAPI's Responses Object.

    `errors` are what dependencies answer. What the route declares of a status is merged over what is known of it.
    """
    found: dict[str, Schema] = {str(plan.status): _with_items(_success(plan, schemas), plan, schemas)}
    by_status: dict[int, list[Error]] = {}
    ours = () if schemas.is_sent else (*_errors_of_path(plan), *_errors_of_binding(plan), *errors)
    for error in ours:
        by_status.setdefault(status_of(error), []).append(error)
    for status, alike in by_status.items():
        found.setdefault(str(status), error_response(alike, plan.route.wording, schemas))
    for key, declared in plan.route.options.responses.items():
        status_key = _status_key(plan, key)
        one = _declared(plan, schemas, status_key, declared)
        known = found.get(status_key)
        if known is not None and "content" not in one:
            one = {**known, **one}
        found[status_key] = one
    return dict(sorted(found.items(), key=lambda pair: (pair[0] == "default", pair[0])))


def error_response(errors: Sequence[Error], wording: Wording, schemas: Schemas) -> Schema:
    """The answer to errors of one status, as the framework words it. Made once a document; its parts are nobody's to change."""
    models = tuple(dict.fromkeys(model_of(error, wording) for error in errors))
    status = status_of(errors[0])
    key = (status, wording.media_type, models)
    if key not in schemas.errors:
        found = [schemas.of(model, "output") for model in models]
        schema = found[0] if len(found) == 1 else {"anyOf": found}
        schemas.errors[key] = {
            "description": phrase(status),
            "content": {wording.media_type: {"schema": schema}},
        }
    return dict(schemas.errors[key])


def _errors_of_path(plan: Plan) -> Iterator[int]:
    """404 where a hole takes some texts only: for all others the route does not match."""
    if any(hole.converter.name != "str" for hole in plan.route.template.holes):
        yield 404


def _errors_of_binding(plan: Plan) -> Iterator[int]:
    """400, 413 and 415 where a body is read, 422 where a value may be wrong."""
    kinds = set(map(type, plan.steps))
    if kinds & {Body, Form}:
        yield from (400, 413, 415)
    if kinds & {Body, Check}:
        yield 422


def _status_key(plan: Plan, key: Any) -> str:
    text = str(key).upper() if str(key) != "default" else "default"
    digits = text[:1] in set("12345") and (text[1:] == "XX" or len(text) == 3 and text.isdigit())
    if text == "default" or digits:
        return text
    raise ConfigurationError(
        f"responses of {plan.route.title} ({plan.route.location}) has {key!r}: write a status, '4XX' or 'default'"
    )


def _declared(plan: Plan, schemas: Schemas, key: str, declared: Any) -> Schema:
    """One entry of `responses=`: a Response Object that may have a `model`, a description alone, or a model alone."""
    words = phrase(int(key)) if key.isdigit() else {"default": "Any other answer"}.get(key, f"Any {key}")
    if isinstance(declared, str):
        return {"description": declared}
    if not isinstance(declared, MAPPING):
        declared = {"model": declared}
    one: dict[str, Any] = {
        "description": words,
        **{name: value for name, value in declared.items() if name != "model"},
    }
    model = declared.get("model")
    if model is not None:
        content = content_of(plan.route.formats, schemas.of(model, "output"))
        more = one.get("content", {})
        one["content"] = {kind: {**content.get(kind, {}), **more.get(kind, {})} for kind in (*content, *more)}
    return one


# -- success ---------------------------------------------------------------------------------------------------


def _success(plan: Plan, schemas: Schemas) -> Schema:
    options = plan.route.options
    response: Schema = {"description": phrase(plan.status)}
    if plan.status in BODYLESS:
        return response
    sent = options.response_class or (StreamingResponse if yields(plan.route.endpoint) else None)
    if sent is not None:
        return {**response, **_of_class(sent)}
    dumper = plan.models[0]
    if dumper is not None:
        schema = schemas.of(dumper.annotation, "output")
        if options.serialization is not None and options.serialization != AS_IT_IS:
            schema = Narrowed(schema, options.serialization)
        content = content_of(plan.route.formats, schema)
        others = _sent_besides(plan, schemas)
        return {**response, "content": {**content, **others}}
    if plan.result == "empty" and options.response_model is FROM_ANNOTATION:
        return response
    return {**response, **_unmodelled(plan, schemas)}


def _with_items(response: Schema, plan: Plan, schemas: Schemas) -> Schema:
    """The answer with what each item is, where it is a stream and the document has words for that."""
    if not schemas.is_recent:
        return response
    for kind, media in response.get("content", {}).items():
        items = item_schema(plan, kind, schemas) if kind in SEQUENTIAL else None
        if items is not None:
            media["itemSchema"] = items
    return response


class Narrowed(dict[str, Any]):
    """A schema of which only some fields are written: `how` says which. Written out once components are known."""

    def __init__(self, schema: Schema, how: Any) -> None:
        super().__init__(schema)
        self.how = how


def write_narrowed(components: Components, response: Schema) -> None:
    """Put the schemas of a response in their final form."""
    for media in response.get("content", {}).values():
        schema = media.get("schema") if isinstance(media, DICT) else None
        if isinstance(schema, Narrowed):
            media["schema"] = narrowed(components, components.resolve(dict(schema)), schema.how)


def _sent_besides(plan: Plan, schemas: Schemas) -> Schema:
    """Media types of Responses in a union with a model: `Item | PlainTextResponse`."""
    found: Schema = {}
    for member in union_members(split_annotated(_returned(plan))[0]):
        if isinstance(member, type) and issubclass(member, Response):
            found.update(_of_class(member).get("content", {}))
    return found


def _returned(plan: Plan) -> Any:
    declared = plan.route.options.response_model
    returned = return_annotation(plan.route.endpoint)
    return returned if declared is FROM_ANNOTATION or declared is None else declared


def _unmodelled(plan: Plan, schemas: Schemas) -> Schema:
    """The answer by what the endpoint is annotated to return, where that is no model."""
    bare, _ = split_annotated(_returned(plan))
    members = [member for member in union_members(bare) or (bare,) if member not in (None, type(None))]
    content: Schema = {}
    for member in members:
        content.update(_content_of_type(plan, schemas, member))
    return {"content": content} if content else {}


def _content_of_type(plan: Plan, schemas: Schemas, annotation: Any) -> Schema:
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type):
        if issubclass(kind, Response):
            return dict(_of_class(kind).get("content", {}))
        if kind is str:
            return {"text/plain": {"schema": {"type": "string"}}}
        if issubclass(kind, (bytes, bytearray, memoryview)):
            return {BYTES_TYPE: {}}
        if kind is not object and issubclass(kind, (AsyncIterable, Iterator)):
            return dict(_of_class(StreamingResponse)["content"])
    schema = schemas.of(annotation, "output") if get_args(annotation) or annotation in (dict, list) else {}
    return content_of(plan.route.formats, schema)


def _of_class(cls: type[Response]) -> Schema:
    """The media type of a Response class, without its charset; one that has none may be anything."""
    if cls.media_type is None:
        return {} if issubclass(cls, RedirectResponse) else {"content": {"*/*": {}}}
    kind = cls.media_type.partition(";")[0].strip()
    is_text = kind.startswith("text/") and not issubclass(cls, StreamingResponse)
    return {"content": {kind: {"schema": {"type": "string"}} if is_text else {}}}
