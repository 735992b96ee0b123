"""Rate limiting as middleware: for everything that an app or a router answers. Knows the hooks; limits by its gate."""

from __future__ import annotations

from collections.abc import Iterable

from velocipy.http.request import Exchange
from velocipy.limiter.gate import Charge, Cost, Gate
from velocipy.limiter.headers import LEGACY, POLICY, STANDING, Pairs
from velocipy.limiter.identity import Exempt, Identify
from velocipy.limiter.limiter import Limiter, Rules
from velocipy.middleware.base import Middleware


class RateLimitMiddleware(Middleware):
    """`app.add_middleware(RateLimitMiddleware(limiter, rules=["100/minute"]))`; the parameters are those of `rate_limit`.

    It runs before every guard, so before anybody is logged in, and makes no Response to set its headers. Where a route limits
    too, the answer's fields tell of both.
    """

    def __init__(
        self,
        limiter: Limiter,
        rules: Rules,
        identifier: Identify | None = None,
        *,
        cost: Cost = None,
        exempt: Exempt | Iterable[Exempt] | None = None,
    ) -> None:
        self._gate = Gate("RateLimitMiddleware", limiter, rules, identifier, cost, exempt)
        self.header_names = (POLICY, STANDING, *(LEGACY if limiter.legacy_headers else ()))

    async def before(self, exchange: Exchange) -> list[Charge] | None:
        """Charge a request; raises RateLimitExceeded."""
        return await self._gate.enter(exchange)

    def headers(self, token: list[Charge] | None) -> Pairs:
        """How the client stands; nothing for who is exempt, and for who was given everything back."""
        return self._gate.headers(token) if token else []
