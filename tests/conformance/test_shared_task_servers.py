"""Granian's `--task-impl rust`, which Python 3.11 alone has: the app is served, and the log says what it costs."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
import pytest
from servers import serve

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="Granian takes asyncio's tasks from 3.12 on"),
]


@pytest.mark.parametrize("kind", ["granian-rsgi", "granian-asgi"])
@pytest.mark.parametrize(("task", "count"), [("rust", 1), ("asyncio", 0)])
def test_the_log_warns_once_of_a_task_that_all_share(kind: str, task: str, count: int) -> None:
    options = ("--task-impl", task)
    with serve(kind, "proxied_app:app", cwd=HERE, options=options) as server:
        for _ in range(3):
            assert httpx2.get(f"{server.url}/show", timeout=10).status_code == 200
        assert server.log().count("in one task that cannot be cancelled") == count
        assert server.stop() == 0, server.tail()
