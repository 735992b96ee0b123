"""What an app sets up before its first request and takes down after its last. Knows the order; no server's events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from velocipy.exceptions import ConfigurationError

logger = logging.getLogger("velocipy")

LifespanFactory = Callable[[Any], AbstractAsyncContextManager[Any]]


class Lifespan:
    """Runs `lifespan(app)`, an async context manager, once per event loop around all requests.

    A mapping that it yields joins `app.state`.
    """

    def __init__(self, app: Any, factory: LifespanFactory | None) -> None:
        self._app = app
        self._factory = factory
        self._entered: dict[int, AbstractAsyncContextManager[Any]] = {}

    async def start(self) -> None:
        """Enter it on the running loop. What it raises ends the server, so that no half-made app answers."""
        loop = id(asyncio.get_running_loop())
        if self._factory is None or loop in self._entered:
            return
        manager = self._factory(self._app)
        if not hasattr(manager, "__aenter__"):
            from velocipy.routing.route import callable_name, location_of

            raise ConfigurationError(
                f"lifespan {callable_name(self._factory)} ({location_of(self._factory)}) is no async context manager: decorate "
                "it with contextlib.asynccontextmanager"
            )
        yielded = await manager.__aenter__()
        self._entered[loop] = manager
        if isinstance(yielded, Mapping):
            self._app.state.update(yielded)

    async def stop(self) -> None:
        """Leave it on the running loop; without effect where it was never entered."""
        manager = self._entered.pop(id(asyncio.get_running_loop()), None)
        try:
            if manager is not None:
                await manager.__aexit__(None, None, None)
        finally:
            from velocipy import threads

            if not self._entered:
                await asyncio.get_running_loop().run_in_executor(None, threads.shut_down)
