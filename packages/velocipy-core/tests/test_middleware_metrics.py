"""Metrics for Prometheus: what is counted, under which labels, and that its own parser reads them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from velocipy import Depends, HTTPException, PlainTextResponse, StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import MetricsMiddleware, ProxyHeadersMiddleware
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Later:
    """A hook inside that finishes every answer, so that the usual way is left after it was counted."""

    def finishes(self, size: int) -> bool:
        return True

    def finish(self, response: Any) -> Any:
        return response


async def wrapping(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def make_app(*inside: Any, **options: Any) -> tuple[VelociPy, MetricsMiddleware]:
    metrics = MetricsMiddleware(**options)
    app = VelociPy(plugins=False, middleware=[metrics, *inside])

    def internal(key: str = "") -> None:
        if key != "k":
            raise HTTPException(403)

    app.get("/metrics", dependencies=[Depends(internal)])(metrics.endpoint)

    @app.get("/items/{id:int}")
    async def item(id: int) -> str:
        if id == 0:
            raise ValueError("nobody expected this")
        return "x" * id

    @app.delete("/items/{id:int}")
    async def delete(id: int) -> None: ...

    @app.post("/items", status_code=201)
    async def add() -> dict[str, int]:
        return {"id": 1}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield "row"

        return StreamingResponse(rows())

    @app.get("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("teapot", 418)

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.06)
        return str(metrics.in_flight)

    @app.websocket("/ws/{room}")
    async def ws(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        async for _ in websocket:
            if room == "breaks":
                raise ValueError("nobody expected this")

    return app, metrics


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith("."), family
        for sample in family.samples:
            samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def label(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


@both
@pytest.mark.parametrize("inside", [[], [Later()], [wrapping], [wrapping, Later()]])
def test_requests_are_counted_by_method_template_and_status(interface: str, inside: list[Any]) -> None:
    app, metrics = make_app(*inside)
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        for id in (1, 2, 3):
            client.get(f"/items/{id}")
        client.head("/items/4")
        client.get("/items/0")
        client.delete("/items/1")
        client.post("/items")
        client.get("/stream")
        client.get("/own")
        client.put("/items")
        client.options("/items")
        for number in range(5):
            client.get(f"/nowhere/{number}")
        client.request("BREW", "/own")
        client.get("/items/x")
        refused = client.get("/metrics")
        answer = client.get("/metrics?key=k")
    assert refused.status_code == 403
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {key[1]: value for key, value in parsed(answer.text).items() if key[0] == "http_requests_total"}
    assert found == {
        label(method="GET", route="/items/{id:int}", status="200"): 3,
        label(method="GET", route="/items/{id:int}", status="500"): 1,
        label(method="HEAD", route="/items/{id:int}", status="200"): 1,
        label(method="DELETE", route="/items/{id:int}", status="204"): 1,
        label(method="POST", route="/items", status="201"): 1,
        label(method="GET", route="/stream", status="200"): 1,
        label(method="GET", route="/own", status="418"): 1,
        label(method="PUT", route="(unmatched)", status="405"): 1,
        label(method="OPTIONS", route="(unmatched)", status="204"): 1,
        label(method="GET", route="(unmatched)", status="404"): 6,
        label(method="OTHER", route="(unmatched)", status="405"): 1,
        label(method="GET", route="/metrics", status="403"): 1,
    }
    assert metrics.in_flight == 0


@both
def test_durations_sizes_and_requests_in_flight(interface: str) -> None:
    app, metrics = make_app()
    with TestClient(app, interface=interface) as client:
        assert client.get("/slow").text == "1"
        client.get("/items/7")
        client.get("/items/5")
        client.get("/stream")
        samples = parsed(client.get("/metrics?key=k").text)
    slow = label(method="GET", route="/slow")
    assert samples["http_request_duration_seconds_count", slow] == 1
    assert samples["http_request_duration_seconds_sum", slow] >= 0.06
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in samples.items()
        if name == "http_request_duration_seconds_bucket" and dict(labels)["route"] == "/slow"
    }
    assert (buckets["0.05"], buckets["10.0"], buckets["+Inf"]) == (0, 1, 1)
    assert list(buckets.values()) == sorted(buckets.values())
    items = label(method="GET", route="/items/{id:int}")
    assert samples["http_response_size_bytes_sum", items] == 12
    assert samples["http_response_size_bytes_count", items] == 2
    assert samples["http_response_size_bytes_count", label(method="GET", route="/stream")] == 0
    assert samples["http_requests_in_flight", ()] == 1  # the one that asks


@both
def test_websockets_are_counted_while_they_last(interface: str) -> None:
    app, metrics = make_app()
    key = ("websocket_connections", label(route="/ws/{room}"))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        with client.websocket_connect("/ws/a"), client.websocket_connect("/ws/b"):
            assert parsed(metrics.render())[key] == 2
        with client.websocket_connect("/ws/breaks") as ws:
            ws.send_text("now")
        client.get("/own")
        assert parsed(metrics.render())[key] == 0


@both
def test_a_request_that_is_cancelled_is_no_longer_in_flight(interface: Any) -> None:
    app, metrics = make_app()

    @app.get("/cancelled")
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def ask() -> None:
        async with AsyncTestClient(app, interface=interface, raise_server_exceptions=False) as client:
            try:
                await client.get("/cancelled")
            except (Exception, asyncio.CancelledError):
                pass
            await client.get("/own")

    asyncio.run(ask())
    gc.collect()  # the exception holds the frame of the handler until then
    assert metrics.in_flight == 0


@both
def test_what_clients_vary_makes_no_new_labels(interface: str) -> None:
    app, metrics = make_app()
    with TestClient(app, interface=interface) as client:
        for number in range(200):
            client.request(f"M{number}", "/own")
            client.request(f"M{number}", f"/nowhere/{number}")
            client.get(f"/items/{number + 1}")
    assert len(metrics._series) == 2 and len(metrics._of) == 1


def test_templates_are_escaped_and_settings_checked() -> None:
    app, metrics = make_app(prefix="shop", buckets=[0.1, 1])
    app.get('/a"b\\c')(lambda: "x")
    with TestClient(app) as client:
        client.get('/a"b\\c')
    samples = parsed(metrics.render())
    assert samples["shop_requests_total", label(method="GET", route='/a"b\\c', status="200")] == 1
    wrong: list[dict[str, Any]] = [
        {"prefix": "a-b"},
        {"prefix": ""},
        {"buckets": []},
        {"buckets": [1, 0.5]},
        {"buckets": [1, 1]},
    ]
    for options in wrong:
        with pytest.raises(ConfigurationError, match="Prometheus|ascending"):
            MetricsMiddleware(**options)


@pytest.mark.parametrize(
    ("arguments", "options", "shown"),
    [
        ((), {}, "['10.0.0.0/8']"),
        ((), {"trusted_hosts": "127.0.0.1"}, "['127.0.0.1']"),
        ((["10.0.0.1", "10.0.0.2"],), {}, "['10.0.0.1', '10.0.0.2']"),
    ],
)
def test_who_looks_for_proxy_headers_middleware_is_told_of_the_setting(
    arguments: tuple[Any, ...], options: dict[str, Any], shown: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ProxyHeadersMiddleware(*arguments, **options)
    assert f"write VelociPy(proxy_headers={shown})" in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"VelociPy\(proxy_headers="):
        VelociPy(plugins=False).add_middleware(ProxyHeadersMiddleware, **options)
