"""Limits on the messages of a WebSocket. Knows the three ways to meet a client that sends too much; counts by the limiter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Literal

from velocipy.exceptions import ConfigurationError
from velocipy.limiter.identity import Identify, client_address, identity_of
from velocipy.limiter.limiter import Limiter, Rules
from velocipy.limiter.rule import RateLimitRule, check_rules
from velocipy.limiter.verdict import Verdict
from velocipy.websocket import WebSocket

Over = Literal["close", "wait", "drop"]
Message = str | bytes

MAX_WAIT: Final = 60.0
"""Seconds that a message may have to wait; a client that sends faster than that is closed."""


async def _close(websocket: WebSocket, verdict: Verdict) -> None:
    await websocket.close(1008, "rate limit exceeded")


async def _wait(websocket: WebSocket, verdict: Verdict) -> None:
    wait = verdict.retry_after
    if wait is None or wait > MAX_WAIT:
        await _close(websocket, verdict)
    else:
        await asyncio.sleep(wait)


async def _drop(websocket: WebSocket, verdict: Verdict) -> None:
    """The message is as if it had not come."""


_OVER: Final[dict[Over, Callable[[WebSocket, Verdict], Awaitable[None]]]] = {
    "close": _close,
    "wait": _wait,
    "drop": _drop,
}


def limited_messages(
    websocket: WebSocket,
    limiter: Limiter,
    rules: Rules,
    identifier: Identify | None = None,
    *,
    cost: Callable[[Message], int] | None = None,
    over: Over = "close",
) -> AsyncIterator[Message]:
    """Messages until the peer closes, each counted: `async for message in limited_messages(websocket, limiter, ["10/second"])`.

    One that is over a limit closes the WebSocket with 1008 (RFC 6455 section 7.4.1), or waits until it fits, while the next ones
    stay where the server keeps them (`over="wait"`), or is left out (`"drop"`). `cost=message_bytes` counts bytes in place of
    messages. Raises ConfigurationError.
    """
    checked = check_rules(rules, "limited_messages")
    if over not in _OVER:
        raise ConfigurationError(
            f"over of limited_messages is one of {', '.join(map(repr, _OVER))}, not {over!r}"
        )
    return _messages(
        websocket, limiter, checked, client_address if identifier is None else identifier, cost, over
    )


def message_bytes(message: Message) -> int:
    """The bytes of a message on the wire, as a cost; text is UTF-8 there."""
    return len(message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass"))


async def _messages(
    websocket: WebSocket,
    limiter: Limiter,
    rules: tuple[RateLimitRule, ...],
    identify: Identify,
    cost: Callable[[Message], int] | None,
    over: Over,
) -> AsyncIterator[Message]:
    identity = await identity_of(identify, websocket)
    meet = _OVER[over]
    async for message in websocket:
        units = None if cost is None else cost(message)
        verdict = await limiter.check(identity, rules, units)
        while not verdict.allowed:
            await meet(websocket, verdict)
            if websocket.closed:
                return
            if over == "drop":
                break
            verdict = await limiter.check(identity, rules, units)
        else:
            yield message
