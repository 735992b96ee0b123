"""One place where requests are limited: whom, by which rules, at what cost. Knows requests and verdicts; sends nothing.

The dependency and the middleware are both made of it, so that they limit alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from velocipy.exceptions import ConfigurationError
from velocipy.http.request import Exchange
from velocipy.limiter.exceptions import RateLimitExceeded
from velocipy.limiter.headers import (
    POLICY,
    RETRY_AFTER,
    STANDING,
    Pairs,
    legacy_of,
    policy_of,
    retry_after_of,
    standing_of,
)
from velocipy.limiter.identity import Exempt, Identify, check_exempt, client_address, identity_of, is_exempt
from velocipy.limiter.limiter import Limiter, Rules
from velocipy.limiter.rule import MAX_LIMIT, RateLimitRule, check_cost, check_rules
from velocipy.limiter.verdict import Verdict
from velocipy.messages import caller_location

Cost = int | Callable[..., "int | Awaitable[int]"] | None
"""Units, or a function of the request that says how many; None is each rule's own."""

STATE_KEY: Final = "rate_limit"
"""Where in `request.state` the charges of a request stand."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one gate has taken for a request, or refused."""

    limiter: Limiter
    rules: tuple[RateLimitRule, ...]
    identity: str
    cost: int | None
    verdict: Verdict


class Gate:
    """Rules with their limiter, identity, cost and exemptions, all checked when the app is put together."""

    def __init__(
        self,
        what: str,
        limiter: Limiter,
        rules: Rules,
        identifier: Identify | None,
        cost: Cost,
        exempt: Exempt | Iterable[Exempt] | None,
    ) -> None:
        if not isinstance(limiter, Limiter):
            raise ConfigurationError(f"{what} ({caller_location()}) needs a Limiter, not {limiter!r}")
        if identifier is not None and not callable(identifier):
            raise ConfigurationError(
                f"{what} ({caller_location()}): identifier is a function of a request, such as by_header('x-user'), not {identifier!r}"
            )
        self.limiter = limiter
        self.rules = check_rules(rules, what)
        self._identify = client_address if identifier is None else identifier
        self._exempt = check_exempt(exempt, what)
        self._cost = _check_constant(cost, self.rules, what)
        self._policy = policy_of(self.rules)

    async def enter(self, exchange: Exchange) -> list[Charge] | None:
        """Charge a request -> all charges of it so far; None for one that is exempt. Raises RateLimitExceeded."""
        if self._exempt and await is_exempt(self._exempt, exchange):
            return None
        identity = await identity_of(self._identify, exchange)
        cost = await _cost_of(self._cost, exchange) if callable(self._cost) else self._cost
        verdict = await self.limiter.check(identity, self.rules, cost)
        charges: list[Charge] = exchange.state.setdefault(STATE_KEY, [])
        charge = Charge(self.limiter, self.rules, identity, cost, verdict)
        if not verdict.allowed:
            raise RateLimitExceeded(verdict, self.headers([*charges, charge]))
        charges.append(charge)
        return charges

    def headers(self, charges: list[Charge]) -> Pairs:
        """The fields of an answer that has gone through these gates; those of a refusal say when to come again."""
        if len(charges) == 1:
            policy, standings = self._policy, charges[0].verdict.standings
        else:
            policy = ", ".join(policy_of(charge.rules) for charge in charges)
            standings = tuple(standing for charge in charges for standing in charge.verdict.standings)
        pairs = [(POLICY, policy), (STANDING, standing_of(standings))]
        if any(charge.limiter.legacy_headers for charge in charges):
            pairs += legacy_of(standings)
        last = charges[-1].verdict
        wait = None if last.allowed else retry_after_of(last)
        return pairs if wait is None else [*pairs, (RETRY_AFTER, wait)]


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


async def refund(exchange: Exchange) -> None:
    """Give back everything that this request was charged, as for a login that succeeded; a second call gives nothing."""
    charges: list[Charge] = exchange.state.get(STATE_KEY) or []
    while charges:
        charge = charges.pop()
        await charge.limiter.refund(charge.identity, charge.rules, charge.cost)


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
