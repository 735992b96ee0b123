"""Conditional requests (RFC 9110 section 13): whether what a client has, or thinks of, is what there is. Knows no files.

A condition that cannot be read never holds back an answer that is due: it is ignored where the RFC says so, and matches
nothing where it does not.
"""

from __future__ import annotations

import re
import time
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from velocipy.protocols import RequestHeaders

SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods that a 304 answers; with all others, what would be one is a 412 (RFC 9110 section 13.1.2)."""

MAX_LENGTH: Final = 4_096
"""Characters of a list of ETags; a longer one matches nothing. Reading that many takes 1 ms at the worst."""

_ETAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')  # RFC 9110 section 8.8.3

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH: Final = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_SHORT_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY: Final = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DATES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_SHORT_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"{_SHORT_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Validators(NamedTuple):
    """What tells one version of a representation from another, as its header fields have it; None where there is none."""

    etag: str | None
    last_modified: str | None


class ETag(NamedTuple):
    """An entity tag: W/"a" -> (True, "a"). Weak ones stand for equal meaning, strong ones for equal bytes."""

    is_weak: bool
    opaque: str


def parse_etag(text: str | None) -> ETag | None:
    """One entity tag (RFC 9110 section 8.8.3); None for what is none."""
    match = _ETAG.fullmatch(text) if text else None
    return None if match is None else ETag(match[1] is not None, match[2])


def parse_etags(text: str) -> list[ETag]:
    """One `W/"b"` and more of them -> [(True, "b"), ...]; [] for what is no list of entity tags, or a very long one."""
    tags: list[ETag] = []
    end = 0
    for match in _ETAG.finditer(text if len(text) <= MAX_LENGTH else ""):
        between = text[end : match.start()]
        if between.strip(" \t,") or tags and "," not in between:
            return []
        tags.append(ETag(match[1] is not None, match[2]))
        end = match.end()
    return [] if text[end:].strip(" \t,") else tags


def parse_date(text: str | None) -> int | None:
    """ "Sun, 06 Nov 1994 08:49:37 GMT" -> 784111777 seconds since 1970; None for what is no date.

    All three forms that a recipient has to read (RFC 9110 section 5.6.7); the name of the day is not held against the date.
    """
    for pattern in _DATES:
        if text and (match := pattern.fullmatch(text)):
            return _seconds(match)
    return None


def _seconds(match: re.Match[str]) -> int | None:
    hour, minute, second = (int(match[name]) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        return None
    try:
        day = date(_full_year(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"]))
    except ValueError:
        return None
    return (day.toordinal() - _EPOCH) * 86_400 + hour * 3_600 + minute * 60 + second


def _full_year(digits: str) -> int:
    """Two digits are the last year that ends so and is at most 50 years ahead (RFC 9110 section 5.6.7)."""
    if len(digits) == 4:
        return int(digits)
    latest = time.gmtime().tm_year + 50
    return latest - (latest - int(digits)) % 100


def is_conditional(headers: RequestHeaders) -> bool:
    """Whether there is a condition that `failed_precondition` has to look at, which most requests have not."""
    get = headers.get
    return (
        get("if-none-match") is not None
        or get("if-modified-since") is not None
        or get("if-match") is not None
        or get("if-unmodified-since") is not None
    )


def failed_precondition(method: str, headers: RequestHeaders, validators: Validators) -> int | None:
    """412 or 304 where a condition of the request fails, None where the request is to be served.

    The order is that of RFC 9110 section 13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match, else
    If-Modified-Since. Ask only where the answer would be a success without conditions (section 13.2.1).
    """
    if not _is_wanted(headers, validators):
        return 412
    if not _is_known(method, headers, validators):
        return None
    return 304 if method in SAFE else 412


def _is_wanted(headers: RequestHeaders, validators: Validators) -> bool:
    """Whether If-Match or If-Unmodified-Since let the request through (RFC 9110 sections 13.1.1 and 13.1.4)."""
    wanted = _list_of(headers, "if-match")
    if wanted is not None:
        current = parse_etag(validators.etag)
        return wanted == "*" or _matches_strongly(current, parse_etags(wanted))
    limit = _date_of(headers, "if-unmodified-since")
    if limit is None:
        return True
    changed = parse_date(validators.last_modified)
    return changed is None or changed <= limit


def _is_known(method: str, headers: RequestHeaders, validators: Validators) -> bool:
    """Whether the client has what there is (RFC 9110 sections 13.1.2 and 13.1.3)."""
    known = _list_of(headers, "if-none-match")
    if known is not None:
        current = parse_etag(validators.etag)
        tags = parse_etags(known)
        return known == "*" or current is not None and any(tag.opaque == current.opaque for tag in tags)
    if method not in SAFE:
        return False
    limit = _date_of(headers, "if-modified-since")
    if limit is None:
        return False
    changed = parse_date(validators.last_modified)
    return changed is not None and changed <= limit


def is_same_version(headers: RequestHeaders, validators: Validators) -> bool:
    """Whether If-Range, where the request has one, names the current version, so that a part of it may be sent.

    By strong comparison of an entity tag or by an equal date (RFC 9110 section 13.1.5). The date of what was changed this very
    second is not yet strong (section 8.8.2.2): it may be changed again and keep it.
    """
    values = headers.get_all("if-range")
    if not values:
        return True
    if len(values) > 1:
        return False
    if (tag := parse_etag(values[0])) is not None:
        return _matches_strongly(parse_etag(validators.etag), [tag])
    asked = parse_date(values[0])
    return asked is not None and asked == parse_date(validators.last_modified) and asked <= time.time() - 1


def _matches_strongly(current: ETag | None, tags: list[ETag]) -> bool:
    """Strong comparison (RFC 9110 section 8.8.3.2): equal, and neither of the two weak."""
    return current is not None and not current.is_weak and current in tags


def _list_of(headers: RequestHeaders, name: str) -> str | None:
    """A list field, of which there may be several lines (RFC 9110 section 5.3)."""
    if headers.get(name) is None:
        return None
    return ", ".join(headers.get_all(name)).strip(" \t")


def _date_of(headers: RequestHeaders, name: str) -> int | None:
    """A date field; one that is no date, or given twice, counts as not there (RFC 9110 sections 13.1.3 and 13.1.4)."""
    if headers.get(name) is None:
        return None
    values = headers.get_all(name)
    return parse_date(values[0]) if len(values) == 1 else None
