"""Limits as dependencies of a route, a router or an app: guards. Knows how they are asked for; limits by their gates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from velocipy.http.request import Exchange
from velocipy.http.response import Response
from velocipy.limiter.at_once import ConcurrencyRule
from velocipy.limiter.exceptions import errors_of_concurrency, errors_of_rates
from velocipy.limiter.gate import Cost, Gate, SlotGate
from velocipy.limiter.identity import Exempt, Identify
from velocipy.limiter.limiter import Limiter, Rules
from velocipy.limiter.marks import Mark, fields_of

if TYPE_CHECKING:
    from velocipy.exceptions import HTTPException


class RateLimit:
    """What `rate_limit` makes: a guard that gives nothing, and raises RateLimitExceeded."""

    __velocipy_guard__ = True

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.__velocipy_raises__: tuple[type[HTTPException], ...] = errors_of_rates(gate.rules)

    async def __call__(self, exchange: Exchange, response: Response | None) -> None:
        """Charge a request, and leave the fields on whatever is answered."""
        _tell(await self.gate.enter(exchange), response)


class Concurrency:
    """What `concurrency` makes: a guard that holds a slot as long as the request, and raises ConcurrencyExceeded."""

    __velocipy_guard__ = True

    def __init__(self, gate: SlotGate) -> None:
        self.gate = gate
        self.__velocipy_raises__: tuple[type[HTTPException], ...] = errors_of_concurrency(gate.rule)

    async def __call__(self, exchange: Exchange, response: Response | None) -> AsyncIterator[None]:
        """Take a slot, leave the fields on whatever is answered, and give it up."""
        async with self.gate.slot(exchange) as marks:
            _tell(marks, response)
            yield


def _tell(marks: list[Mark] | None, response: Response | None) -> None:
    """The handshake of a WebSocket has no room for fields."""
    if marks is not None and response is not None:
        for name, value in fields_of(marks):
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


def concurrency(
    limiter: Limiter,
    rule: ConcurrencyRule,
    identifier: Identify | None = None,
    *,
    exempt: Exempt | Iterable[Exempt] | None = None,
) -> Concurrency:
    """A dependency that limits requests at once: `dependencies=[Depends(concurrency(limiter, rule))]`.

    Its slot is given up before a buffered answer is sent and after the last byte of a stream, with `Depends(...,
    scope="request")` after the answer was sent, and when a WebSocket ends; once, also where the request fails, is cancelled, or its
    client has left. `identifier=everybody` limits all clients together. Raises ConfigurationError.
    """
    return Concurrency(SlotGate("concurrency", limiter, rule, identifier, exempt))
