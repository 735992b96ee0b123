"""examples/rate_limit.py does what its header says, on both protocols; its Redis form where a Redis is named."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from test_examples import interface, load

from velocipy.exceptions import MissingAdapterError, WebSocketDisconnect
from velocipy.testing import AsyncTestClient, TestClient

__all__ = ["interface"]  # a fixture, which is found by its name


@pytest.fixture
def client(interface: Any, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.delenv("REDIS_URL", raising=False)
    return TestClient(load("rate_limit").app, interface=interface)


def test_the_sixth_search_within_ten_seconds_is_refused(client: TestClient) -> None:
    answers = [client.get("/search?q=boots") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    names = ["all", "search-burst", "search-day"]
    for answer in answers:
        for field in ("ratelimit", "ratelimit-policy"):
            assert [item.split(";")[0].strip('"') for item in answer.headers[field].split(", ")] == names
    assert '"search-day";r=195;' in answers[5].headers["ratelimit"]
    assert 1 <= int(answers[5].headers["retry-after"]) <= 10


def test_an_export_costs_ten(client: TestClient) -> None:
    assert [client.get("/reports/1?format=csv").status_code for _ in range(11)] == [200] * 10 + [429]


def test_two_exports_run_at_once(interface: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)

    async def main() -> list[int]:
        async with AsyncTestClient(load("rate_limit").app, interface=interface) as client:
            answers = await asyncio.gather(*(client.get("/export") for _ in range(3)))
            assert {answer.headers.get("retry-after") for answer in answers} == {None, "5"}
            return sorted(answer.status_code for answer in answers)

    assert asyncio.run(main()) == [200, 200, 503]


def test_only_wrong_passwords_count(client: TestClient) -> None:
    tried = ["talons"] * 5 + ["wrong"] * 3 + ["talons"]
    answers = [client.post(f"/login?password={word}").status_code for word in tried]
    assert answers == [200] * 5 + [401] * 3 + [429]


def test_a_probe_is_told_nothing(client: TestClient) -> None:
    assert "ratelimit" not in client.get("/health").headers
    assert '"all";r=999;' in client.get("/nowhere").headers["ratelimit"]


def test_a_chat_that_is_too_fast_is_closed(client: TestClient) -> None:
    with client.websocket_connect("/chat") as ws:
        with pytest.raises(WebSocketDisconnect):
            for number in range(100):
                ws.send_text(str(number))
                assert ws.receive_text() == str(number)
        assert number >= 5


def test_the_redis_form_counts_in_redis_or_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import velocipy.redis

    if hasattr(velocipy.redis, "RedisStorage"):
        monkeypatch.setenv("REDIS_URL", os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
        assert type(load("rate_limit").limiter.storage).__module__.startswith("velocipy.redis")
    else:
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379")
        with pytest.raises(MissingAdapterError, match="pip install velocipy-redis"):
            load("rate_limit")
