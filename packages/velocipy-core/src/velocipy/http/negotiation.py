"""Which of several forms of an answer a client prefers: the Accept field (RFC 9110 section 12.5.1). Knows media types alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

MAX_LENGTH = 2_000
"""Characters of an Accept field that are looked at; browsers send 150."""

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 section 12.4.2
_RANGE = re.compile(r"(\*|[!#$%&'*+\-.^_`|~0-9a-z]+)/(\*|[!#$%&'*+\-.^_`|~0-9a-z]+)")


@functools.lru_cache(maxsize=1_024)
def preferred(accept: str | None, offers: tuple[tuple[str, ...], ...]) -> int:
    """The index of the offer, each a tuple of media types that mean it, which the client likes best.

    Of equals the first. Where none is acceptable it is the first too: an answer that was not asked for tells more than a 406
    (RFC 9110 section 12.5.1 leaves the choice). What cannot be read counts as not there.
    """
    if not accept:
        return 0
    ranges = parse_accept(accept)
    qualities = [max((quality_of(kind, ranges) for kind in kinds), default=0.0) for kinds in offers]
    best = max(qualities)
    return qualities.index(best) if best > 0 else 0


def parse_accept(text: str) -> list[tuple[str, float]]:
    """ "text/html, application/*;q=0.5" -> [("text/html", 1.0), ("application/*", 0.5)]; malformed members are left out."""
    found = []
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


def _quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if name.strip() == "q" and equals:
            return float(value.strip()) if _QUALITY.fullmatch(value.strip()) else None
    return 1.0
