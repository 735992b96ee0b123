"""What a Limiter says in the log about its storage."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from velocipy.exceptions import ConfigurationError
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


class Broken(MemoryStorage):
    """Counts nothing at all, and knows of one setting that is wrong."""

    async def decide(self, rules: Any, identity: str, cost: int | None = None) -> Any:
        raise ConfigurationError("two clusters") if identity == "wrong" else ConnectionError("lost")

    closed = False

    async def close(self) -> None:
        self.closed = True

    async def reset(self, rules: Any, identity: str) -> None:
        raise ConnectionError("lost")

    async def refund(self, rules: Any, identity: str, cost: int | None = None) -> None:
        raise ConnectionError("lost")


def test_forgetting_and_giving_back_fail_quietly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "velocipy.limiter")
    limiter = Limiter(Broken())
    asyncio.run(limiter.reset("x", RULES))
    assert limiter.failing and "ConnectionError: lost" in caplog.text
    asyncio.run(limiter.refund("x", RULES))
    assert len(caplog.messages) == 1


def test_a_setting_that_is_wrong_is_no_storage_that_is_out_of_order() -> None:
    limiter = Limiter(Broken())
    with pytest.raises(ConfigurationError, match="two clusters"):
        asyncio.run(limiter.check("wrong", RULES))
    assert not limiter.failing


def test_rules_without_end_do_not_pile_up_while_a_storage_is_out_of_order() -> None:
    limiter = Limiter(Broken())

    async def main() -> None:
        for number in range(1_100):
            rule = RateLimitRule("r", number + 1, 60, on_error="allow")
            assert (await limiter.check("x", (rule,))).allowed

    asyncio.run(main())
    assert len(limiter._spare_rules) <= 1024


def test_a_limiter_lets_go_of_its_storage() -> None:
    storage = Broken()
    asyncio.run(Limiter(storage).close())
    assert storage.closed
