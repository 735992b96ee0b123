"""Versions of an API: what they are called, and where a request says which one it wants. Knows paths and fields; runs nothing.

A route is declared with `versions=`, and the app makes one route of it for each. By prefix they differ in their paths, and nothing
is left to decide. By a field they stand at one place, where `velocipy.versioned` chooses among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.formats import JSON, Format
from velocipy.http.negotiation import parse_accept
from velocipy.http.request import Request
from velocipy.messages import did_you_mean
from velocipy.places import caller_location
from velocipy.routing.route import Route
from velocipy.untyped import ITEMS

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_HOLE: Final = "{version}"
_FIELD: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+_-]*\{version\}[a-z0-9.+_-]*\+json")


class APIVersion:
    """Which versions an app has and how one is asked for: `VelociPy(versioning=APIVersion.from_header(allowed=("1", "2")))`.

    Made by `from_prefix`, `from_header` or `from_accept`. Each takes `allowed`, all versions, the oldest first: 1 to 64 ASCII
    letters, digits, "." "_" "-"; and those of a field a `default`, which answers who names none. As a dependency it gives the
    version of the request. Raises ConfigurationError for what no version, field or media type can be.
    """

    __velocipy_raises__: tuple[int, ...] = (406,)

    field: str | None = None
    """The request field, in lower case, that names the version; None where the path does."""

    def __init__(self, allowed: Iterable[str], default: str | None) -> None:
        if isinstance(allowed, str):
            raise ConfigurationError(f"allowed is one str: write allowed=[{allowed!r}] ({caller_location()})")
        self.allowed: tuple[str, ...] = tuple(dict.fromkeys(allowed))
        for version in self.allowed:
            if not isinstance(version, str) or _NAME.fullmatch(version) is None:
                raise ConfigurationError(
                    f"a version is 1 to 64 ASCII letters, digits and '.', '_', '-', not {version!r} ({caller_location()})"
                )
        if not self.allowed:
            raise ConfigurationError(
                f"allowed names no version: write allowed=('1', '2') ({caller_location()})"
            )
        if default is not None:
            self.check(default)
        self.default = default

    @staticmethod
    def from_prefix(prefix: str = "/v{version}", *, allowed: Iterable[str]) -> APIVersion:
        """By the path: a route at "/items" with versions=("1", "2") is served at "/v1/items" and "/v2/items"."""
        return _ByPrefix(prefix, allowed)

    @staticmethod
    def from_header(
        name: str = "X-API-Version", *, allowed: Iterable[str], default: str | None = None
    ) -> APIVersion:
        """By a request field; answers name their version in the same one."""
        return _ByHeader(name, allowed, default)

    @staticmethod
    def from_accept(
        pattern: str = "application/vnd.example.{version}+json",
        *,
        allowed: Iterable[str],
        default: str | None = None,
    ) -> APIVersion:
        """By the media type that Accept likes best; answers in JSON have that type. Who names none gets application/json of `default`."""
        return _ByAccept(pattern, allowed, default)

    def check(self, version: object) -> str:
        """A version of these. Raises ConfigurationError for any other."""
        if version not in self.allowed:
            raise ConfigurationError(
                f"{version!r} is none of the versions {', '.join(self.allowed)}{did_you_mean(str(version), self.allowed) or ': allow it, or name one of them'} ({caller_location()})"
            )
        return str(version)

    def prefix_of(self, version: str) -> str:
        """What stands before the paths of a version, "" where versions share them."""
        return ""

    def formats_of(self, version: str, formats: tuple[Format, ...]) -> tuple[Format, ...] | None:
        """What a version's routes answer in, in place of `formats`; None where it is these."""
        return None

    def answers(self, version: str) -> tuple[tuple[str, str], ...]:
        """Fields of every answer of a version's routes."""
        return ()

    def choose(self, text: str | None) -> str:
        """The version that a request wants; `text` is all of `field`, None where it has none. Raises HTTPException 406."""
        raise self.refused()

    def refused(self) -> HTTPException:
        """The answer to who wants no version that there is."""
        vary = {"vary": self.field} if self.field else None
        return HTTPException(406, f"there are the versions {', '.join(self.allowed)}", vary)

    async def __call__(self, request: Request) -> str:
        """The version of the route that answers; of a route without one, that which the request wants."""
        version: str | None = request.route.options.version
        if version is None:
            texts = request.headers.get_all(self.field or "")
            version = self.choose(", ".join(texts) if texts else None)
        return version


class _ByPrefix(APIVersion):
    def __init__(self, prefix: str, allowed: Iterable[str]) -> None:
        super().__init__(allowed, None)
        if not prefix.startswith("/") or prefix.count(_HOLE) != 1 or "{" in prefix.replace(_HOLE, ""):
            raise ConfigurationError(
                f"a prefix of versions is a path with one {{version}}, as '/v{{version}}', not {prefix!r} ({caller_location()})"
            )
        self._prefix = prefix.rstrip("/")

    def prefix_of(self, version: str) -> str:
        return self._prefix.replace(_HOLE, version)


class _ByHeader(APIVersion):
    def __init__(self, name: str, allowed: Iterable[str], default: str | None) -> None:
        super().__init__(allowed, default)
        if _FIELD.fullmatch(name) is None:
            raise ConfigurationError(
                f"{name!r} is no name of a field (RFC 9110 section 5.1): write one such as 'X-API-Version' ({caller_location()})"
            )
        self.name = name
        self.field = name.lower()

    def answers(self, version: str) -> tuple[tuple[str, str], ...]:
        return (("vary", self.name), (self.name.lower(), version))

    def choose(self, text: str | None) -> str:
        wanted = self.default if text is None else text.strip(" \t")
        if wanted is None or wanted not in self.allowed:
            raise self.refused()
        return wanted


class _ByAccept(APIVersion):
    field = "accept"

    def __init__(self, pattern: str, allowed: Iterable[str], default: str | None) -> None:
        super().__init__(allowed, default)
        if _MEDIA_TYPE.fullmatch(pattern) is None:
            raise ConfigurationError(
                f"a pattern of media types is as 'application/vnd.example.{{version}}+json', in lower case, not {pattern!r} ({caller_location()})"
            )
        before, after = map(re.escape, pattern.split(_HOLE))
        self._pattern = pattern
        self._read = re.compile(f"{before}(.+){after}").fullmatch
        self._versions = {version.lower(): version for version in self.allowed}

    def formats_of(self, version: str, formats: tuple[Format, ...]) -> tuple[Format, ...]:
        """Its own type in place of JSON's, which stays besides for the default, who names no version being answered in it."""
        own = Format(JSON.name, self._pattern.replace(_HOLE, version.lower()))
        rest = tuple(format for format in formats if not format.is_json)
        return (*((JSON, own) if version == self.default else (own,)), *rest)

    def answers(self, version: str) -> tuple[tuple[str, str], ...]:
        return (("vary", "accept"),)

    def choose(self, text: str | None) -> str:
        best, chosen, names_any = 0.0, self.default, False
        for kind, quality in parse_accept(text or ""):
            read = self._read(kind)
            if read is None:
                continue
            names_any = True
            if quality > best and read[1] in self._versions:
                best, chosen = quality, self._versions[read[1]]
        if chosen is None or names_any and not best and not _takes_json(text):
            raise self.refused()
        return chosen


def _takes_json(accept: str | None) -> bool:
    """Whether JSON without a version will do besides the versions that were asked for."""
    return any(
        quality > 0 and kind in ("application/json", "application/*", "*/*")
        for kind, quality in parse_accept(accept or "")
    )


def check_versions(versions: Any) -> tuple[str, ...]:
    """`versions=` of a route or router, "1" or ("1", "2") -> names. Raises ConfigurationError for what are none."""
    names: Any = (versions,) if isinstance(versions, str) else versions
    if not isinstance(names, ITEMS) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"versions are names, as versions=('1', '2'), not {versions!r} ({caller_location()})"
        )
    return tuple(dict.fromkeys(names))


def in_versions(route: Route, versioning: APIVersion | None, formats: tuple[Format, ...]) -> list[Route]:
    """One route for each version that a route names; `formats` are the app's. Raises ConfigurationError for one that the app lacks."""
    where = f"{route.title} ({route.location})"
    if versioning is None:
        raise ConfigurationError(
            f"{where} has versions, and its app has none: VelociPy(versioning=APIVersion.from_prefix(allowed=...))"
        )
    if route.is_socket and versioning.field:
        raise ConfigurationError(
            f"{where} has versions by {versioning.field}, which no browser can say of a WebSocket: give it a path of its own"
        )
    try:
        names = [versioning.check(version) for version in route.options.versions]
    except ConfigurationError as exc:
        raise ConfigurationError(f"{where}: {exc}") from None
    known = route.options.formats or formats
    return [
        route.in_version(name, versioning.prefix_of(name), versioning.formats_of(name, known))
        for name in names
    ]
