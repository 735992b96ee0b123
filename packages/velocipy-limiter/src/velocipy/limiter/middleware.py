"""Limits as middleware: for everything that an app or a router answers. Knows the hooks; limits by its gates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Annotated, Any

from velocipy.handlers.markers import Depends
from velocipy.http.request import Exchange
from velocipy.limiter.at_once import ConcurrencyRule
from velocipy.limiter.exceptions import errors_of_concurrency, errors_of_rates
from velocipy.limiter.gate import Cost, Gate, SlotGate
from velocipy.limiter.headers import LEGACY, POLICY, STANDING, Pairs
from velocipy.limiter.identity import Exempt, Identify
from velocipy.limiter.limiter import Limiter, Rules
from velocipy.limiter.marks import Mark, fields_of
from velocipy.middleware.base import Middleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from velocipy.exceptions import HTTPException


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
        self.header_names: tuple[str, ...] = _names(limiter)
        self.__velocipy_raises__: tuple[type[HTTPException], ...] = errors_of_rates(self._gate.rules)

    async def before(self, exchange: Exchange) -> list[Mark] | None:
        """Charge a request; raises RateLimitExceeded."""
        return await self._gate.enter(exchange)

    def headers(self, token: list[Mark] | None) -> Pairs:
        """How the client stands; nothing for who is exempt, and for who was given everything back."""
        return _listed(token, self.header_names)


class ConcurrencyMiddleware(Middleware):
    """`app.add_middleware(ConcurrencyMiddleware(limiter, rule))`; the parameters are those of `concurrency`.

    Requests that find no slot are refused before every guard; WebSockets hold one until they end.
    """

    def __init__(
        self,
        limiter: Limiter,
        rule: ConcurrencyRule,
        identifier: Identify | None = None,
        *,
        exempt: Exempt | Iterable[Exempt] | None = None,
    ) -> None:
        self._gate = SlotGate("ConcurrencyMiddleware", limiter, rule, identifier, exempt)
        self.header_names: tuple[str, ...] = _names(limiter)
        self.__velocipy_raises__: tuple[type[HTTPException], ...] = errors_of_concurrency(rule)
        self.before: Callable[..., Any] = self._make_before()

    def _make_before(self) -> Any:
        """A hook returns; what it depends on may yield, and lasts as long as the request."""
        gate = self._gate

        async def slot(exchange: Exchange) -> AsyncIterator[list[Mark] | None]:
            async with gate.slot(exchange) as marks:
                yield marks

        def before(marks: list[Mark] | None) -> list[Mark] | None:
            return marks

        before.__annotations__ = {
            "marks": Annotated[list[Mark] | None, Depends(slot)],
            "return": list[Mark] | None,
        }
        return before

    def headers(self, token: list[Mark] | None) -> Pairs:
        """How many more there were."""
        return _listed(token, self.header_names)


def _names(limiter: Limiter) -> tuple[str, ...]:
    return POLICY, STANDING, *(LEGACY if limiter.legacy_headers else ())


def _listed(token: list[Mark] | None, names: tuple[str, ...]) -> Pairs:
    """A hook may send what it has listed; the limiter of another gate may tell more."""
    return [pair for pair in fields_of(token) if pair[0] in names] if token else []
