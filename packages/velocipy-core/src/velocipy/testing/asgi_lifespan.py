"""The lifespan protocol from the server's side. Knows its four messages and two failures; serves no request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velocipy.testing.asgi import ASGIApp, Message

# How long an app that sent `failed` gets to raise the reason, in seconds.
RAISE_GRACE = 1.0


class Lifespan:
    """The lifespan task of one app, alive between `startup` and `shutdown`.

    What the app raises is raised here.
    """

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(maxsize=2)
        self._outbox: asyncio.Queue[Message] = asyncio.Queue(maxsize=4)
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Raises the app's exception, or RuntimeError with its message when it only reports a failure."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._ask("startup", self._task)

    async def shutdown(self) -> None:
        """Raises as `startup` does."""
        if self._task is None:
            return
        if not self._task.done():
            await self._ask("shutdown", self._task)
        await self._task

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        await self._app(scope, self._inbox.get, self._outbox.put)

    async def _ask(self, phase: str, task: asyncio.Task[None]) -> None:
        """Sends one event and waits for its answer. An app that returns without one has nothing to do."""
        await self._inbox.put({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait((answer, task), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await task
        elif answer.result()["type"] != f"lifespan.{phase}.complete":
            await self._fail(phase, task, answer.result())

    async def _fail(self, phase: str, task: asyncio.Task[None], message: Message) -> None:
        """The app's exception says more than its message."""
        await asyncio.wait((task,), timeout=RAISE_GRACE)
        if task.done():
            await task
        task.cancel()
        if message["type"] != f"lifespan.{phase}.failed":
            raise RuntimeError(f"the app answered lifespan.{phase} with {message['type']!r}")
        raise RuntimeError(f"the app's {phase} failed: {message.get('message', '')}")
