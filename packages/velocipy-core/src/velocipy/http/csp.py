"""Content-Security-Policy as data (W3C CSP level 3): directives and sources in, the text of the header out. Knows no request.

    ContentSecurityPolicy({"default-src": ["self"], "script-src": ["self", "nonce"]})

Whoever finds a way to put a script into a page, that a policy does not name cannot run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from velocipy.exceptions import ConfigurationError
from velocipy.messages import did_you_mean

Sources = str | bool | Iterable[str]

NONCE: Final = "nonce"
"""A source that stands for a value made for each request, which a page repeats in `<script nonce="...">`."""

KEYWORDS: Final = frozenset(
    {
        *("none", "self", "unsafe-inline", "unsafe-eval", "unsafe-hashes", "wasm-unsafe-eval"),
        *("strict-dynamic", "report-sample", "inline-speculation-rules", "trusted-types-eval"),
    }
)
"""Sources that stand in quotes, here with or without them."""

LISTS: Final = frozenset(
    {
        *("default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem"),
        *("style-src-attr", "img-src", "font-src", "connect-src", "media-src", "object-src", "frame-src"),
        *("child-src", "worker-src", "manifest-src", "fenced-frame-src", "base-uri", "form-action"),
        *(
            "frame-ancestors",
            "report-uri",
            "report-to",
            "sandbox",
            "trusted-types",
            "require-trusted-types-for",
        ),
    }
)
FLAGS: Final = frozenset({"upgrade-insecure-requests", "block-all-mixed-content"})

_PLAIN: Final = frozenset(
    {"report-uri", "report-to", "sandbox", "trusted-types", "require-trusted-types-for"}
)
"""Directives whose values are no sources."""

_SCRIPTS: Final = frozenset({"default-src", "script-src", "script-src-elem", "script-src-attr"})

_VALUE: Final = re.compile(r"[\x21-\x2b\x2d-\x3a\x3c-\x7e]+")
"""No blank, comma or semicolon, each of which ends a source or a policy."""

_HASH: Final = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}")


class ContentSecurityPolicy:
    """A policy by its directives: `{"default-src": ["self"], "upgrade-insecure-requests": True}`.

    Sources are keywords (`self`, `none`, ..., with or without their quotes), hosts, schemes (`https:`), hashes, and `nonce`; a directive
    that is None or False is left out. Raises ConfigurationError for directives and sources that browsers would ignore, and for
    `unsafe-inline` scripts, which is every script that finds its way into a page: who needs that writes the policy as text.
    """

    def __init__(self, directives: Mapping[str, Sources | None]) -> None:
        self._directives = tuple(
            (name, _sources(name, value))
            for name, value in directives.items()
            if value is not None and value is not False
        )
        if not self._directives:
            raise ConfigurationError(
                "a ContentSecurityPolicy without directives restricts nothing: write such as {'default-src': ['self']}"
            )

    @property
    def has_nonce(self) -> bool:
        """Whether the policy is another for each request."""
        return any(NONCE in sources for _, sources in self._directives)

    def text(self, nonce: str = "") -> str:
        """The value of the header; `nonce` is the request's, base64 (CSP section 2.3.1)."""
        parts = (
            " ".join((name, *(f"'nonce-{nonce}'" if source == NONCE else source for source in sources)))
            for name, sources in self._directives
        )
        return "; ".join(parts)


def _sources(name: str, value: Sources) -> tuple[str, ...]:
    if name in FLAGS:
        if value is not True:
            raise ConfigurationError(f"{name} of a ContentSecurityPolicy has no sources: write True")
        return ()
    if name not in LISTS:
        near = did_you_mean(name, sorted(LISTS | FLAGS))
        raise ConfigurationError(f"{name!r} is no directive of a ContentSecurityPolicy{near}")
    if value is True and name == "sandbox":
        return ()
    if isinstance(value, (str, bool)):
        raise ConfigurationError(f"{name} of a ContentSecurityPolicy is a list: write [{str(value)!r}]")
    sources = tuple(_source(name, source) for source in value)
    if not sources and name != "sandbox":
        raise ConfigurationError(f"{name} of a ContentSecurityPolicy is empty: write ['none']")
    if "'none'" in sources and len(sources) > 1:
        raise ConfigurationError(
            f"{name} of a ContentSecurityPolicy: 'none' stands alone, else browsers ignore it: leave it or the others out"
        )
    if name in _SCRIPTS and "'unsafe-inline'" in sources and not _overrides_inline(sources):
        raise ConfigurationError(
            f"{name} of a ContentSecurityPolicy: 'unsafe-inline' runs every script that somebody finds a way to put into a page: write "
            f"{NONCE!r} and <script nonce=...>, or the policy as text"
        )
    return sources


def _overrides_inline(sources: tuple[str, ...]) -> bool:
    """Whether browsers of today ignore 'unsafe-inline' (CSP section 6.7.3.2), which is then there for old ones."""
    return (
        NONCE in sources
        or "'strict-dynamic'" in sources
        or any(source.startswith("'sha") for source in sources)
    )


def _source(name: str, source: object) -> str:
    if not isinstance(source, str) or not _VALUE.fullmatch(source):
        raise _no_source(name, source)
    if name in _PLAIN:
        return source
    bare = source.strip("'")
    if bare == NONCE:
        return NONCE
    if bare in KEYWORDS:
        return f"'{bare}'"
    if bare.startswith(f"{NONCE}-"):
        raise ConfigurationError(
            f"{name} of a ContentSecurityPolicy: a nonce that stays the same is known to everybody: write {NONCE!r}"
        )
    if _HASH.fullmatch(bare):
        return f"'{bare}'"
    if "'" in source or bare.startswith(("sha256-", "sha384-", "sha512-")):
        raise _no_source(name, source)
    return source


def _no_source(name: str, source: object) -> ConfigurationError:
    near = did_you_mean(str(source).strip("'"), sorted(KEYWORDS | {NONCE}))
    return ConfigurationError(
        f"{source!r} in {name} of a ContentSecurityPolicy is no source{near}: write 'self', 'https:', 'cdn.example.com' or "
        f"'sha256-...', each an entry of its own"
    )
