"""What each item of a stream is, in OpenAPI 3.2's words. Knows media types and what routes declare; knows no documents."""

from __future__ import annotations

from typing import Final

from velocipy.handlers.plan import Plan
from velocipy.openapi.channels import EVENT_STREAM
from velocipy.openapi.naming import Schema
from velocipy.openapi.schemas import Schemas

SEQUENTIAL: Final = frozenset({EVENT_STREAM, "application/x-ndjson", "application/jsonl"})
"""Media types of answers that are one item after another (OpenAPI 3.2 section 4.14.3.1)."""


def item_schema(plan: Plan, kind: str, schemas: Schemas) -> Schema | None:
    """The schema of one item of a stream of this media type, the `itemSchema`; None where nothing is known of it.

    An event is what its fields are after parsing (section 4.14.4); its data is text, which may be JSON.
    """
    sends = plan.route.options.sends
    if kind != EVENT_STREAM:
        return None if sends is None else schemas.of(sends, "output")
    data: Schema = {"type": "string"}
    if sends not in (None, str):
        data |= {"contentMediaType": "application/json", "contentSchema": schemas.of(sends, "output")}
    fields: Schema = {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer", "minimum": 0},
        "data": data,
    }
    return {"type": "object", "properties": fields}
