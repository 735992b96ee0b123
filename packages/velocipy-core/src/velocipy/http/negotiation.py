"""Which of several forms of an answer a client prefers: Accept and Accept-Encoding (RFC 9110 section 12.5). Knows no bodies."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

MAX_LENGTH = 2_000
"""Characters of an Accept field that are looked at; browsers send 150."""

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 section 12.4.2
_RANGE = re.compile(r"(\*|[!#$%&'*+\-.^_`|~0-9a-z]+)/(\*|[!#$%&'*+\-.^_`|~0-9a-z]+)")


MAX_KEPT = 200
"""Characters of a field whose choice is remembered: clients write what they like."""


def preferred(accept: str | None, offers: tuple[tuple[str, ...], ...]) -> int:
    """The index of the offer, each a tuple of media types that mean it, which the client likes best.

    Of equals the first. Where none is acceptable it is the first too: an answer that was not asked for tells more than a 406
    (RFC 9110 section 12.5.1 leaves the choice). What cannot be read counts as not there.
    """
    if not accept:
        return 0
    return _preferred(accept, offers) if len(accept) <= MAX_KEPT else _preferred.__wrapped__(accept, offers)


@functools.lru_cache(maxsize=1_024)
def _preferred(accept: str, offers: tuple[tuple[str, ...], ...]) -> int:
    ranges = parse_accept(accept)
    qualities = [max((quality_of(kind, ranges) for kind in kinds), default=0.0) for kinds in offers]
    best = max(qualities)
    return qualities.index(best) if best > 0 else 0


def parse_accept(text: str) -> list[tuple[str, float]]:
    """ "text/html, application/*;q=0.5" -> [("text/html", 1.0), ("application/*", 0.5)]; malformed members are left out."""
    found: list[tuple[str, float]] = []
    for member in text[:MAX_LENGTH].lower().split(","):
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        quality = _quality(parameters)
        if quality is not None and _RANGE.fullmatch(name) and not (name[0] == "*" and name != "*/*"):
            found.append((name, quality))
    return found


def quality_of(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How much a client likes a media type: the quality of the most specific range that names it, 0.0 where none does."""
    kind = media_type.partition("/")[0]
    for wanted in (media_type, f"{kind}/*", "*/*"):
        qualities = [quality for name, quality in ranges if name == wanted]
        if qualities:
            return max(qualities)
    return 0.0


def preferred_codings(accept_encoding: str | None, offers: tuple[str, ...]) -> tuple[str, ...]:
    """ "gzip, br;q=0.5" of ("br", "zstd", "gzip") -> ("gzip", "br"): the offers that a client takes, what it likes best first.

    Equals stay in the order of `offers`. What it likes less than `identity`, the content as it is, is left out; without a field
    all are, since few clients that say nothing can decode (RFC 9110 section 12.5.3).
    """
    text = accept_encoding or ""
    if len(text) <= MAX_KEPT:
        return _preferred_codings(text, offers)
    return _preferred_codings.__wrapped__(text, offers)


@functools.lru_cache(maxsize=1_024)
def _preferred_codings(text: str, offers: tuple[str, ...]) -> tuple[str, ...]:
    named = _parse_codings(text)
    others = named.get("*", 0.0)
    least = named.get("identity", 0.0)
    liked = [(coding, named.get(coding, others)) for coding in offers]
    taken = [(coding, quality) for coding, quality in liked if quality > 0 and quality >= least]
    return tuple(coding for coding, _ in sorted(taken, key=lambda pair: -pair[1]))


def refuses_identity(accept_encoding: str | None) -> bool:
    """Whether a client does not take content as it is: `identity;q=0`, or `*;q=0` and no word of identity."""
    named = _parse_codings(accept_encoding or "")
    return named.get("identity", named.get("*", 1.0)) == 0


def _parse_codings(text: str) -> dict[str, float]:
    named: dict[str, float] = {}
    for member in text[:MAX_LENGTH].lower().split(","):
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        quality = _quality(parameters)
        if name and quality is not None:
            named.setdefault(name.removeprefix("x-"), quality)
    return named


def _quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if name.strip() == "q" and equals:
            return float(value.strip()) if _QUALITY.fullmatch(value.strip()) else None
    return 1.0
