"""What answers to errors hold, as models like any other. Knows wordings and exceptions; knows no routes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Literal, NotRequired, TypedDict

from velocipy.exceptions import HTTPException, ValidationError
from velocipy.handlers.markers import Error
from velocipy.http.wording import Problems, Wording


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


class ProblemDetails(TypedDict):
    """Why a request was not served (RFC 9457): the kind of problem, and what is to say of this one. There may be more members."""

    type: str
    title: str
    status: int
    detail: str
    instance: NotRequired[str]


class ValidationProblem(ProblemDetails):
    """Everything that is wrong with a request, one entry of `errors` for each mistake."""

    errors: list[ValidationErrorItem]


def status_of(error: Error) -> int:
    """The status of an error as `raises` takes it."""
    status = error if isinstance(error, int) else error.problem_status
    assert status is not None  # `raises` takes no other
    return status


def model_of(error: Error, wording: Wording) -> Any:
    """The model of what an app that words its errors so answers to one."""
    is_validation = status_of(error) == 422 and (isinstance(error, int) or error is ValidationError)
    if not isinstance(wording, Problems):
        return HTTPValidationError if status_of(error) == 422 else HTTPError
    if is_validation:
        return ValidationProblem
    return ProblemDetails if isinstance(error, int) else _problem(error)  # type: ignore[arg-type]  # a class is hashable


_BLANK: Final = HTTPException.problem_type


@lru_cache(maxsize=1_024)
def _problem(error: type[HTTPException]) -> Any:
    """The model of a class: the five members, of which type and status are known, and its own."""
    if error.problem_type == _BLANK and not error.problem_fields:
        return ProblemDetails
    kind = str if error.problem_type == _BLANK else Literal[error.problem_type]  # ty: ignore[invalid-type-form]
    fields: dict[str, Any] = {
        "type": kind,
        "title": str,
        "status": Literal[status_of(error)],  # ty: ignore[invalid-type-form]
        "detail": str,
        "instance": NotRequired[str],
        **error.problem_fields,
    }
    model: Any = TypedDict(error.__name__, fields)  # type: ignore[misc]  # the fields are known when it runs  # ty: ignore[invalid-argument-type]
    model.__module__, model.__qualname__ = error.__module__, error.__qualname__
    model.__doc__ = error.__doc__
    return model
