"""Values of app-scoped dependencies: made when the app starts, torn down when it stops, once an event loop. Knows no requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from velocipy.exceptions import BindingError
from velocipy.handlers.markers import Dependency
from velocipy.handlers.scope import Teardown
from velocipy.handlers.signature import How, as_context_manager, how_called, identity, read_signature
from velocipy.routing.route import callable_name, shown
from velocipy.threads import in_thread

Resolve = Callable[[Dependency], Callable[..., Any]]


@dataclass(frozen=True, slots=True, eq=False)
class AppCall:
    """How one app-scoped value is made: what is called, and the values, app-scoped themselves, that it is called with."""

    function: Callable[..., Any]
    how: How
    args: tuple[AppCall, ...]
    keywords: tuple[tuple[str, AppCall], ...]
    key: Hashable
    """Equal for calls of one function with equal values: what an override changed deep inside is another value."""


def app_call(
    function: Callable[..., Any], resolve: Resolve, above: tuple[Callable[..., Any], ...] = ()
) -> AppCall:
    """The way to make the value of `function`; what it depends on is app-scoped too, unless it says otherwise.

    Raises BindingError for a function that needs anything of a request: there is none when the app starts.
    """
    if any(function is caller for caller in above):
        circle = " -> ".join(callable_name(caller) for caller in (*above, function))
        raise BindingError(
            f"app-scoped dependencies go in a circle: {circle}; {shown(function)} must not need itself"
        )
    args: list[AppCall] = []
    keywords: list[tuple[str, AppCall]] = []
    for parameter in read_signature(function):
        if not isinstance(parameter.marker, Dependency):
            raise BindingError(
                f"{parameter.where}: {shown(function)} has scope='app' and is called when the app starts, where there is no "
                f"request to read {parameter.name!r} from: leave it out, or make the dependency request-scoped"
            )
        needed = resolve(parameter.marker)
        if parameter.marker.scope not in (None, "app"):
            raise BindingError(
                f"{parameter.where}: {shown(function)} has scope='app' and would outlive {shown(needed)}, which has "
                f"scope={parameter.marker.scope!r}: give that scope='app' too"
            )
        call = app_call(needed, resolve, (*above, function))
        if parameter.keyword_only:
            keywords.append((parameter.name, call))
        else:
            args.append(call)
    key = (identity(function), *(call.key for call in args), *((name, call.key) for name, call in keywords))
    return AppCall(function, how_called(function), tuple(args), tuple(keywords), key)


class AppValues:
    """The values of an app, by event loop. Values that are first asked for later are made then, and last as long."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._announced: dict[Hashable, Dependency] = {}
        self._loops: dict[asyncio.AbstractEventLoop, _Values] = {}

    def announce(self, dependencies: Iterable[Dependency]) -> None:
        """Note what a route needs, in the order in which it shall be made."""
        for dependency in dependencies:
            self._announced.setdefault(identity(dependency.call), dependency)

    async def start(self) -> None:
        """Make the values in the order of their routes, overrides applied. Where one fails, those made are torn down again."""
        values = self._loops[asyncio.get_running_loop()] = _Values()
        try:
            for dependency in list(self._announced.values()):
                await values.get(app_call(self._resolve(dependency), self._resolve))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Tear down the values of this loop, the last made first; without effect where there are none."""
        values = self._loops.pop(asyncio.get_running_loop(), None)
        if values is not None:
            await values.teardown.before_send(None)

    async def value(self, call: AppCall) -> Any:
        """The value. Raises RuntimeError before the app has started, and after it has stopped."""
        values = self._loops.get(asyncio.get_running_loop())
        if values is None:
            raise RuntimeError(
                f"{shown(call.function)} has scope='app' and the app has not started: serve it with its lifespan, in tests with "
                "`with TestClient(app) as client:`"
            )
        known = values.made.get(call.key, values)
        return await values.get(call) if known is values else known


class _Values:
    """What has been made on one loop."""

    def __init__(self) -> None:
        self.made: dict[Any, Any] = {}
        self.teardown = Teardown()
        self._turn = asyncio.Lock()

    async def get(self, call: AppCall) -> Any:
        """A value, made now if need be; two requests that ask at once get one."""
        async with self._turn:
            return await self._make(call)

    async def _make(self, call: AppCall) -> Any:
        key = call.key
        if key not in self.made:
            args = [await self._make(needed) for needed in call.args]
            keywords = {name: await self._make(needed) for name, needed in call.keywords}
            function = as_context_manager(call.function, call.how)
            self.made[key] = await _WAYS[call.how](self.teardown, function, args, keywords)
        return self.made[key]


async def _plain(function: Any, args: Any, keywords: Any) -> Any:
    return function(*args, **keywords)


_WAYS: dict[How, Callable[[Teardown, Any, Any, Any], Awaitable[Any]]] = {
    How.AWAIT: lambda teardown, function, args, keywords: function(*args, **keywords),
    How.PLAIN: lambda teardown, function, args, keywords: _plain(function, args, keywords),
    How.THREAD: lambda teardown, function, args, keywords: in_thread(function, *args, **keywords),
    **dict.fromkeys(
        (How.ASYNC_GENERATOR, How.ASYNC_CONTEXT),
        lambda teardown, function, args, keywords: teardown.enter(function(*args, **keywords), None),
    ),
    **dict.fromkeys(
        (How.GENERATOR, How.CONTEXT),
        lambda teardown, function, args, keywords: teardown.enter_in_thread(
            function(*args, **keywords), None
        ),
    ),
}
"""A way a kind of callable; a test holds it against `How`."""
