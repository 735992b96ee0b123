"""What answers to errors hold, as models like any other. Knows no routes."""

from __future__ import annotations

from typing import Any, TypedDict


class HTTPError(TypedDict):
    """Why a request was not served; `detail` is text, unless the service says otherwise."""

    detail: Any


class ValidationErrorItem(TypedDict):
    """One mistake: `loc` is its source and the names and indexes below it, `msg` is for people and `type` for programs."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationError(TypedDict):
    """Everything that is wrong with a request, one entry for each mistake."""

    detail: list[ValidationErrorItem]
