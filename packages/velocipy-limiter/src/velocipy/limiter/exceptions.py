"""What a limiter raises in place of letting a request pass: answers with a status. Decides nothing."""

from __future__ import annotations

from velocipy.exceptions import HTTPException
from velocipy.limiter.headers import Pairs
from velocipy.limiter.verdict import Verdict


class RateLimitExceeded(HTTPException):
    """429 (RFC 6585 section 4), with `Retry-After`, `RateLimit` and `RateLimit-Policy`; `verdict` has the numbers."""

    problem_type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    """The type of an RFC 9457 answer; its member `violated-policies` is `violated_policies`."""
    problem_title = "Request cannot be satisfied as assigned quota has been exceeded"
    problem_status = 429
    problem_fields = {"violated-policies": list[str]}

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

    problem_type = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
    problem_title = "Request cannot be satisfied due to temporary server capacity constraints"
    problem_status = 503

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(503, headers=[("retry-after", str(retry_after))])
