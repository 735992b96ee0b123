"""Answers in the content coding that a client likes best. Decides who gets which, and of what; knows no library and no server.

An answer that repeats what a client sent beside a secret, in one compressed body, tells that secret to who can choose the one and see
the other's size (BREACH). `Cache-Control: no-transform` on such an answer leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from velocipy.codings.base import Coding, find_codings
from velocipy.encoded import Encoded, encode, replaced, weaken
from velocipy.exceptions import ConfigurationError
from velocipy.http.fields import check_name
from velocipy.http.gate import BODYLESS
from velocipy.http.headers import ResponseHeaders
from velocipy.http.negotiation import MAX_KEPT, preferred_codings, refuses_identity
from velocipy.http.response import Response
from velocipy.middleware.base import Middleware
from velocipy.protocols import RequestHeaders

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource

MINIMUM_SIZE: Final = 500
"""Bytes: a smaller answer fits into the packet of its headers anyway."""

MAX_FILE: Final = 32 * 1024 * 1024
"""Bytes of a file that is compressed for each who asks. A longer one keeps its ranges, so that a broken download can go on."""

TYPES: Final = (
    *("text/*", "*/*+json", "*/*+xml"),
    *("application/javascript", "application/json", "application/rtf", "application/wasm"),
    *("application/x-javascript", "application/x-ndjson", "application/xml", "application/yaml"),
    *("application/vnd.ms-fontobject", "font/otf", "font/ttf", "image/bmp", "image/vnd.microsoft.icon"),
)
"""Media types that shrink. Events (text/event-stream) count as one only where they are named."""

EVENTS: Final = "text/event-stream"

_LEFT: Final = BODYLESS | {206}
"""Statuses of answers that are left as they are."""

_LEAVE: Final = frozenset({"content-encoding", "content-digest", "content-md5", "digest", "repr-digest"})
"""Fields of such answers: they are encoded already, or are true of the very bytes (RFC 9530)."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a client gets: a coding, from how many bytes on, and whether content as it is will not do."""

    coding: Coding
    least: int
    must: bool = False


class CompressionMiddleware(Middleware):
    """Compresses answers: `CompressionMiddleware()`, in zstd, brotli or gzip, by what `Accept-Encoding` says (RFC 9110 section 12.5.3).

    `codings` are those to use, best first: all of the three whose library is installed, unless told otherwise; `levels` their levels
    by name. Bodies of at least `minimum_size` bytes, of one of `types` ("text/html", "text/*", "*/*+json"), are compressed, long ones
    in a thread. So are streams, chunk by chunk as they come, and whole files; a `text/event-stream` only if `types` names it. An answer
    that has a Content-Encoding, a part (206), one with a digest or with `Cache-Control: no-transform` is left alone.

    Every answer has `Vary: Accept-Encoding`; the ETag of a compressed one is weak. Raises ConfigurationError for what makes no sense,
    MissingAdapterError for a coding that is named and not installed.
    """

    response_headers: HeaderSource = (("vary", "Accept-Encoding"),)

    def __init__(
        self,
        *,
        minimum_size: int = MINIMUM_SIZE,
        codings: Iterable[str] | None = None,
        levels: Mapping[str, int] | None = None,
        types: Iterable[str] | None = None,
    ) -> None:
        if type(minimum_size) is not int or minimum_size < 0:
            raise ConfigurationError(f"minimum_size is a number of bytes of at least 0, not {minimum_size!r}")
        self._codings = {coding.name: coding for coding in find_codings(codings, levels)}
        self._offers = tuple(self._codings)
        self._least = max(minimum_size, 1)
        self.finishes_from: int = self._least
        self._shrinks = _matcher(TYPES if types is None else types)
        self._known = lru_cache(maxsize=256)(self._choice)

    def finishes(self, size: int, headers: RequestHeaders) -> bool:
        """Whether a body of that size is compressed for this client, if its type shrinks."""
        return self._choose(headers) is not None

    def _choose(self, headers: RequestHeaders) -> _Choice | None:
        """What this client gets; None for content as it is."""
        lines = headers.get_all("accept-encoding")
        accepted = lines[0] if len(lines) == 1 else ", ".join(lines)
        return self._known(accepted) if len(accepted) <= MAX_KEPT else self._choice(accepted)

    def _choice(self, accepted: str) -> _Choice | None:
        liked = preferred_codings(accepted, self._offers)
        return _Choice(self._codings[liked[0]], self._least, refuses_identity(accepted)) if liked else None

    async def finish(self, response: Response, headers: RequestHeaders) -> Response:
        """The response compressed, or as it is."""
        choice = self._choose(headers)
        if choice is None:
            return response
        if response.status_code == 304:
            # Of whatever the 200 was: a weak ETag fits both (RFC 9111 section 4.3.4).
            response = response.fresh()
            weaken(response.headers)
            return response
        if not self._is_fit(choice, response):
            return response
        if type(response).send is not Response.send:
            return Encoded(response, choice.coding) if _is_fit_stream(choice, response.headers) else response
        return await _compressed(choice, response)

    def _is_fit(self, choice: _Choice, response: Response) -> bool:
        """Whether an answer may be changed, and is likely to shrink."""
        headers = response.headers
        own = dict(headers.items())
        if response.status_code in _LEFT or not _LEAVE.isdisjoint(own):
            return False
        if "cache-control" in own and _forbids(headers):
            return False
        kind = own.get("content-type", "")
        return self._shrinks(kind) or (choice.must and not kind.startswith(EVENTS))


class GZipMiddleware(CompressionMiddleware):
    """Compresses answers in gzip alone, at a level from 1 to 9."""

    def __init__(self, minimum_size: int = MINIMUM_SIZE, *, level: int = 5) -> None:
        super().__init__(minimum_size=minimum_size, codings=("gzip",), levels={"gzip": level})


async def _compressed(choice: _Choice, response: Response) -> Response:
    """A response whose body is there, compressed; itself where that makes it no shorter."""
    body = response.body
    if len(body) < choice.least:
        return response
    encoded = await encode(choice.coding, body)
    if len(encoded) >= len(body) and not choice.must:
        return response
    return replaced(response, encoded, choice.coding)


def _is_fit_stream(choice: _Choice, headers: ResponseHeaders) -> bool:
    """Whether a stream or file is of a fitting length, as far as it is known."""
    declared = headers.get("content-length")
    if declared is None:
        return True
    has_ranges = headers.get("accept-ranges") == "bytes"
    return choice.least <= int(declared) and not (has_ranges and int(declared) > MAX_FILE)


def _forbids(headers: ResponseHeaders) -> bool:
    """Whether an answer says `Cache-Control: no-transform` (RFC 9111 section 5.2.2.6)."""
    return any(
        directive.strip().lower() == "no-transform"
        for line in headers.get_all("cache-control")
        for directive in line.split(",")
    )


def _matcher(types: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether a Content-Type is one of `types`."""
    if isinstance(types, str):
        raise ConfigurationError(f"types are a list: write [{types!r}]")
    exact, starts, ends = set[str](), list[str](), list[str]()
    for pattern in types:
        kind, slash, name = pattern.partition("/") if isinstance(pattern, str) else ("", "", "")
        if not slash or not _is_pattern(kind, name):
            raise ConfigurationError(
                f"{pattern!r} in types is no media type: write such as 'text/html', 'text/*' or '*/*+json'"
            )
        if kind == "*":
            ends.append(name[1:].lower())
        elif name == "*":
            starts.append(f"{kind.lower()}/")
        else:
            exact.add(pattern.lower())
    if not exact and not starts and not ends:
        raise ConfigurationError("no types are compressed: leave the middleware out, or types")

    @lru_cache(maxsize=256)
    def matches(content_type: str) -> bool:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type == EVENTS:
            return EVENTS in exact
        return media_type in exact or media_type.startswith(tuple(starts)) or media_type.endswith(tuple(ends))

    return matches


def _is_pattern(kind: str, name: str) -> bool:
    if kind == "*":
        kind, name = "any", name.removeprefix("*+") if name.startswith("*+") else ""
    try:
        return bool(check_name(kind) and (name == "*" or check_name(name)) and "*" not in kind)
    except ValueError:
        return False
