"""Servers whose requests are one task: what the log says of it, once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from velocipy import VelociPy
from velocipy.http.leaving import SHARED_TASK
from velocipy.testing import TestClient

Shared = type(SHARED_TASK, (asyncio.Task,), {})


class InOneTask:
    """Runs each exchange of an app in a task of the class that is given."""

    def __init__(self, app: VelociPy, task: Any) -> None:
        self.app, self.task = app, task

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.task(self.app(scope, receive, send))


def said(caplog: pytest.LogCaptureFixture) -> int:
    return sum("in one task that cannot be cancelled" in record.message for record in caplog.records)


@pytest.mark.parametrize(("task", "count"), [(Shared, 1), (asyncio.Task, 0)])
def test_a_task_that_all_share_is_warned_of_once(
    task: Any, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Over ASGI; the class is Granian's on both protocols."""
    app = VelociPy(plugins=False)

    @app.get("/")
    async def home() -> str:
        return "home"

    with caplog.at_level(logging.WARNING), TestClient(InOneTask(app, task), interface="asgi") as client:
        for _ in range(3):
            assert client.get("/").text == "home"
        assert client.get("/nothing").status_code == 404
    assert said(caplog) == count


def test_nobody_is_warned_where_requests_have_tasks_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    for interface in ("asgi", "rsgi"):
        with TestClient(VelociPy(plugins=False), interface=interface) as client:
            assert client.get("/").status_code == 404
    assert said(caplog) == 0
