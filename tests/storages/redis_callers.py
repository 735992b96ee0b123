"""Many callers of one limit, as a process of its own runs them: a plain module, since a process imports what it is to call."""

from __future__ import annotations

import asyncio

from velocipy.limiter import RateLimitAlgorithm, RateLimitRule
from velocipy.limiter.storage import RedisStorage


def admitted(url: str, prefix: str, kind: RateLimitAlgorithm, calls: int) -> int:
    """How many of so many calls at once are admitted by a limit of 100 an hour, whoever else calls."""

    async def main() -> int:
        storage = RedisStorage(url, prefix=prefix, max_connections=16, deadline=30)
        rules = (RateLimitRule("r", 100, 3600, algorithm=kind),)
        told = await asyncio.gather(*(storage.decide(rules, "everybody") for _ in range(calls)))
        await storage.close()
        return sum(verdict.allowed for verdict in told)

    return asyncio.run(main())
