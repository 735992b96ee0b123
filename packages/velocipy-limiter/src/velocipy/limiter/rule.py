"""What a limit is: its rule, checked when it is made, and the words of the shorthand. Counts nothing and knows no request."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal
from zlib import crc32

from velocipy.exceptions import ConfigurationError
from velocipy.messages import did_you_mean
from velocipy.places import caller_location

OnError = Literal["memory", "allow", "deny"]
Unit = Literal["requests", "content-bytes"]

MAX_LIMIT: Final = 999_999_999_999_999
"""The largest Integer of a structured field (RFC 9651 section 3.3.1), which `q` and `r` are."""

MAX_LOG: Final = 100_000
"""The largest limit of a log, which has 8 bytes for each unit of each identity, and is copied at each decision."""

MAX_RULES: Final = 16
"""Rules of one decision: each stands in the headers of every answer."""

MAX_NAME: Final = 64
MAX_WINDOW: Final = 10 * 366 * 86_400 * 1_000_000
"""Microseconds of ten years."""


class RateLimitAlgorithm(StrEnum):
    """How a rule counts; each promises something else."""

    TOKEN_BUCKET = "token-bucket"
    """Refills evenly: any stretch of x seconds admits at most burst + limit * x / window."""
    FIXED_WINDOW = "fixed-window"
    """A window begins with its first request: at most `limit` in it, at most twice that in any stretch as long."""
    SLIDING_WINDOW = "sliding-window"
    """Remembers every unit: at most `limit` in any stretch of `window` seconds, at 8 bytes a unit."""
    SLIDING_WINDOW_COUNTER = "sliding-window-counter"
    """Weighs the last window and this one: smooth on average, at most twice `limit` in the worst stretch."""


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """At most `limit` units in `window` seconds: `RateLimitRule(name="items", limit=60, window=60)`.

    The name is what counts: rules of one name and one algorithm share their counts, wherever they stand. `cost` is how many units
    a request takes; `burst` how many a token bucket holds (default: `limit`). `on_error` says what counts while the storage is
    out of order: this process's `memory`, nothing (`allow`), or that the answer is a 503 (`deny`). `unit` is told to clients.
    Raises ConfigurationError for what cannot be counted or named.
    """

    name: str
    limit: int
    window: float | timedelta
    cost: int = 1
    burst: int | None = None
    algorithm: RateLimitAlgorithm | str = RateLimitAlgorithm.TOKEN_BUCKET
    on_error: OnError = "memory"
    unit: Unit = "requests"

    def __post_init__(self) -> None:
        where = f"RateLimitRule {self.name!r} ({caller_location()})"
        check_name(self.name, where)
        object.__setattr__(self, "algorithm", _algorithm(self.algorithm, where))
        check_count("limit", self.limit, MAX_LIMIT, where)
        check_word("on_error", self.on_error, ("memory", "allow", "deny"), where)
        check_word("unit", self.unit, ("requests", "content-bytes"), where)
        micros = window_micros(self.window, where)
        if self.algorithm is RateLimitAlgorithm.TOKEN_BUCKET:
            self._check_bucket(micros, where)
        elif self.burst is not None:
            raise ConfigurationError(
                f"{where}: burst is for a token bucket; leave it out, or change the algorithm"
            )
        if self.algorithm is RateLimitAlgorithm.SLIDING_WINDOW and self.limit > MAX_LOG:
            raise ConfigurationError(
                f"{where}: a log of {self.limit} units takes {self.limit * 8} bytes for each identity; "
                f"use SLIDING_WINDOW_COUNTER, or a limit of at most {MAX_LOG}"
            )
        check_count("cost", self.cost, MAX_LIMIT, where)
        if self.cost > self.capacity:
            raise ConfigurationError(
                f"{where}: a cost of {self.cost} is over {self.capacity}, so that no request would ever be admitted: raise the limit or the burst, or lower the cost"
            )

    def _check_bucket(self, micros: int, where: str) -> None:
        if self.burst is not None:
            check_count("burst", self.burst, MAX_LIMIT, where)
        if micros // self.limit < 1:
            raise ConfigurationError(
                f"{where}: a token bucket gives out at most one unit a microsecond; use a larger window or a smaller limit"
            )
        if self.capacity * (micros // self.limit) > MAX_WINDOW:
            raise ConfigurationError(
                f"{where}: a burst of {self.burst} would take over ten years to fill: use a smaller one"
            )

    @property
    def capacity(self) -> int:
        """The most units that can be admitted at one instant."""
        return self.limit if self.burst is None else self.burst

    @property
    def window_us(self) -> int:
        """The window in microseconds."""
        return window_micros(self.window, self.name)


def window_micros(window: object, where: str) -> int:
    """Seconds or a timedelta -> microseconds. Raises ConfigurationError for what is no span of time."""
    seconds = window.total_seconds() if isinstance(window, timedelta) else window
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 < seconds < MAX_WINDOW / 1e6
    ):
        raise ConfigurationError(
            f"{where}: window is a number of seconds above 0 and up to ten years, not {window!r}"
        )
    micros = round(seconds * 1_000_000)
    if micros < 1:
        raise ConfigurationError(
            f"{where}: a window of {window!r} seconds is shorter than a microsecond: use a longer one"
        )
    return micros


class CheckedRules(tuple[RateLimitRule, ...]):
    """Rules that `check_rules` has seen, so that nobody needs to look again."""

    __slots__ = ()


def check_rules(rules: Iterable[RateLimitRule | str], what: str) -> CheckedRules:
    """The rules of one decision, in order; a text is read as `limit` does.

    Raises ConfigurationError for none, for what is no rule, and for two of one name.
    """
    if type(rules) is CheckedRules:
        return rules
    where = f"{what} ({caller_location()})"
    if isinstance(rules, (str, RateLimitRule)):
        raise ConfigurationError(f"{where}: rules is a list: write rules=[...]")
    read = CheckedRules(limit(rule) if isinstance(rule, str) else rule for rule in rules)
    if not 1 <= len(read) <= MAX_RULES:
        raise ConfigurationError(
            f"{where} needs 1 to {MAX_RULES} rules, and has {len(read)}: write such as rules=['100/minute']"
        )
    seen: set[str] = set()
    for rule in read:
        if not isinstance(rule, RateLimitRule):
            raise ConfigurationError(f"{where}: {rule!r} is no RateLimitRule: write such as '100/minute'")
        if rule.name in seen:
            raise ConfigurationError(
                f"{where}: two rules are named {rule.name!r}; give each a name of its own"
            )
        seen.add(rule.name)
    return read


def check_cost(cost: object) -> int:
    """A cost that is known when a request comes: 0, which only looks, or more. Raises ValueError for anything else."""
    if type(cost) is not int or cost < 0:
        raise ValueError(f"a cost is a whole number of units, 0 or more, not {cost!r}")
    return cost


_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SHORT: Final = {
    "s": "second",
    "sec": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
}
_TEXT: Final = re.compile(r"\s*([0-9]{1,15})\s*(?:/|\bper\b)\s*([0-9]{1,9})?\s*([A-Za-z]{1,20})\s*")


def limit(
    text: str,
    *,
    name: str | None = None,
    cost: int = 1,
    burst: int | None = None,
    algorithm: RateLimitAlgorithm | str = RateLimitAlgorithm.TOKEN_BUCKET,
    on_error: OnError = "memory",
    unit: Unit = "requests",
) -> RateLimitRule:
    """A rule from words: `limit("100/minute")`, `limit("5 per 10 seconds", burst=2)`, `limit("1000/day", name="daily")`.

    Units are second, minute, hour, day and week, in the plural or as `s m h d w` too. Without a name the rule gets one of its
    text and of the line that calls this, so that each place counts by itself.
    """
    where = f"limit({text!r}) ({caller_location()})"
    match = _TEXT.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if match is None:
        raise ConfigurationError(f"{where} cannot be read: write '100/minute' or '5 per 10 seconds'")
    word = match[3].lower()
    unit_name = _SHORT.get(word, word.removesuffix("s"))
    if unit_name not in _SECONDS:
        raise ConfigurationError(f"{where}: {word!r} is no unit of time{did_you_mean(word, _SECONDS)}")
    count = match[2] or ""
    seconds = int(count or 1) * _SECONDS[unit_name]
    own_name = f"{match[1]}-per-{count}{unit_name}-{crc32(_place().encode()) & 0xFFFF:04x}"
    return RateLimitRule(
        own_name if name is None else name, int(match[1]), seconds, cost, burst, algorithm, on_error, unit
    )


def _place() -> str:
    """module:line of the nearest caller outside of VelociPy: the same in every process and on every machine, unlike a file."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented, whatever its name says
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "velocipy":
        frame = frame.f_back
    return f"{frame.f_globals.get('__name__')}:{frame.f_lineno}"


def check_name(name: object, where: str) -> None:
    """Raise ConfigurationError for what clients cannot be told as a name."""
    # A String of structured fields is printable ASCII (RFC 9651 section 3.3.3).
    if (
        not isinstance(name, str)
        or not name
        or len(name) > MAX_NAME
        or not (name.isascii() and name.isprintable())
    ):
        raise ConfigurationError(
            f"{where}: a name is 1 to {MAX_NAME} printable ASCII characters, since clients are told it"
        )


def check_count(what: str, value: object, most: int, where: str) -> None:
    """Raise ConfigurationError for what is no whole number from 1 to `most`."""
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigurationError(f"{where}: {what} is a whole number from 1 to {most}, not {value!r}")


def check_word(what: str, value: object, allowed: tuple[str, ...], where: str) -> None:
    """Raise ConfigurationError for a word that is not among those allowed."""
    if value not in allowed:
        raise ConfigurationError(
            f"{where}: {what} is one of {', '.join(map(repr, allowed))}, not {value!r}{did_you_mean(str(value), allowed)}"
        )


def _algorithm(value: str, where: str) -> RateLimitAlgorithm:
    try:
        return RateLimitAlgorithm(value)
    except ValueError:
        known = [algorithm.value for algorithm in RateLimitAlgorithm]
        near = did_you_mean(str(value), known)
        raise ConfigurationError(
            f"{where}: algorithm is one of {', '.join(map(repr, known))}, not {value!r}{near}"
        ) from None
