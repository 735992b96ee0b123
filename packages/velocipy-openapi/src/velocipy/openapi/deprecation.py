"""What answers of a deprecated route say, as OpenAPI's headers. Knows the fields; knows no routes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from velocipy.openapi.naming import Schema
from velocipy.routing.deprecation import Deprecation

_WORDS: Final = {
    "deprecation": "When this was, or will be, deprecated (RFC 9745).",
    "sunset": "When this may stop to answer (RFC 8594).",
    "link": "Pages about the deprecation and the sunset, and what to use instead.",
}


def deprecated_answers(responses: Schema, deprecation: Deprecation) -> Schema:
    """The operation's `responses` with the headers that all of them have, and its `x-sunset`, a date that tools look for."""
    headers: Schema = {}
    for name, value in deprecation.headers:
        schema: Schema = {"type": "string"}
        if name != "link":  # an answer may have links of its own besides
            schema["const"] = value
        headers[name.title()] = {"description": _WORDS[name], "schema": schema}
    said: Schema = {
        "responses": {
            status: {**response, "headers": {**headers, **response.get("headers", {})}}
            for status, response in responses.items()
        }
    }
    sunset = deprecation.sunset
    if sunset is not None:
        day = sunset.astimezone(UTC).date() if isinstance(sunset, datetime) else sunset
        said["x-sunset"] = day.isoformat()
    return said
