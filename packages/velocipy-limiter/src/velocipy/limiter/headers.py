"""The fields that tell clients of limits (draft-ietf-httpapi-ratelimit-headers). Knows rules and verdicts; knows no request.

ratelimit-policy: "burst";q=100;w=60, "daily";q=1000;w=86400        what there is
ratelimit: "burst";r=50;t=1, "daily";r=999;t=3600                   how the client stands
retry-after: 7                                                      of a refusal
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from velocipy.limiter.rule import RateLimitRule
from velocipy.limiter.verdict import Standing, Verdict

if TYPE_CHECKING:
    from velocipy.limiter.at_once import ConcurrencyRule

POLICY = "ratelimit-policy"
STANDING = "ratelimit"
RETRY_AFTER = "retry-after"
LEGACY = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")

Pairs = list[tuple[str, str]]


def quoted(name: str) -> str:
    """A String of structured fields (RFC 9651 section 4.1.6); names are printable ASCII since they were made."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def policy_of(rules: Iterable[RateLimitRule]) -> str:
    """The value of RateLimit-Policy. A window that is no whole number of seconds is left out: the field has no way to say it."""
    return ", ".join(map(_policy, rules))


def _policy(rule: RateLimitRule) -> str:
    seconds, rest = divmod(rule.window_us, 1_000_000)
    window = "" if rest else f";w={seconds}"
    unit = "" if rule.unit == "requests" else f";qu={quoted(rule.unit)}"
    return f"{quoted(rule.name)};q={rule.limit}{window}{unit}"


def concurrency_policy_of(rule: ConcurrencyRule) -> str:
    """The item of RateLimit-Policy for a limit of requests at once, which has no window."""
    return f'{quoted(rule.name)};q={rule.limit};qu="concurrent-requests"'


def concurrency_standing_of(rule: ConcurrencyRule, remaining: int) -> str:
    """The item of RateLimit: how many more were admitted; nobody knows when a request will end."""
    return f"{quoted(rule.name)};r={remaining}"


def standing_of(standings: Iterable[Standing]) -> str:
    """The value of RateLimit: what remains, and the seconds until there is more, rounded up."""
    return ", ".join(
        f"{quoted(standing.rule.name)};r={standing.remaining};t={seconds_up(standing.more_after)}"
        for standing in standings
    )


def retry_after_of(verdict: Verdict) -> str | None:
    """The value of Retry-After: whole seconds, rounded up, at least 1; None where waiting is of no use."""
    waits = [standing.retry_after for standing in verdict.standings]
    if None in waits:
        return None
    return str(max(1, *(seconds_up(wait) for wait in waits if wait is not None)))


def seconds_up(micros: int) -> int:
    """Microseconds -> seconds, rounded up, so that who waits for them does not come too early."""
    return -(-micros // 1_000_000)


def legacy_of(standings: Sequence[Standing]) -> Pairs:
    """X-RateLimit-Limit, -Remaining and -Reset (seconds from now) of the tightest rule, as many clients still read them."""
    tightest = Verdict.tightest_of(standings)
    values = tightest.rule.limit, tightest.remaining, seconds_up(tightest.reset_after)
    return list(zip(LEGACY, map(str, values), strict=True))
