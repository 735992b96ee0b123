"""One place where requests are limited: whom, by which rules, at what cost. Knows requests and verdicts; sends nothing.

The dependency and the middleware are both made of it, so that they limit alike.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from velocipy.exceptions import ConfigurationError
from velocipy.http.request import Exchange
from velocipy.limiter.at_once import ConcurrencyRule
from velocipy.limiter.exceptions import RateLimitExceeded, concurrency_error
from velocipy.limiter.headers import RETRY_AFTER, Pairs, concurrency_policy_of, policy_of, retry_after_of
from velocipy.limiter.identity import Exempt, Identify, check_exempt, client_address, identity_of, is_exempt
from velocipy.limiter.limiter import Limiter, Rules
from velocipy.limiter.marks import Charge, Hold, Mark, fields_of, marks_of
from velocipy.limiter.rule import MAX_LIMIT, RateLimitRule, check_cost, check_rules
from velocipy.limiter.slots import Slot
from velocipy.limiter.verdict import Verdict
from velocipy.places import caller_location

if TYPE_CHECKING:
    from velocipy.limiter.rule import CheckedRules

Cost = int | Callable[..., "int | Awaitable[int]"] | None
"""Units, or a function of the request that says how many; None is each rule's own."""


class Whom:
    """Whom a gate limits: its limiter, the identity and the exemptions, checked when the app is put together."""

    def __init__(
        self,
        what: str,
        limiter: Limiter,
        identifier: Identify | None,
        exempt: Exempt | Iterable[Exempt] | None,
    ) -> None:
        if not isinstance(limiter, Limiter):
            raise ConfigurationError(f"{what} ({caller_location()}) needs a Limiter, not {limiter!r}")
        if identifier is not None and not callable(identifier):
            raise ConfigurationError(
                f"{what} ({caller_location()}): identifier is a function of a request, such as by_header('x-user'), not {identifier!r}"
            )
        self.limiter = limiter
        self._identify = client_address if identifier is None else identifier
        self._exempt = check_exempt(exempt, what)

    async def identity(self, exchange: Exchange) -> str | None:
        """Who a request counts for; None for one that is exempt."""
        if self._exempt and await is_exempt(self._exempt, exchange):
            return None
        return await identity_of(self._identify, exchange)


class Gate(Whom):
    """Rules with their cost."""

    def __init__(
        self,
        what: str,
        limiter: Limiter,
        rules: Rules,
        identifier: Identify | None,
        cost: Cost,
        exempt: Exempt | Iterable[Exempt] | None,
    ) -> None:
        super().__init__(what, limiter, identifier, exempt)
        self.rules: CheckedRules = check_rules(rules, what)
        self._cost = _check_constant(cost, self.rules, what)
        self._policy = policy_of(self.rules)

    async def enter(self, exchange: Exchange) -> list[Mark] | None:
        """Charge a request -> all marks on it so far; None for one that is exempt. Raises RateLimitExceeded."""
        identity = await self.identity(exchange)
        if identity is None:
            return None
        cost = await _cost_of(self._cost, exchange) if callable(self._cost) else self._cost  # ty: ignore[invalid-argument-type]
        verdict = await self.limiter.check(identity, self.rules, cost)
        marks = marks_of(exchange)
        charge = Charge(self.limiter, self.rules, identity, cost, verdict, self._policy)
        if not verdict.allowed:
            raise RateLimitExceeded(verdict, _refusal([*marks, charge], verdict))
        marks.append(charge)
        return marks


def _refusal(marks: list[Mark], verdict: Verdict) -> Pairs:
    wait = retry_after_of(verdict)
    pairs = fields_of(marks)
    return pairs if wait is None else [*pairs, (RETRY_AFTER, wait)]


class SlotGate(Whom):
    """A rule for requests at once."""

    def __init__(
        self,
        what: str,
        limiter: Limiter,
        rule: ConcurrencyRule,
        identifier: Identify | None,
        exempt: Exempt | Iterable[Exempt] | None,
    ) -> None:
        super().__init__(what, limiter, identifier, exempt)
        if not isinstance(rule, ConcurrencyRule):
            raise ConfigurationError(f"{what} ({caller_location()}) needs a ConcurrencyRule, not {rule!r}")
        self.rule = rule
        limiter.slot("", rule)  # which takes nothing, and raises where the storage keeps no slots
        self._policy = concurrency_policy_of(rule)

    @asynccontextmanager
    async def slot(self, exchange: Exchange) -> AsyncGenerator[list[Mark] | None, None]:
        """All marks on a request so far, while it holds a slot; None for one that is exempt. Raises ConcurrencyExceeded."""
        identity = await self.identity(exchange)
        if identity is None:
            yield None
            return
        slot: Slot = self.limiter.slot(identity, self.rule)
        marks, hold = marks_of(exchange), Hold(slot, self._policy)
        if not await slot.take():
            raise concurrency_error(self.rule, fields_of([*marks, hold]))
        try:
            marks.append(hold)
            yield marks
        finally:
            await slot.give_up()


def _check_constant(cost: Cost, rules: tuple[RateLimitRule, ...], what: str) -> Cost:
    if cost is None or callable(cost):
        return cost
    most = min((rule.capacity for rule in rules), default=MAX_LIMIT)
    if type(cost) is not int or not 1 <= cost <= most:
        raise ConfigurationError(
            f"{what} ({caller_location()}): cost is a whole number from 1 to {most}, or a function of the request, not {cost!r}"
        )
    return cost


async def _cost_of(cost: Callable[..., int | Awaitable[int]], exchange: Exchange) -> int:
    found = cost(exchange)
    return check_cost(await found if isinstance(found, Awaitable) else found)


def content_length(exchange: Exchange) -> int:
    """The bytes of a request's body, as a cost; as many as the route takes at all where the client does not say.

    For rules with `unit="content-bytes"`. The server holds a body to its declared length.
    """
    declared = exchange.header("content-length")
    if declared is not None and declared.isascii() and declared.isdigit() and len(declared) <= 15:
        return int(declared)
    return (
        0
        if exchange.header("transfer-encoding") is None and _is_http1(exchange)
        else exchange.route.max_content_length
    )


def _is_http1(exchange: Exchange) -> bool:
    """Whether a body would have to be announced (RFC 9112 section 6.3)."""
    return str(getattr(exchange, "http_version", "1.1")).startswith("1")
