"""Request ids: whose counts, where they are found, and that each record of the log has that of its own request."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from velocipy import Depends, Request, VelociPy, WebSocket
from velocipy.middleware import RequestIDFilter, RequestIDMiddleware, current_request_id, trace_id_of
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Kept(logging.Handler):
    """Keeps records as a formatter would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.addFilter(RequestIDFilter())
        self.setFormatter(logging.Formatter("%(request_id)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Any:
    handler, log = Kept(), logging.getLogger("of the test")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)


log = logging.getLogger("of the test")


async def deep() -> str | None:
    log.info("in a dependency")
    return current_request_id()


def make_app(**options: Any) -> VelociPy:
    app = VelociPy(plugins=False, middleware=[RequestIDMiddleware(**options)])

    @app.get("/")
    async def shown(request: Request, found: str | None = Depends(deep)) -> list[str | None]:
        await asyncio.sleep(0.01)
        log.info("in the endpoint")
        return [request.state.request_id, found, current_request_id()]

    @app.get("/sync")
    def in_thread() -> str | None:
        log.info("in a thread")
        return current_request_id()

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str(current_request_id()))

    return app


@both
def test_records_have_the_id_of_their_request_in_dependencies_threads_and_websockets(
    interface: str, kept: Kept
) -> None:
    log.info("outside")
    with TestClient(make_app(), interface=interface) as client:
        assert client.get("/", headers={"x-request-id": "r-1"}).json() == ["r-1"] * 3
        assert client.get("/sync", headers={"x-request-id": "r-2"}).text == "r-2"
        with client.websocket_connect("/ws", headers={"x-request-id": "r-3"}) as ws:
            assert ws.receive() == "r-3"
    assert kept.lines == ["- outside", "r-1 in a dependency", "r-1 in the endpoint", "r-2 in a thread"]


@both
def test_requests_at_once_have_ids_of_their_own(interface: Any, kept: Kept) -> None:
    async def ask() -> None:
        async with AsyncTestClient(make_app(), interface=interface) as client:
            answers = await asyncio.gather(
                *(client.get("/", headers={"x-request-id": f"r-{n}"}) for n in range(20))
            )
            assert [answer.json() for answer in answers] == [[f"r-{n}"] * 3 for n in range(20)]

    asyncio.run(ask())
    assert sorted(kept.lines) == sorted(
        f"r-{n} in {where}" for n in range(20) for where in ("a dependency", "the endpoint")
    )


@pytest.mark.case(94)
@both
@pytest.mark.parametrize("sent", ["", "a" * 129, "a" * 1_024, "a b", "a\tb", '"', "%0d%0a", "a;b", "ä"])
@pytest.mark.parametrize("options", [{}, {"traceparent": True}])
def test_what_might_do_harm_is_replaced_and_an_id_is_echoed_once(
    interface: str, sent: str, options: dict[str, Any]
) -> None:
    with TestClient(make_app(**options), interface=interface) as client:
        for name in ("x-request-id", "traceparent"):
            answer = client.get("/", headers=[(name.encode(), sent.encode("latin-1"))])
            ids = answer.headers.get_list("x-request-id")
            assert len(ids) == 1 and len(ids[0]) == 32 and int(ids[0], 16)
            assert answer.json() == ids * 3


@both
def test_a_trace_is_the_id_where_that_was_asked_for(interface: str) -> None:
    with TestClient(make_app(traceparent=True), interface=interface) as client:
        both_sent = {"traceparent": PARENT, "x-request-id": "r-1"}
        assert client.get("/", headers=both_sent).headers["x-request-id"] == TRACE
        assert client.get("/", headers={"x-request-id": "r-1"}).headers["x-request-id"] == "r-1"
        broken = {"traceparent": PARENT[:-1], "x-request-id": "r-1"}
        assert client.get("/", headers=broken).headers["x-request-id"] == "r-1"
        twice = [("traceparent", PARENT), ("traceparent", PARENT), ("x-request-id", "r-1")]
        assert client.get("/", headers=twice).headers["x-request-id"] == "r-1"
    with TestClient(make_app(), interface=interface) as client:
        assert client.get("/", headers={"traceparent": PARENT}).headers["x-request-id"] != TRACE


@pytest.mark.parametrize(
    "valid",
    [PARENT, PARENT[:-2] + "00", "01" + PARENT[2:], "cc" + PARENT[2:] + "-more", "01" + PARENT[2:] + "-"],
)
def test_a_trace_id_is_that_of_a_valid_traceparent(valid: str) -> None:
    assert trace_id_of(valid) == TRACE


@pytest.mark.parametrize(
    "invalid",
    [
        None,
        "",
        "ff" + PARENT[2:],
        PARENT + "-more",
        PARENT + "0",
        "01" + PARENT[2:] + "0",
        PARENT.upper(),
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        PARENT.replace("-", "_"),
        PARENT + "\n",
        " " + PARENT,
    ],
)
def test_any_other_has_none(invalid: str | None) -> None:
    assert trace_id_of(invalid) is None


def test_a_record_keeps_an_id_of_its_own() -> None:
    record = logging.makeLogRecord({"request_id": "mine"})
    assert RequestIDFilter().filter(record)
    assert record.__dict__["request_id"] == "mine"
    other = logging.makeLogRecord({})
    assert RequestIDFilter(default="none").filter(other)
    assert other.__dict__["request_id"] == "none"
