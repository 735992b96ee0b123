"""Dependencies that live as long as the app: when they start and stop, who shares them, and what they must not need."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest

from velocipy import APIRouter, Depends, Request, VelociPy
from velocipy.exceptions import BindingError
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def make(events: list[str]) -> VelociPy:
    def settings() -> str:
        events.append("settings")
        return "s"

    async def pool(settings: Annotated[str, Depends(settings)]) -> AsyncIterator[str]:
        events.append("pool starts")
        yield f"pool of {settings}"
        events.append("pool stops")

    def cache() -> Iterator[str]:
        events.append("cache starts")
        yield "cache"
        events.append("cache stops")

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        events.append("lifespan starts")
        yield
        events.append("lifespan stops")

    app = VelociPy(lifespan=lifespan, plugins=False)

    @app.get("/pool")
    async def read_pool(pool: Annotated[str, Depends(pool, scope="app")]) -> str:
        return pool

    @app.get("/both")
    async def read_both(
        cache: Annotated[str, Depends(cache, scope="app")], pool: Annotated[str, Depends(pool, scope="app")]
    ) -> str:
        return f"{cache}, {pool}"

    app.state.pool = pool
    return app


@both
def test_values_start_in_order_after_the_lifespan_and_stop_in_reverse_before_it(interface: Any) -> None:
    events: list[str] = []
    with TestClient(make(events), interface=interface) as client:
        assert events == ["lifespan starts", "settings", "pool starts", "cache starts"]
        for _ in range(3):
            assert client.get("/pool").text == "pool of s"
            assert client.get("/both").text == "cache, pool of s"
        assert len(events) == 4
    assert events[4:] == ["cache stops", "pool stops", "lifespan stops"]


@both
def test_without_a_lifespan_a_request_is_told_why_there_is_no_value(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(make([]), interface=interface, raise_server_exceptions=False)
    assert client.get("/pool").status_code == 500
    assert "has scope='app' and the app has not started" in caplog.text


@both
def test_a_value_that_is_overridden_is_never_made(interface: Any) -> None:
    events: list[str] = []
    app = make(events)
    with (
        app.override({app.state.pool: lambda: "fake"}),
        TestClient(app, interface=interface) as client,
    ):
        assert client.get("/pool").text == "fake"
    assert "pool starts" not in events
    assert app.dependency_overrides == {}


@both
def test_a_value_that_is_first_needed_later_is_made_then_and_once(interface: Any) -> None:
    made: list[int] = []

    async def late() -> AsyncIterator[int]:
        made.append(1)
        await asyncio.sleep(0.01)
        yield len(made)
        made.append(-1)

    app = VelociPy(plugins=False)

    async def go() -> None:
        async with AsyncTestClient(app, interface=interface) as client:

            @app.get("/")
            async def endpoint(value: Annotated[int, Depends(late, scope="app")]) -> int:
                return value

            answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
            assert [answer.json() for answer in answers] == [1] * 5
            assert made == [1]
        assert made == [1, -1]

    asyncio.run(go())


@both
def test_a_start_that_fails_takes_down_what_had_started(interface: Any) -> None:
    events: list[str] = []
    app = make(events)

    async def broken() -> None:
        raise ValueError("no database")

    @app.get("/broken")
    async def endpoint(value: Annotated[None, Depends(broken, scope="app")]) -> None: ...

    with pytest.raises(Exception, match="no database"), TestClient(app, interface=interface):
        pass
    assert events[-2:] == ["cache stops", "pool stops"]


@both
def test_one_function_of_the_app_and_of_the_request_is_two_values(interface: Any) -> None:
    calls: list[int] = []

    async def number() -> int:
        calls.append(1)
        return len(calls)

    app = VelociPy(plugins=False)

    @app.get("/")
    async def endpoint(
        own: Annotated[int, Depends(number)], shared: Annotated[int, Depends(number, scope="app")]
    ) -> list[int]:
        return [own, shared]

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == [2, 1]
        assert client.get("/").json() == [3, 1]


def test_an_app_scoped_dependency_has_no_request() -> None:
    async def pool(request: Request) -> None: ...

    async def endpoint(pool: Annotated[None, Depends(pool, scope="app")]) -> None: ...

    with pytest.raises(BindingError) as caught:
        VelociPy().get("/")(endpoint)
    where = f"{__file__}:{pool.__code__.co_firstlineno}"
    assert str(caught.value).startswith(
        f"parameter 'request' of pool ({where}): pool ({where}) has scope='app' and is called when the app starts"
    )


@pytest.mark.parametrize("scope", ["request", "function"])
def test_an_app_scoped_dependency_needs_no_shorter_lived_one(scope: Any) -> None:
    async def session() -> AsyncIterator[None]:
        yield

    async def pool(session: Annotated[None, Depends(session, scope=scope)]) -> None: ...

    async def endpoint(pool: Annotated[None, Depends(pool, scope="app")]) -> None: ...

    with pytest.raises(
        BindingError, match=rf"would outlive session .* scope='{scope}': give that scope='app' too"
    ):
        VelociPy().get("/")(endpoint)


def test_app_scoped_dependencies_must_not_go_in_a_circle() -> None:
    async def first(second: Any) -> None: ...

    async def second(first: Annotated[None, Depends(first)]) -> None: ...

    first.__annotations__["second"] = Annotated[None, Depends(second)]

    async def endpoint(value: Annotated[None, Depends(first, scope="app")]) -> None: ...

    with pytest.raises(
        BindingError, match="app-scoped dependencies go in a circle: first -> second -> first"
    ):
        VelociPy().get("/")(endpoint)


@both
def test_app_scoped_values_reach_routers_and_guards(interface: Any) -> None:
    async def pool() -> str:
        return "pool"

    async def check(pool: Annotated[str, Depends(pool, scope="app")]) -> None:
        assert pool == "pool"

    router = APIRouter("/r", dependencies=[Depends(check)])

    @router.get("/x")
    async def endpoint(pool: Annotated[str, Depends(pool, scope="app")]) -> str:
        return pool

    app = VelociPy(plugins=False)
    app.include_router(router)
    with TestClient(app, interface=interface) as client:
        assert client.get("/r/x").text == "pool"


def test_override_gives_back_what_was_overridden_before() -> None:
    app = VelociPy()
    app.dependency_overrides[int] = float
    with pytest.raises(KeyError), app.override({int: str, bool: str}):
        assert app.dependency_overrides == {int: str, bool: str}
        raise KeyError
    assert app.dependency_overrides == {int: float}


@both
def test_a_class_is_made_once_with_what_it_needs_by_keyword(interface: Any) -> None:
    async def url() -> str:
        return "db://a"

    class Pool:
        def __init__(self, *, url: Annotated[str, Depends(url, scope="app")]) -> None:
            self.url = url

    seen: list[Pool] = []
    app = VelociPy(plugins=False)

    @app.get("/")
    async def endpoint(pool: Annotated[Pool, Depends(scope="app")]) -> str:
        seen.append(pool)
        return pool.url

    with TestClient(app, interface=interface) as client:
        assert [client.get("/").text for _ in range(2)] == ["db://a", "db://a"]
    assert seen[0] is seen[1]
