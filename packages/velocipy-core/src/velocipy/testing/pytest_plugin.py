"""The plugin of pytest: clients for the `app` of a project, as fixtures. Knows pytest; pytest loads it, nothing of ours does.

    @pytest.fixture
    def app() -> VelociPy: ...                              yours, in conftest.py

    @pytest.mark.velocipy(protocols=["rsgi", "asgi"])       the test runs once on each
    def test_hello(client: TestClient) -> None: ...

Imports nothing but names: a run that tests no app pays for no client.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from velocipy.testing.async_client import AsyncTestClient
    from velocipy.testing.client import TestClient
    from velocipy.testing.clock import Clock
    from velocipy.testing.fixtures import Override

PROTOCOLS: Final = ("asgi", "rsgi")

NOT_OPTIONS: Final = frozenset(("app", "interface"))
"""What a client takes from the fixtures."""

MARKER: Final = (
    "velocipy(protocols=None, lifespan=True, **options): protocols on which the test runs, 'asgi' and 'rsgi'; whether the lifespan "
    "runs; whatever else TestClient takes, such as raise_server_exceptions=False"
)

NO_APP: Final = """the fixtures of velocipy need one that is called `app`. In conftest.py:

    @pytest.fixture
    def app() -> VelociPy:
        return main.app"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`velocipy_protocols = ["rsgi", "asgi"]` for all tests that have no marker of their own."""
    parser.addini("velocipy_protocols", "protocols on which tests with a client run: asgi, rsgi", "args", [])


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line("markers", MARKER)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the markers of a test ask for, the nearest first where several say one thing."""

    protocols: Sequence[str] | None
    lifespan: bool
    options: dict[str, Any]
    """Of the client."""


def _asked(node: pytest.Item) -> Asked:
    keywords: dict[str, Any] = {}
    for marker in node.iter_markers("velocipy"):
        if marker.args:
            raise pytest.UsageError(
                f"{node.nodeid}: velocipy() takes keywords alone: velocipy(protocols=['rsgi', 'asgi'])"
            )
        keywords = {**marker.kwargs, **keywords}
    return Asked(keywords.pop("protocols", None), keywords.pop("lifespan", True), keywords)


def _check_options(options: dict[str, Any], where: str) -> None:
    if not options:
        return
    from velocipy.messages import did_you_mean
    from velocipy.testing.client import TestClient

    known = [*inspect.signature(TestClient).parameters, "protocols", "lifespan"]
    for name in options:
        if name not in known or name in NOT_OPTIONS:
            raise pytest.UsageError(f"{where}: velocipy() takes no {name!r}{did_you_mean(name, known)}")


def _check_protocols(protocols: Sequence[str], where: str) -> list[str]:
    chosen = [protocols] if isinstance(protocols, str) else list(protocols)
    for protocol in chosen:
        if protocol not in PROTOCOLS:
            raise pytest.UsageError(f"{where}: protocols are 'asgi' and 'rsgi', not {protocol!r}")
    return chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each protocol."""
    if "velocipy_protocol" not in metafunc.fixturenames:
        return
    where, asked = metafunc.definition.nodeid, _asked(metafunc.definition)
    _check_options(asked.options, where)
    if asked.protocols is None:
        protocols = _check_protocols(metafunc.config.getini("velocipy_protocols"), "velocipy_protocols")
    else:
        protocols = _check_protocols(asked.protocols, where)
    if protocols:
        metafunc.parametrize("velocipy_protocol", protocols)


@pytest.fixture
def app() -> Any:
    """The app to test: define a fixture of this name."""
    pytest.fail(NO_APP, pytrace=False)


@pytest.fixture
def velocipy_protocol() -> str | None:
    """The protocol of this test, "asgi" or "rsgi"; None leaves it to the client."""
    return None


@pytest.fixture
def client(request: pytest.FixtureRequest, app: Any, velocipy_protocol: str | None) -> Iterator[TestClient]:
    """A TestClient on `app`, its lifespan running."""
    from velocipy.testing.client import TestClient

    asked = _asked(request.node)
    client = TestClient(app, interface=velocipy_protocol, **asked.options)
    try:
        if asked.lifespan:
            client.__enter__()
        yield client
    finally:
        client.close()


@pytest.fixture
def async_client(request: pytest.FixtureRequest, app: Any, velocipy_protocol: str | None) -> AsyncTestClient:
    """An AsyncTestClient on `app` for a test that is a coroutine function; the lifespan runs around the test, in its loop."""
    from velocipy.testing.async_client import AsyncTestClient

    return AsyncTestClient(app, interface=velocipy_protocol, **_asked(request.node).options)


@pytest.fixture
def override(app: Any) -> Iterator[Override]:
    """`override(current_user, lambda: "alice")`: a dependency of `app` replaced until the test is over."""
    with ExitStack() as replaced:

        def put(dependency: Callable[..., Any], replacement: Callable[..., Any], /) -> None:
            replaced.enter_context(app.override({dependency: replacement}))

        yield put


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Time that stands still and moves when it is told to: `clock.move(60)`."""
    from velocipy.testing.clock import Clock

    with Clock() as held:
        yield held


# Coroutine tests. The lifespan must start and end in the loop of the test, whichever plugin makes that; so the test function itself
# is wrapped, between setup and teardown. Where no other plugin runs it, `asyncio.run` does.


def _is_ours(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and "async_client" in item.fixturenames
        and inspect.iscoroutinefunction(item.obj)
    )


ORIGINAL: Final = pytest.StashKey["Callable[..., Any]"]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Put the lifespan around the test function."""
    result = yield
    if isinstance(item, pytest.Function) and _is_ours(item):
        item.stash[ORIGINAL] = item.obj
        item.obj = _within(
            item.obj, cast("AsyncTestClient", item.funcargs["async_client"]), _asked(item).lifespan
        )
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Take it away again: the test may be run once more."""
    original = item.stash.get(ORIGINAL, None)
    if original is not None and isinstance(item, pytest.Function):
        item.obj = original
        del item.stash[ORIGINAL]
    return (yield)


def _within(test: Callable[..., Any], client: AsyncTestClient, lifespan: bool) -> Callable[..., Any]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> Any:
        try:
            if lifespan:
                await client.__aenter__()
            return await test(*args, **kwargs)
        finally:
            await client.aclose()

    return run


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test that no other plugin has run."""
    if not _is_ours(pyfuncitem):
        return None
    import asyncio  # not for runs without such tests

    wanted = pyfuncitem._fixtureinfo.argnames  # pyright: ignore[reportPrivateUsage]  # pytest has no public name for it
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True
