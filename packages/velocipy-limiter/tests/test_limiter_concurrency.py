"""Limits on requests at once, as an app sees them on both protocols: a slot is given up once, whatever becomes of its request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from velocipy import Depends, Request, StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError, WebSocketDisconnect
from velocipy.limiter import (
    ConcurrencyMiddleware,
    ConcurrencyRule,
    Limiter,
    RateLimitRule,
    by_header,
    concurrency,
    everybody,
    for_paths,
    rate_limit,
    refund,
)
from velocipy.testing import AsyncTestClient, TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
every_way = pytest.mark.parametrize("way", ["dependency", "middleware"])


class Gated:
    """An app with a limit of two at once, one way or the other, whose /wait answers when it is told to."""

    def __init__(
        self, way: str, limiter: Limiter | None = None, rule: ConcurrencyRule | None = None, **options: Any
    ) -> None:
        self.limiter = limiter or Limiter()
        self.entered = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        rule = rule or ConcurrencyRule("work", 2)
        if way == "dependency":
            depends = Depends(concurrency(self.limiter, rule, **options))
            self.app = VelociPy(plugins=False, dependencies=[depends])
        else:
            self.app = VelociPy(plugins=False)
            self.app.add_middleware(ConcurrencyMiddleware(self.limiter, rule, **options))
        self.app.get("/wait")(self.wait)
        self.app.get("/fails")(self.fails)
        self.app.get("/stream")(self.stream)
        self.app.websocket("/socket")(self.socket)

    @property
    def taken(self) -> int:
        slots: Any = self.limiter.slots
        return len(slots)

    async def wait(self) -> str:
        self.entered.release()
        await self.go.wait()
        return "done"

    async def fails(self) -> None:
        raise ValueError("broken")

    async def stream(self) -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            while not self.go.is_set():
                yield b"row"
                await asyncio.sleep(0.001)

        return StreamingResponse(rows())

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send(message)


def run(interface: str, gated: Gated, test: Callable[[AsyncTestClient], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        client = AsyncTestClient(gated.app, interface=interface, raise_server_exceptions=False)  # type: ignore[arg-type]
        async with client:
            await asyncio.wait_for(test(client), 60)
        assert gated.taken == 0

    asyncio.run(main())


@both
@every_way
def test_as_many_as_the_limit_are_served_at_once_and_the_next_is_refused(interface: str, way: str) -> None:
    gated = Gated(way)

    async def test(client: AsyncTestClient) -> None:
        first, second = (asyncio.create_task(client.get("/wait")) for _ in range(2))
        for _ in range(2):
            await gated.entered.acquire()
        refused = await client.get("/wait")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["ratelimit-policy"] == '"work";q=2;qu="concurrent-requests"'
        assert refused.headers["ratelimit"] == '"work";r=0'
        assert (await client.get("/nowhere")).status_code == 429
        gated.go.set()
        answers = await asyncio.gather(first, second)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert sorted(answer.headers["ratelimit"] for answer in answers) == ['"work";r=0', '"work";r=1']
        # A buffered answer is sent after the slot was given up, so that who waits for it is never refused.
        assert [(await client.get("/wait")).status_code for _ in range(20)] == [200] * 20

    run(interface, gated, test)


@both
@every_way
def test_a_slot_comes_back_from_failures_and_from_what_is_not_found(interface: str, way: str) -> None:
    gated = Gated(way)

    async def test(client: AsyncTestClient) -> None:
        for path, status in [("/fails", 500), ("/nowhere", 404)] * 3:
            assert (await client.get(path)).status_code == status
            assert gated.taken == 0

    run(interface, gated, test)


@both
@every_way
def test_a_request_that_is_cancelled_gives_its_slot_up(interface: str, way: str) -> None:
    gated = Gated(way)

    async def test(client: AsyncTestClient) -> None:
        exchange = client.exchange("GET", "/wait")
        await gated.entered.acquire()
        assert gated.taken == 1
        assert exchange.task is not None
        exchange.task.cancel()
        await asyncio.wait([exchange.task], timeout=30)
        assert exchange.task.done()
        assert gated.taken == 0

    run(interface, gated, test)


@both
@every_way
@pytest.mark.parametrize("leaves", [True, False])
def test_a_stream_holds_its_slot_until_its_end_or_its_client_is_gone(
    interface: str, way: str, leaves: bool
) -> None:
    gated = Gated(way)

    async def test(client: AsyncTestClient) -> None:
        exchange = client.exchange("GET", "/stream")
        await exchange.chunk()
        assert gated.taken == 1
        if leaves:
            exchange.leave()
        else:
            gated.go.set()
        assert exchange.task is not None
        await asyncio.wait([exchange.task], timeout=30)
        assert exchange.task.done()
        assert gated.taken == 0

    run(interface, gated, test)


@both
@every_way
def test_a_websocket_holds_a_slot_until_it_ends(interface: str, way: str) -> None:
    gated = Gated(way)
    client = TestClient(gated.app, interface=interface)  # type: ignore[arg-type]
    with client.websocket_connect("/socket"), client.websocket_connect("/socket") as second:
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/socket"):
            pass
        assert denied.value.status_code == 429
        second.close()
        with pytest.raises(WebSocketDisconnect):
            second.receive_text()
    assert gated.taken == 0
    with client.websocket_connect("/socket"):
        assert gated.taken == 1


@both
@every_way
def test_who_counts_and_who_is_exempt_is_said_as_for_rates(interface: str, way: str) -> None:
    gated = Gated(
        way,
        rule=ConcurrencyRule("one", 1),
        identifier=by_header("x-tenant"),
        exempt=[for_paths("/fails"), lambda exchange: exchange.header("x-tenant") == "staff"],
    )

    async def test(client: AsyncTestClient) -> None:
        running = asyncio.create_task(client.get("/wait", headers={"x-tenant": "a"}))
        await gated.entered.acquire()
        assert (await client.get("/wait", headers={"x-tenant": "a"})).status_code == 429
        assert (await client.get("/nowhere", headers={"x-tenant": "b"})).status_code == 404
        exempt = await client.get("/fails", headers={"x-tenant": "a"})
        assert exempt.status_code == 500 and "ratelimit" not in exempt.headers
        gated.go.set()
        served = await client.get("/wait", headers={"x-tenant": "staff"})
        assert served.status_code == 200 and "ratelimit" not in served.headers
        await running

    run(interface, gated, test)


@both
@every_way
def test_a_service_that_is_busy_may_say_so_as_a_problem(interface: str, way: str) -> None:
    busy = ConcurrencyRule("reports", 1, status=503, retry_after=7)
    gated = Gated(way, rule=busy, identifier=everybody)
    gated.app = VelociPy(plugins=False, problem_details=True, middleware=[])
    gated.app.get("/wait", dependencies=[Depends(concurrency(gated.limiter, busy, everybody))])(gated.wait)

    async def test(client: AsyncTestClient) -> None:
        running = asyncio.create_task(client.get("/wait"))
        await gated.entered.acquire()
        refused = await client.get("/wait")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert (
            refused.json()["type"]
            == "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
        )
        assert refused.json()["violated-policies"] == ["reports"]
        gated.go.set()
        await running

    run(interface, gated, test)


@both
def test_rates_and_requests_at_once_are_told_together_and_a_slot_is_not_refunded(interface: Any) -> None:
    limiter = Limiter()
    app = VelociPy(plugins=False)
    app.add_middleware(ConcurrencyMiddleware(limiter, ConcurrencyRule("app", 9)))

    @app.get("/", dependencies=[Depends(rate_limit(limiter, [RateLimitRule("route", 5, 3600)]))])
    async def home(request: Request, back: bool = False) -> int:
        if back:
            await refund(request)
        slots: Any = limiter.slots
        return len(slots)

    client = TestClient(app, interface=interface)
    answer = client.get("/")
    assert answer.headers["ratelimit"] == '"app";r=8, "route";r=4;t=720'
    assert answer.headers["ratelimit-policy"] == '"app";q=9;qu="concurrent-requests", "route";q=5;w=3600'
    assert client.get("/?back=1").json() == 1
    assert client.get("/").headers["ratelimit"].startswith('"app";r=8, "route";r=3;')


@both
def test_of_two_limits_the_outer_slot_comes_back_where_the_inner_refuses(interface: str) -> None:
    gated = Gated("middleware", rule=ConcurrencyRule("all", 5))
    inner = Depends(concurrency(gated.limiter, ConcurrencyRule("route", 1), everybody))
    gated.app.get("/inner", dependencies=[inner])(gated.wait)

    async def test(client: AsyncTestClient) -> None:
        running = asyncio.create_task(client.get("/inner"))
        await gated.entered.acquire()
        for _ in range(9):
            refused = await client.get("/inner")
            assert refused.headers["ratelimit"] == '"all";r=3, "route";r=0'
        assert gated.taken == 2
        gated.go.set()
        assert (await running).status_code == 200

    run(interface, gated, test)


# -- what makes no sense --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": True},
        {"limit": 1.5},
        {"limit": 10**6},
        {"name": "é"},
        {"name": ""},
        {"status": 500},
        {"retry_after": 0},
        {"lease": 0.1},
        {"lease": float("nan")},
        {"lease": True},
        {"on_error": "no"},
    ],
)
@pytest.mark.case(122)
def test_a_rule_that_makes_no_sense_is_refused_where_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="test_limiter_concurrency"):
        ConcurrencyRule(**{"name": "r", "limit": 1, **wrong})


def test_what_is_no_rule_and_what_keeps_no_slots_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="ConcurrencyRule"):
        concurrency(Limiter(), RateLimitRule("r", 1, 1))  # type: ignore[arg-type]

    class Counts:
        async def decide(self, *asked: Any) -> None: ...

    with pytest.raises(ConfigurationError, match="keeps no slots"):
        ConcurrencyMiddleware(Limiter(Counts()), ConcurrencyRule("r", 1))
