"""An app with limits on storages of every kind, and time as a number, for the cases of limits and of Redis. Knows no case.

clock = Clock()
for storage in storages(url, clock): client_of(limited(storage, rule))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from limit_machine import Clock, in_cells, in_memory

from velocipy import Depends, VelociPy, WebSocket
from velocipy.limiter import Limiter, RateLimitAlgorithm, RateLimitRule, rate_limit
from velocipy.limiter.storage import RedisStorage

ALGORITHMS = tuple(RateLimitAlgorithm)
SECOND = 1_000_000
"""Microseconds."""

_numbers = count()


def in_redis(url: str, clock: Any = None, **options: Any) -> Any:
    """A storage whose keys nobody else has; with a clock it goes by that one."""
    storage = RedisStorage(url, **{"prefix": f"case{next(_numbers)}:", "deadline": 5, **options})
    if clock is not None:
        storage.limits._time = lambda: str(clock.now)
    return storage


def storages(url: str, clock: Clock) -> Iterator[Any]:
    """One of each kind, all on one clock."""
    yield in_memory(clock)
    yield in_cells(clock)
    yield in_redis(url, clock)


def rule_of(
    kind: RateLimitAlgorithm = RateLimitAlgorithm.FIXED_WINDOW,
    limit: int = 5,
    window: float = 60,
    name: str = "r",
    **more: Any,
) -> RateLimitRule:
    return RateLimitRule(name, limit, window, algorithm=kind, **more)


def limited(storage: Any, *rules: RateLimitRule, **options: Any) -> VelociPy:
    """An app whose routes are all limited by these rules, and that closes its storage; `identifier` and `exempt` go to the limit."""
    proxies = options.pop("proxy_headers", None)
    limiter = Limiter(storage)

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        yield
        await limiter.close()

    guard = Depends(rate_limit(limiter, list(rules), **options))
    app = VelociPy(plugins=False, dependencies=[guard], proxy_headers=proxies, lifespan=lifespan)

    @app.get("/")
    async def home() -> str:
        return "in"

    @app.get("/fails")
    async def fails() -> None:
        raise LookupError("on purpose")

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app
