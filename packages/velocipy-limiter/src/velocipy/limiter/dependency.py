"""Rate limiting as a dependency of a route, a router or an app: a guard. Knows how it is asked for; limits by its gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from velocipy.http.request import Exchange
from velocipy.http.response import Response
from velocipy.limiter.exceptions import RateLimitExceeded
from velocipy.limiter.gate import Cost, Gate
from velocipy.limiter.identity import Exempt, Identify
from velocipy.limiter.limiter import Limiter, Rules


class RateLimit:
    """What `rate_limit` makes: a guard that gives nothing, and raises RateLimitExceeded."""

    __velocipy_guard__ = True
    __velocipy_raises__ = (RateLimitExceeded,)
    responses: ClassVar[dict[int, dict[str, Any]]] = {429: {"description": "Too Many Requests"}}
    """What it may answer, for the documentation of a route."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def __call__(self, exchange: Exchange, response: Response | None) -> None:
        """Charge a request, and leave the fields on whatever is answered; a WebSocket's handshake has no room for them."""
        charges = await self.gate.enter(exchange)
        if charges is not None and response is not None:
            for name, value in self.gate.headers(charges):
                response.headers[name] = value


def rate_limit(
    limiter: Limiter,
    rules: Rules,
    identifier: Identify | None = None,
    *,
    cost: Cost = None,
    exempt: Exempt | Iterable[Exempt] | None = None,
) -> RateLimit:
    """A dependency that limits: `_: None = Depends(rate_limit(limiter, rules=[rule]))`, or listed on a route, router or app.

    It is a guard: who is over a limit is answered 429 before anything else of the request is read. `identifier` says who a
    request counts for (default: the client's address), `cost` how many units it takes, `exempt` which requests are not limited.
    Each call limits by itself; rules of one name count together. Raises ConfigurationError.
    """
    return RateLimit(Gate("rate_limit", limiter, rules, identifier, cost, exempt))
