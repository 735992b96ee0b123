"""What a Limiter says in the log about its storage."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from velocipy.limiter import Limiter, RateLimitRule
from velocipy.limiter import limiter as limiter_module
from velocipy.limiter.storage import MemoryStorage

RULES = (RateLimitRule("r", 100, 60),)


class HalfBroken(MemoryStorage):
    """A cluster of which one server is lost: some identities have a storage, others have none."""

    async def decide(self, rules: Any, identity: str, cost: int | None = None) -> Any:
        if identity == "unlucky":
            raise ConnectionError("lost")
        return await super().decide(rules, identity, cost)


def test_a_storage_that_works_for_some_alone_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(limiter_module, "monotonic", lambda: now)
    limiter = Limiter(HalfBroken())
    caplog.set_level(logging.WARNING, "velocipy.limiter")

    def said() -> list[bool]:
        return ["out of order" in message for message in caplog.messages]

    async def ask(*identities: str) -> None:
        for identity in identities:
            assert (await limiter.check(identity, RULES)).allowed
            assert limiter.failing == (identity == "unlucky")

    asyncio.run(ask("lucky", *["unlucky", "lucky"] * 20))
    assert said() == [True, False]
    now += 9.9
    asyncio.run(ask(*["unlucky"] * 3))
    assert said() == [True, False]
    now += 0.2
    asyncio.run(ask(*["unlucky"] * 3, *["lucky", "unlucky"] * 3))
    assert said() == [True, False, True, False]
