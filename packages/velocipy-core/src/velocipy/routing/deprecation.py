"""When a route is deprecated, when it goes, and where that is explained: as response headers. Knows dates and links; knows no routes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from velocipy.exceptions import ConfigurationError
from velocipy.http.fields import http_date
from velocipy.places import caller_location


@dataclass(frozen=True, slots=True)
class Deprecation:
    """`@app.get("/old", deprecated=Deprecation(date(2026, 7, 1), sunset=date(2027, 7, 1)))`: every answer of the route says so.

    `since` is when it is deprecated, which may be to come (Deprecation, RFC 9745), `sunset` when it may stop to answer (Sunset,
    RFC 8594); a date is its first moment in UTC, a datetime has a time zone. `link` is a page about the deprecation, `sunset_link`
    one about its end, `successor` what to use instead (RFC 5829). Raises ConfigurationError for a sunset before `since`, for a
    datetime without time zone or beyond the year 9999, for a link that no header can hold, and where nothing is said: that is `deprecated=True`.
    """

    since: date | None = None
    sunset: date | None = None
    link: str | None = None
    sunset_link: str | None = None
    successor: str | None = None

    def __post_init__(self) -> None:
        since, sunset = _moment("since", self.since), _moment("sunset", self.sunset)
        if since is not None and sunset is not None and sunset < since:
            raise ConfigurationError(
                f"Deprecation: the sunset {self.sunset} is before {self.since}, since when it is deprecated (RFC 9745 section 4): give a later one ({caller_location()})"
            )
        for name, link in (
            ("link", self.link),
            ("sunset_link", self.sunset_link),
            ("successor", self.successor),
        ):
            if link is not None and (not isinstance(link, str) or _URI.fullmatch(link) is None):
                raise ConfigurationError(
                    f"Deprecation({name}=...) is a URI reference in ASCII, percent-encoded, not {link!r} ({caller_location()})"
                )
        if not self.headers:
            raise ConfigurationError(
                f"Deprecation() says nothing: give it a date, or write deprecated=True ({caller_location()})"
            )

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The fields that say all this: (("deprecation", "@1782864000"), ("sunset", "Thu, 01 Jul 2027 00:00:00 GMT"), ...)."""
        since, sunset = _moment("since", self.since), _moment("sunset", self.sunset)
        links = [
            f'<{target}>; rel="{relation}"'
            for relation, target in zip(RELATIONS, (self.link, self.sunset_link, self.successor), strict=True)
            if target is not None
        ]
        found = (
            ("deprecation", None if since is None else f"@{int(since.timestamp())}"),
            ("sunset", None if sunset is None else http_date(sunset.timestamp())),
            ("link", ", ".join(links) or None),
        )
        return tuple((name, value) for name, value in found if value is not None)


RELATIONS: Final = ("deprecation", "sunset", "successor-version")
"""Link relations: RFC 9745 section 3, RFC 8594 section 6, RFC 5829 section 3.4."""

_URI: Final = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")

Deprecated = bool | date | Deprecation
"""What `deprecated=` takes; a date is `Deprecation(date)`."""


def check_deprecated(said: object) -> bool | Deprecation | None:
    """What `deprecated=` says, None where it says nothing. Raises ConfigurationError for anything else."""
    if said is None or isinstance(said, (bool, Deprecation)):
        return said
    if isinstance(said, date):
        return Deprecation(said)
    raise ConfigurationError(
        f"deprecated is True, a date or a Deprecation, not {said!r} ({caller_location()})"
    )


def _moment(name: str, value: object) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ConfigurationError(
                f"Deprecation({name}={value!r}) has no time zone: write tzinfo=UTC, or a date ({caller_location()})"
            )
        return _in_utc(name, value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ConfigurationError(
        f"Deprecation({name}=...) is a date or a datetime, not {value!r} ({caller_location()})"
    )


def _in_utc(name: str, value: datetime) -> datetime:
    """The moment in UTC, in which headers say it (RFC 9110 section 5.6.7)."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(
            f"Deprecation({name}={value!r}) is not in the years 1 to 9999 of UTC, which are all that a header can say: give one of them ({caller_location()})"
        ) from None
