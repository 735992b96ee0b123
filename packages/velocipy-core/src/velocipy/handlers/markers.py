"""What users write in signatures to say where a value comes from. Knows sources and constraints; reads nothing itself.

The public names are functions, so that `page: int = Query(1)` and `db: Session = Depends(open_db)` are right for type checkers
too; what they return are the records below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict, TypeVar, Unpack, overload

from velocipy.constraints import NO_LIMITS, Constraints
from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.messages import check_keywords, did_you_mean
from velocipy.places import caller_location

T = TypeVar("T")
Scope = Literal["function", "request", "app"]
Style = Literal["form", "spaceDelimited", "pipeDelimited", "deepObject"]
Source = Literal["path", "query", "header", "cookie", "form", "file", "body"]

SCOPES: Final = ("function", "request", "app")
SEPARATORS: Final[dict[str, str]] = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
"""OpenAPI's styles of a list in one query parameter -> what stands between its items."""


class _Missing:
    """The one value of MISSING."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""No default: the parameter is required. `...` in a marker means the same."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a parameter comes from, under which name, what it may be, and what the documentation says of it."""

    source: Source
    default: Any = MISSING
    alias: str | None = None
    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False
    include_in_schema: bool = True
    constraints: Constraints = NO_LIMITS
    style: Style = "form"
    explode: bool = True
    forbid: bool = False
    embed: bool = False
    media_type: str | None = None
    joined: bool = False
    """Of a header that is no list: whether all of its lines count, as one."""

    @property
    def separator(self) -> str | None:
        """What stands between the items of a list that is one parameter; None where each item is a parameter."""
        return None if self.explode or self.style == "deepObject" else SEPARATORS[self.style]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A call whose result is the parameter."""

    call: Callable[..., Any]
    use_cache: bool = True
    scope: Scope | None = None
    scopes: tuple[str, ...] | None = None
    """OAuth2 scopes that are asked for; with any, or none of them, it is a guard. None: a dependency like others."""


def the_annotation() -> Any:
    """What `Depends()` calls, until the signature in which it stands is read and tells."""
    raise ConfigurationError(
        "Depends() without a function stands in a signature only, where the annotation is called: write Depends(open_db)"
    )


class Documented(TypedDict, total=False):
    """Keywords of every marker: the name on the wire, and what the documentation says."""

    alias: str | None
    title: str | None
    description: str | None
    examples: Sequence[Any]
    deprecated: bool
    include_in_schema: bool


class Bounded(Documented, total=False):
    """Keywords of markers for single values and lists: what a value may be, else 422. Lengths count characters, or items."""

    gt: Any
    ge: Any
    lt: Any
    le: Any
    multiple_of: float | None
    min_length: int | None
    max_length: int | None
    pattern: str | None


class QueryKeywords(Bounded, total=False):
    """Keywords of Query."""

    style: Style
    explode: bool
    extra: Literal["ignore", "forbid"]


class HeaderKeywords(Bounded, total=False):
    """Keywords of Header."""

    joined: bool


class FormKeywords(Bounded, total=False):
    """Keywords of Form."""

    extra: Literal["ignore", "forbid"]


class BodyKeywords(Bounded, total=False):
    """Keywords of Body."""

    embed: bool


def Path(default: Any = MISSING, **keywords: Unpack[Bounded]) -> Any:
    """The parameter is a hole of the path, `/items/{id}`; `alias` is the hole's name where it is not the parameter's."""
    return _marker("path", default, keywords, Bounded)


def Query(default: Any = MISSING, **keywords: Unpack[QueryKeywords]) -> Any:
    """The parameter comes from the query, as default or in Annotated; a model is read field by field.

    Of a name that comes twice the last value counts, and a list, set or tuple takes all. With `explode=False` a list is one
    parameter, `tags=a,b`, split at what `style` says (`form`: comma, `spaceDelimited`, `pipeDelimited`); with
    `style="deepObject"` a model is `filter[name]=x`. `extra="forbid"` refuses every query parameter that the route does not read.
    """
    return _marker("query", default, keywords, QueryKeywords)


def Header(default: Any = MISSING, **keywords: Unpack[HeaderKeywords]) -> Any:
    """The parameter is a request header: `x_request_id` reads `x-request-id`, an `alias` is taken as it is.

    Of several lines of that name the first counts; `joined=True` makes one text of them, with commas between (RFC 9110 section 5.2).
    A list takes every line and every item between commas (section 5.3).
    """
    return _marker("header", default, keywords, HeaderKeywords)


def Cookie(default: Any = MISSING, **keywords: Unpack[Bounded]) -> Any:
    """The parameter is a cookie; of two with one name the first counts (RFC 6265 section 5.4)."""
    return _marker("cookie", default, keywords, Bounded)


def Form(default: Any = MISSING, **keywords: Unpack[FormKeywords]) -> Any:
    """The parameter is a field of a form, urlencoded or multipart; a model is read field by field."""
    return _marker("form", default, keywords, FormKeywords)


def File(default: Any = MISSING, **keywords: Unpack[Documented]) -> Any:
    """The parameter is a file of a multipart form: an UploadFile, or a list of them."""
    return _marker("file", default, keywords, Documented)


def Body(default: Any = MISSING, **keywords: Unpack[BodyKeywords]) -> Any:
    """The parameter is the JSON body; of several, or with `embed=True`, each is a key of one object."""
    return _marker("body", default, keywords, BodyKeywords)


MARKER_FUNCTIONS: Final = (Path, Query, Header, Cookie, Form, File, Body)

_BOUNDS: Final = frozenset(Bounded.__annotations__) - frozenset(Documented.__annotations__)
_PLAIN: Final = frozenset(
    {"alias", "title", "description", "deprecated", "include_in_schema", "explode", "embed", "joined"}
)


def _marker(source: Source, default: Any, keywords: Any, known: type) -> Marker:
    if keywords:
        check_keywords(f"{source.capitalize()}()", keywords, known.__annotations__)
    options = {name: value for name, value in keywords.items() if name in _PLAIN}
    style = _checked("style", keywords.get("style", "form"), (*SEPARATORS, "deepObject"))
    options.setdefault("explode", style in ("form", "deepObject"))  # OpenAPI 3.1 section 4.8.12.2
    bounds = {name: value for name, value in keywords.items() if name in _BOUNDS}
    return Marker(
        source,
        MISSING if default is ... else default,
        constraints=_bounds(source, bounds) if bounds else NO_LIMITS,
        examples=tuple(keywords.get("examples") or ()),
        style=style,
        forbid=_checked("extra", keywords.get("extra", "ignore"), ("ignore", "forbid")) == "forbid",
        **options,
    )


def _bounds(source: Source, bounds: dict[str, Any]) -> Constraints:
    try:
        return Constraints(**bounds)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{source.capitalize()}() ({caller_location()}): {exc.message}") from None


def _checked(name: str, value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ConfigurationError(
            f"{name} ({caller_location()}) is one of {', '.join(map(repr, allowed))}, not {value!r}{did_you_mean(str(value), allowed)}"
        )
    return value


@overload
def Depends(
    dependency: Callable[..., AbstractAsyncContextManager[T]],
    *,
    use_cache: bool = ...,
    scope: Scope | None = ...,
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., AbstractContextManager[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., AsyncIterator[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., Iterator[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., Awaitable[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(dependency: Callable[..., T], *, use_cache: bool = ..., scope: Scope | None = ...) -> T: ...
@overload
def Depends(*, use_cache: bool = ..., scope: Scope | None = ...) -> Any: ...
def Depends(dependency: Any = the_annotation, *, use_cache: bool = True, scope: Scope | None = None) -> Any:
    """The parameter is what `dependency` returns, yields or enters; typed as that.

    Without one the annotation, a class, is called: `page: Annotated[Page, Depends()]`. It is called once a request however many
    ask for it, unless `use_cache=False`. What it yields is torn down before a buffered answer is sent and after the last byte of
    a stream; `scope="request"` tears down after sending always, `"function"` before. With `scope="app"` it is called once, when
    the app starts, and torn down when the app stops.
    """
    if not callable(dependency):
        raise ConfigurationError(
            f"Depends ({caller_location()}) needs a function or class, not {dependency!r}: write Depends(open_db)"
        )
    if scope is not None and scope not in SCOPES:
        raise ConfigurationError(
            f"the scope of a dependency ({caller_location()}) is one of {', '.join(map(repr, SCOPES))}, not {scope!r}"
        )
    return Dependency(dependency, use_cache, scope)


Error = int | type[HTTPException]
"""An error as `raises` takes it: a status, or a class that has one."""


def guard(function: T) -> T:
    """Mark a dependency as a guard: it runs, and may refuse, before anything else of the request is read or checked."""
    function.__velocipy_guard__ = True  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
    return function


def raises(*errors: Error) -> Callable[[T], T]:
    """Say which errors a dependency or endpoint answers, for the documentation: `@raises(404, OutOfStock)`.

    A class is an HTTPException with a `problem_status`; with problem details its type and members are documented too.
    Raises ConfigurationError for what is neither that nor a status from 400 to 599.
    """
    for error in errors:
        status = getattr(error, "problem_status", None) if isinstance(error, type) else error
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ConfigurationError(
                f"raises ({caller_location()}) takes statuses from 400 to 599 and exceptions with a problem_status, not {error!r}"
            )

    def declare(function: T) -> T:
        function.__velocipy_raises__ = errors  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
        return function

    return declare


def raised_by(function: object) -> tuple[Error, ...]:
    """The errors that `raises` declared for this callable, or for its class."""
    return tuple(getattr(function, "__velocipy_raises__", ()))


def is_guard(function: object) -> bool:
    """Whether `guard` marked this callable, or its class."""
    return bool(getattr(function, "__velocipy_guard__", False))
