"""An app whose limits are in a Redis that fails, one route for each policy, and what of it must come in which time. Knows no fault.

    async with asking("asgi", proxy.url) as redis:
        await redis.decide()            each policy says what it should, in time
        await redis.spend()             the two of /two are taken
        await redis.back()              the counts are Redis' own again

A decision has 300 ms, of which its deadline is 250, and PATIENCE more, which is less than the second that a slow Redis takes. It is the
time that the loop had: the machine does other things beside the tests. What is about answers and not about time is asked with a
deadline of UNHURRIED seconds, which nothing misses.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from durations import loop_seconds
from redis_server import Server

from velocipy import AsyncTestClient, Depends, VelociPy
from velocipy.limiter import Limiter, RateLimitRule, rate_limit
from velocipy.redis import RedisStorage

PATIENCE = 0.5
IN_TIME = 0.3 + PATIENCE
BACK_WITHIN = 20.0
UNHURRIED = 10.0

_numbers = count()


class Asking:
    """The app, its client, and what is behind them."""

    def __init__(self, client: Any, limiter: Limiter, storage: Any) -> None:
        self.client = client
        self.limiter = limiter
        self.storage = storage

    async def answer(self, path: str) -> tuple[int, Any]:
        """(status, text or JSON) of one request, which must come in time."""
        async with loop_seconds() as took:
            answer = await self.client.get(path)
            assert took() < IN_TIME, f"{path} took {took():.2f} s"
        return answer.status_code, answer.text if answer.status_code == 200 else answer.json()

    async def decide(self) -> None:
        """While Redis is out of order: deny is 503, allow lets all in, memory counts in this process."""
        assert await self.answer("/deny") == (503, {"detail": "Service Unavailable"})
        for _ in range(2):  # more than the limit of one
            assert await self.answer("/allow") == (200, "in")
        assert (await self.answer("/memory"))[0] == 200
        assert self.limiter.failing

    async def back(self) -> None:
        """Returns when the storage decides, while a client comes every 50 ms."""
        ends = time.monotonic() + BACK_WITHIN
        while time.monotonic() < ends:
            assert (await self.client.get("/memory")).status_code == 200
            if not self.limiter.failing:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come back")

    async def spend(self) -> None:
        """Take what /two has, until Redis itself refuses; a decision that came too late may have been counted."""
        told, ends = Counter[int](), time.monotonic() + BACK_WITHIN
        while not told[429]:
            assert time.monotonic() < ends
            await self.back()
            told[(await self.answer("/two"))[0]] += 1
        assert 2 - told[503] <= told[200] <= 2, told

    async def spent(self) -> None:
        """Redis refuses /two, as soon as it says anything, and admits nobody."""
        ends = time.monotonic() + BACK_WITHIN
        while (told := (await self.answer("/two"))[0]) == 503:
            assert time.monotonic() < ends
            await self.back()
        assert told == 429


async def inside() -> str:
    """What is limited."""
    return "in"


@asynccontextmanager
async def asking(interface: Any, url: str, **options: Any) -> AsyncIterator[Asking]:
    """An app over that protocol whose limits are at that URL, under keys that nobody else has."""
    storage = RedisStorage(url, **{"prefix": f"fault{next(_numbers)}:", **options})
    limiter = Limiter(storage)
    app = VelociPy(plugins=False)
    for policy, limit in (("memory", 1_000), ("allow", 1), ("deny", 1_000), ("two", 2)):
        rule = RateLimitRule(policy, limit, 86_400, on_error="deny" if policy == "two" else policy)  # type: ignore[arg-type]
        app.add_route(f"/{policy}", inside, dependencies=[Depends(rate_limit(limiter, [rule]))])
    async with AsyncTestClient(app, interface=interface) as client:
        try:
            yield Asking(client, limiter, storage)
        finally:
            await storage.close()


class Said:
    """What the log has of the storage, and of the limiter."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def lines(self, name: str = "velocipy.redis") -> list[str]:
        return [
            record.getMessage()
            for record in self._caplog.records
            if record.name == name and "counted in the memory" not in record.getMessage()
        ]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all cases that do not harm it."""
    with Server(tmp_path_factory.mktemp("valkey"), "--save", "") as started:
        yield started


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    """The log of a case, in which asyncio must not complain."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.WARNING, "asyncio")
    yield Said(caplog)
    assert [record for record in caplog.records if record.name == "asyncio"] == []
