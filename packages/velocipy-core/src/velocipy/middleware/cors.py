"""Which web pages of other origins may read answers, and what they may ask for (WHATWG Fetch, section 3.2: the CORS protocol).

Knows origins, methods and header names. Browsers keep to what it says, and nobody else does: it protects users from other sites and is no
authentication.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Final

from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.handlers.hooks import the_token
from velocipy.handlers.markers import Header
from velocipy.http.fields import check_name
from velocipy.http.response import Response
from velocipy.middleware.base import Middleware
from velocipy.origins import NULL, OTHER_ORIGIN, check_listed
from velocipy.protocols import RequestHeaders, RequestMethod
from velocipy.routing.route import ANY, AllowedMethods, Route

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource

ANYONE: Final = "*"

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
"""What pages may ask for unless told otherwise, as far as the path serves it."""

SAFE_HEADERS: Final = ("accept", "accept-language", "content-language", "content-type")
"""What pages may send whatever `allow_headers` says: most of it needs no leave (Fetch section 2.2.2), and JSON has a Content-Type."""

MAX_ORIGIN: Final = 300
"""Characters of an Origin: a scheme, a host of 255 with its port. Longer ones are nobody's, and no regular expression sees them."""

MAX_KNOWN: Final = 256
"""Origins that were found allowed and are remembered with the lines of their answers."""

MAX_HEADERS: Final = 4_096
"""Characters of what a preflight lists; browsers send names in use, some hundred characters."""

MAX_AGE: Final = 86_400
"""Seconds: no browser keeps an answer to a preflight for longer."""

VARY: Final = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

ALLOW_ORIGIN: Final = "access-control-allow-origin"
ALLOW_CREDENTIALS: Final = "access-control-allow-credentials"
EXPOSE: Final = "access-control-expose-headers"

Lines = tuple[tuple[str, str], ...]

_Origin = Annotated[str | None, Header(alias="origin", joined=True, include_in_schema=False)]

_PREFLIGHTED: Final = frozenset({"OPTIONS", ANY})
"""Methods of routes that a preflight may reach, beside our own that answer for a path."""

_STRANGER: Final = "https://velocipy.invalid"
"""An origin that nobody means (RFC 2606): a pattern that takes it takes everybody."""


class CORSMiddleware(Middleware):
    """Lets pages of other origins read answers: `CORSMiddleware(allow_origins=["https://app.example"])`.

    `allow_origins` are exact; `allow_origin_regex` must match all of an origin; `["*"]`, which is also what counts where neither is
    given, is every page. `allow_methods` and `allow_headers` (names, or `["*"]`) are what a page may ask for; of the methods only those
    that the path serves. `allow_credentials` lets it send cookies. `expose_headers` are those of an answer that it may read beside the
    usual ones. A preflight holds for `max_age` seconds. `allow_private_network` lets pages of the public internet reach a private
    address.

    Preflights are answered here, before guards; one that is refused is a 403 that says why. On a single route or router it counts for
    their methods alone, and in place of one further out. Raises ConfigurationError for what browsers would ignore, and for what would let
    every page act with its visitor's cookies.
    """

    def __init__(
        self,
        allow_origins: Iterable[str] | None = None,
        allow_methods: Iterable[str] = METHODS,
        allow_headers: Iterable[str] = (ANYONE,),
        allow_credentials: bool = False,
        expose_headers: Iterable[str] = (),
        max_age: int | None = 600,
        *,
        allow_origin_regex: str | re.Pattern[str] | None = None,
        allow_private_network: bool = False,
    ) -> None:
        methods = _check_list("allow_methods", allow_methods)
        headers = _names("allow_headers", allow_headers)
        exposed = _names("expose_headers", expose_headers)
        self._anyone, find = _origins(allow_origins, allow_origin_regex, allow_credentials)
        self._methods = None if ANYONE in methods else tuple(_check_method(method) for method in methods)
        self._headers = None if ANYONE in headers else frozenset((*SAFE_HEADERS, *headers))
        self._private = allow_private_network
        self._max_age = _check_age(max_age)
        if allow_credentials and ANYONE in exposed:
            raise ConfigurationError(
                'expose_headers of CORSMiddleware: "*" is no wildcard to browsers where allow_credentials is on: name the headers'
            )
        lines: Lines = ((ALLOW_CREDENTIALS, "true"),) if allow_credentials else ()
        if exposed:
            lines = (*lines, (EXPOSE, ", ".join(exposed)))
        self._grant = _grants(find, lines)
        if self._anyone:
            self.response_headers: HeaderSource = ((ALLOW_ORIGIN, ANYONE), *lines)
        else:
            self.response_headers = (("vary", "Origin"),)
            self.header_names: tuple[str, ...] = (ALLOW_ORIGIN, *(name for name, _ in lines))
            self.headers: Callable[[Lines], Lines] = the_token
        self._without_preflights = AllowedOrigins(
            self.response_headers, self.header_names, None if self._anyone else self._grant
        )

    def for_route(self, route: Route) -> Middleware:
        """The same, or where no preflight can come, what is left of it."""
        is_asked = route.is_ours or not _PREFLIGHTED.isdisjoint(route.methods)
        return self if is_asked else self._without_preflights

    def before(
        self, headers: RequestHeaders, method: RequestMethod, route: Route, allowed: AllowedMethods
    ) -> Lines | Response:
        """The lines of an answer to this origin; the answer itself to a preflight. Raises HTTPException(403) for one that is refused."""
        origins = headers.get_all("origin")
        if not origins:
            return ()
        if method == "OPTIONS":
            asked = headers.get("access-control-request-method")
            if asked is not None:
                # A route that was declared for OPTIONS does not know what others of its path serve. Where nothing is served, the page
                # is let through to its 404: of a preflight that is one it would learn nothing.
                return self.answer(headers, asked, (allowed or ANYONE) if route.is_ours else ANYONE)
        if self._anyone:
            return ()
        return self._grant(origins[0]) if len(origins) == 1 else ()

    def for_preflight(self, methods: Iterable[str]) -> Preflight:
        """A hook for OPTIONS that answers preflights for these methods, those of a route, and leaves all others alone."""
        return Preflight(self, frozenset(methods))

    def answer(self, headers: RequestHeaders, asked: str, allowed: str) -> Response:
        """The answer to a preflight that asks for a method where `allowed` are served: "GET, HEAD", or "*" for any.

        Raises HTTPException(403).
        """
        origins = headers.get_all("origin")
        lines = self._grant(origins[0]) if len(origins) == 1 else ()
        if not lines:
            raise _refusal("the origin is not allowed")
        methods = self._allowed_methods(asked, allowed)
        names = self._allowed_headers(headers)
        found = {name: value for name, value in lines if name != EXPOSE}
        found["access-control-allow-methods"] = methods
        if names:
            found["access-control-allow-headers"] = names
        if headers.get("access-control-request-private-network") == "true":
            if not self._private:
                raise _refusal("access from another network is not allowed")
            found["access-control-allow-private-network"] = "true"
        if self._max_age is not None:
            found["access-control-max-age"] = str(self._max_age)
        found["vary"] = VARY
        return Response(None, 204, found)

    def _allowed_methods(self, asked: str, allowed: str) -> str:
        """All methods that this page may use here, so that it need not ask again for the next."""
        served = None if allowed == ANYONE else allowed.split(", ")
        if self._methods is not None and asked not in self._methods:
            raise _refusal("the method is not allowed")
        if served is not None and asked not in served:
            raise _refusal("the method is not served here")
        if served is not None:
            return ", ".join(name for name in served if self._methods is None or name in self._methods)
        return _check_asked(asked) if self._methods is None else ", ".join(self._methods)

    def _allowed_headers(self, headers: RequestHeaders) -> str:
        """The names that are asked for, all of which are allowed; never more of them than a page told us."""
        text = ",".join(headers.get_all("access-control-request-headers"))
        if len(text) > MAX_HEADERS:
            raise _refusal("too many headers")
        names = dict.fromkeys(name.strip(" \t").lower() for name in text.split(",") if name.strip(" \t"))
        if self._headers is not None and not self._headers.issuperset(names):
            raise _refusal("a header is not allowed")
        return ", ".join(_check_asked(name) for name in names)


class AllowedOrigins(Middleware):
    """What a policy does where no preflight can come: the lines of an answer to this origin, or the same lines for everybody."""

    def __init__(
        self, constants: HeaderSource, names: tuple[str, ...], grant: Callable[[str | None], Lines] | None
    ) -> None:
        self.response_headers: HeaderSource = constants
        if grant is not None:
            self.header_names: tuple[str, ...] = names
            self.before: Callable[[str | None], Lines] = grant
            self.headers: Callable[[Lines], Lines] = the_token


class Preflight:
    """A hook on OPTIONS of a path, for those of its methods whose route has a policy of its own."""

    def __init__(self, policy: CORSMiddleware, methods: frozenset[str]) -> None:
        self._policy = policy
        self._methods = methods

    def before(self, headers: RequestHeaders) -> Response | None:
        """The answer to a preflight for one of the methods."""
        asked = headers.get("access-control-request-method")
        if asked is None or not headers.get_all("origin"):
            return None
        if asked not in self._methods and ANY not in self._methods:
            return None
        served = ANYONE if ANY in self._methods else ", ".join(sorted(self._methods))
        return self._policy.answer(headers, asked, served)


def _grants(find: Callable[[str], str | None], lines: Lines) -> Callable[[str | None], Lines]:
    """A hook from the Origin header to the lines of its answers: none where it is not allowed. Two lines of it are no origin."""
    known: dict[str | None, Lines] = {}

    def grant(origin: _Origin = None) -> Lines:
        granted = known.get(origin)
        if granted is not None:
            return granted
        found = None if origin is None else find(origin)
        if found is None:
            return ()
        if len(known) >= MAX_KNOWN:
            known.clear()
        granted = known[origin] = ((ALLOW_ORIGIN, found), *lines)
        return granted

    return grant


def _refusal(why: str) -> HTTPException:
    return HTTPException(403, f"CORS: {why}", {"vary": VARY})


def _origins(
    listed: Iterable[str] | None, regex: str | re.Pattern[str] | None, credentials: bool
) -> tuple[bool, Callable[[str], str | None]]:
    """(whether every origin is allowed, a function from an Origin header to what is answered: itself, "*", or None)."""
    anyone = regex is None and listed is None
    entries = (ANYONE,) if anyone else () if listed is None else _check_list("allow_origins", listed)
    if ANYONE in entries:
        if len(entries) > 1 or regex is not None:
            raise ConfigurationError(
                'allow_origins of CORSMiddleware: "*" is every origin: leave out the others'
            )
        if credentials:
            raise ConfigurationError(
                "allow_credentials of CORSMiddleware with every origin would let any page act as its visitor: name the origins in "
                "allow_origins"
            )
        return True, lambda origin: ANYONE
    exact = frozenset(_check_origin(entry, credentials) for entry in entries)
    if regex is None:
        return False, lambda origin: origin if origin in exact else None
    matches = _check_regex(regex, credentials).fullmatch

    def find(origin: str) -> str | None:
        if origin in exact:
            return origin
        fits = len(origin) <= MAX_ORIGIN and OTHER_ORIGIN.fullmatch(origin)
        return origin if fits and matches(origin) else None

    return False, find


def _check_list(setting: str, entries: Iterable[str]) -> tuple[str, ...]:
    if isinstance(entries, str):
        raise ConfigurationError(f"{setting} of CORSMiddleware is a list: write [{entries!r}]")
    found = tuple(entries)
    if not found:
        raise ConfigurationError(
            f"{setting} of CORSMiddleware is empty, which allows nothing: name some, or leave it out"
        )
    return found


def _check_origin(entry: str, credentials: bool) -> str:
    if entry == NULL:
        if credentials:
            raise ConfigurationError(
                'allow_origins of CORSMiddleware: any site can send the origin "null", so with allow_credentials it would be every '
                "page: leave one of the two out"
            )
        return entry
    if isinstance(entry, str) and ANYONE in entry:
        raise ConfigurationError(
            f"{entry!r} in allow_origins of CORSMiddleware: entries are exact; for a pattern there is "
            rf"allow_origin_regex, such as r'https://[a-z0-9-]+\.app\.example'"
        )
    return check_listed(entry, "allow_origins of CORSMiddleware")


def _check_regex(regex: str | re.Pattern[str], credentials: bool) -> re.Pattern[str]:
    try:
        pattern = re.compile(regex)
    except (re.error, TypeError) as exc:
        raise ConfigurationError(f"allow_origin_regex of CORSMiddleware cannot be read: {exc}") from None
    at = _loose_dot(pattern.pattern)
    if at is not None:
        raise ConfigurationError(
            f"allow_origin_regex of CORSMiddleware: the dot at index {at} of {pattern.pattern!r} matches any character, so that "
            rf"'app.example' is 'appXexample' too: write \."
        )
    if credentials and pattern.fullmatch(_STRANGER):
        raise ConfigurationError(
            f"allow_origin_regex of CORSMiddleware: {pattern.pattern!r} matches every origin, and with allow_credentials any page "
            f"could act as its visitor: name the host"
        )
    return pattern


def _loose_dot(pattern: str) -> int | None:
    """The index of a dot that stands for one character of any kind, which in an origin nobody means; None without one."""
    in_set = escaped = False
    for at, char in enumerate(pattern):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
        elif char == "." and pattern[at + 1 : at + 2] not in ("*", "+", "?", "{"):
            return at
    return None


def _check_method(method: str) -> str:
    try:
        return check_name(method).upper()
    except ValueError:
        raise ConfigurationError(
            f"{method!r} in allow_methods of CORSMiddleware is no method: write each by itself, such as 'GET'"
        ) from None


def _names(setting: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ConfigurationError(f"{setting} of CORSMiddleware is a list: write [{names!r}]")
    try:
        return tuple(dict.fromkeys(check_name(name) for name in names))
    except ValueError as exc:
        raise ConfigurationError(f"{setting} of CORSMiddleware: {exc}") from None


def _check_asked(name: str) -> str:
    """A name from the request as it may stand in an answer; HTTPException(403) for one that is no token."""
    try:
        check_name(name)
    except ValueError:
        raise _refusal("that is no name") from None
    return name


def _check_age(seconds: int | None) -> int | None:
    if seconds is not None and (type(seconds) is not int or not 0 <= seconds <= MAX_AGE):
        raise ConfigurationError(
            f"max_age of CORSMiddleware is 0 to {MAX_AGE} seconds, which is the most that a browser keeps, or None, not {seconds!r}"
        )
    return seconds
