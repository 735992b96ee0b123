"""What a page says, before it is HTML, text or JSON: an exception or a path that leads nowhere, and the request. Knows no markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from velocipy.debugging.frames import Raised, chain_of, secrets_in, whole_traceback
from velocipy.debugging.masking import MASK, Masker, is_secret
from velocipy.http.cookies import parse_cookies
from velocipy.http.request import cookie_text
from velocipy.http.url import quote_path
from velocipy.routing.route import shown

if TYPE_CHECKING:
    from velocipy.http.request import Request

Rows = tuple[tuple[str, str], ...]

MAX_FIELDS: Final = 100
"""Headers that are shown."""

MAX_URL: Final = 2_000

MIN_COOKIE: Final = 12
"""Characters of a cookie's value that may be a secret; `dark` and `en-GB` are words of the page."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of names and values."""

    title: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Report:
    """`status` and `title` are the answer's; `hint` is one sentence more; `waits` is for a page that asks again by itself."""

    status: int
    title: str
    hint: str = ""
    raised: tuple[Raised, ...] = ()
    sections: tuple[Section, ...] = ()
    traceback: str = ""
    waits: bool = False


def of_exception(request: Request, exc: BaseException) -> Report:
    """What nobody handled, and the request that it happened to."""
    masker = Masker([*secrets_of(request), *secrets_in(exc)])
    return Report(
        500,
        "Internal Server Error",
        raised=chain_of(exc, masker),
        sections=tuple(sections_of(request, masker)),
        traceback=whole_traceback(exc, masker),
    )


def of_loading(problem: str, exc: BaseException | None) -> Report:
    """An app that cannot be loaded: what was said of it, and the exception behind that, if there is one."""
    masker = Masker(() if exc is None else secrets_in(exc))
    return Report(
        500,
        "The app cannot be loaded",
        hint=masker.text(problem),
        raised=() if exc is None else chain_of(exc, masker),
        traceback="" if exc is None else whole_traceback(exc, masker),
        waits=True,
    )


def of_nowhere(request: Request, closest: Rows, reasons: Iterable[str], routes: Rows, more: int) -> Report:
    """A path that no route takes; `routes` are all there are, or the first of them and `more` beside."""
    masker = Masker(secrets_of(request))
    rest = ((("...", f"{more} more: velocipy routes"),) if more else ()) if routes else ()
    return Report(
        404,
        "Not Found",
        hint="\n".join([f"No route takes {masker.value(request.path)}.", *reasons]),
        sections=(
            *([Section("Did you mean", closest)] if closest else []),
            *([Section("Routes", routes + rest)] if routes else []),
            *sections_of(request, masker),
        ),
    )


def sections_of(request: Request, masker: Masker) -> Iterator[Section]:
    """The request: what was asked for, where it led, and its headers, secrets masked."""
    route = request.route
    rows = [("Request", f"{request.method} {url_of(request, masker)}")]
    if not route.leads_nowhere:
        rows.append(("Route", f"{route.title} -> {shown(route.endpoint)}"))
    rows += [(f"Path {name}", masker.named(name, value)) for name, value in request.path_params.items()]
    request_id = request.state.get("request_id")
    if request_id:
        rows.append(("Request id", masker.value(request_id)))
    yield Section("Request", tuple(rows))
    headers = [
        (name, MASK if is_secret(name) else masker.text(value)) for name, value in request.headers.items()
    ]
    if headers:
        yield Section("Headers", tuple(headers[:MAX_FIELDS]))


def url_of(request: Request, masker: Masker) -> str:
    """Path and query as they were asked for, without the values of secret parameters."""
    query = "&".join(_parameter(part) for part in request.query_string.split("&"))
    return masker.text(quote_path(request.root_path + request.path) + (f"?{query}" if query else ""))[
        :MAX_URL
    ]


def secrets_of(request: Request) -> Iterator[str]:
    """Texts of the request that are secret: cookies, keys and tokens in headers, path and query, with their parts."""
    for name, value in request.headers.items():
        if is_secret(name):
            yield value
            yield from value.split()[1:]  # not the scheme's name, Bearer
    cookies = parse_cookies(cookie_text(request.connection.headers)).values()
    yield from (value for value in cookies if len(value) >= MIN_COOKIE)
    for part in request.query_string.split("&"):
        name, _, value = part.partition("=")
        if is_secret(name):
            yield value
            yield unquote_plus(value)
    yield from (str(value) for name, value in request.path_params.items() if is_secret(name))


def _parameter(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={MASK}" if equals and is_secret(name) else part
