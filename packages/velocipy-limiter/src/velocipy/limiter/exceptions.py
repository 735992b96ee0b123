"""What a limiter raises in place of letting a request pass: answers with a status. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from velocipy.exceptions import HTTPException
from velocipy.limiter.at_once import ConcurrencyRule
from velocipy.limiter.headers import RETRY_AFTER, Pairs
from velocipy.limiter.rule import RateLimitRule
from velocipy.limiter.verdict import Verdict


class RateLimitExceeded(HTTPException):
    """429 (RFC 6585 section 4), with `Retry-After`, `RateLimit` and `RateLimit-Policy`; `verdict` has the numbers."""

    problem_type: ClassVar[str] = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    """The type of an RFC 9457 answer; its member `violated-policies` is `violated_policies`."""
    problem_title: ClassVar[str | None] = "Request cannot be satisfied as assigned quota has been exceeded"
    problem_status: ClassVar[int | None] = 429
    problem_fields: ClassVar[Mapping[str, Any]] = {"violated-policies": list[str]}

    def __init__(self, verdict: Verdict, headers: Pairs) -> None:
        super().__init__(429, headers=headers)
        self.verdict = verdict

    @property
    def problem_members(self) -> dict[str, list[str]]:
        """The names of the rules that refused, under the name that the registry of problem types gives them."""
        return {"violated-policies": self.violated_policies}

    @property
    def violated_policies(self) -> list[str]:
        """The names of the rules that refused."""
        return [standing.rule.name for standing in self.verdict.standings if not standing.allowed]


class LimiterUnavailable(HTTPException):
    """503: the storage is out of order, and a rule says `on_error="deny"`."""

    problem_type: ClassVar[str] = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
    problem_title: ClassVar[str | None] = (
        "Request cannot be satisfied due to temporary server capacity constraints"
    )
    problem_status: ClassVar[int | None] = 503

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(503, headers=[("retry-after", str(retry_after))])


class ConcurrencyExceeded(HTTPException):
    """429 with `Retry-After`: as many requests as its `rule` allows are there at once."""

    problem_type: ClassVar[str] = RateLimitExceeded.problem_type
    problem_title: ClassVar[str | None] = RateLimitExceeded.problem_title
    problem_status: ClassVar[int | None] = 429
    problem_fields: ClassVar[Mapping[str, Any]] = {"violated-policies": list[str]}

    def __init__(self, rule: ConcurrencyRule, headers: Pairs) -> None:
        super().__init__(rule.status, headers=[*headers, (RETRY_AFTER, str(rule.retry_after))])
        self.rule = rule

    @property
    def problem_members(self) -> dict[str, list[str]]:
        """The name of the rule, as a RateLimitExceeded names those that refused."""
        return {"violated-policies": [self.rule.name]}


class CapacityExceeded(ConcurrencyExceeded):
    """The same as a 503, for a rule whose `status` is that: the service is busy, and not by this client's fault."""

    problem_type: ClassVar[str] = LimiterUnavailable.problem_type
    problem_title: ClassVar[str | None] = LimiterUnavailable.problem_title
    problem_status: ClassVar[int | None] = 503


CONCURRENCY_ERRORS: Final[dict[int, type[ConcurrencyExceeded]]] = {
    429: ConcurrencyExceeded,
    503: CapacityExceeded,
}
"""Status of a rule -> what a request over it raises."""


def concurrency_error(rule: ConcurrencyRule, headers: Pairs) -> ConcurrencyExceeded:
    """The exception for a request that found no slot."""
    return CONCURRENCY_ERRORS[rule.status](rule, headers)


# -- what OpenAPI is told -------------------------------------------------------------------------------------------


def errors_of_rates(rules: Iterable[RateLimitRule]) -> tuple[type[HTTPException], ...]:
    """What a gate with these rules may answer."""
    denies = any(rule.on_error == "deny" for rule in rules)
    return RateLimitExceeded, *((LimiterUnavailable,) if denies else ())


def errors_of_concurrency(rule: ConcurrencyRule) -> tuple[type[HTTPException], ...]:
    """What a gate with this rule may answer."""
    return CONCURRENCY_ERRORS[rule.status], *((LimiterUnavailable,) if rule.on_error == "deny" else ())
