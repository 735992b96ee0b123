"""Server-Timing: the whole, spans of handlers and dependencies, and who sees them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from velocipy import Depends, HTTPException, Request, Response, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import TimingMiddleware, span
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


async def connected() -> str:
    with span("connect"):
        return "db"


def make_app(**options: Any) -> VelociPy:
    app = VelociPy(plugins=False, debug=options.pop("debug", False))
    app.add_middleware(TimingMiddleware, **options)

    @app.get("/")
    async def spans(request: Request, db: str = Depends(connected)) -> str:
        for _ in range(3):
            with span("db"):
                pass
        with request.state.timing.span("render"):
            return db

    @app.get("/sync")
    def in_thread() -> str:
        with span("thread"):
            return "x"

    @app.get("/many")
    async def many() -> Response:
        for number in range(1_000):
            with span(f"n{number}"):
                pass
        return Response("x", headers={"server-timing": "own;dur=1"})

    @app.get("/fails")
    async def fails() -> None:
        with span("db"):
            raise HTTPException(409)

    app.get("/plain")(lambda: "x")
    return app


def metrics(answer: Any) -> list[str]:
    text = ", ".join(answer.headers.get_list("server-timing"))
    found = re.findall(r"([^;, ]+);dur=(\d+(?:\.\d+)?)", text)
    assert ", ".join(f"{name};dur={value}" for name, value in found) == text
    return [name for name, _ in found]


@both
def test_spans_of_handlers_dependencies_and_threads_stand_behind_the_whole(interface: str) -> None:
    with TestClient(make_app(), interface=interface) as client:
        assert metrics(client.get("/")) == ["total", "connect", "db", "render"]
        assert metrics(client.get("/sync")) == ["total", "thread"]
        assert metrics(client.get("/plain")) == ["total"]
        assert metrics(client.get("/nowhere")) == ["total"]
        assert metrics(client.get("/fails")) == ["total", "db"]


@both
def test_there_are_only_so_many_spans_and_a_responses_own_stay(interface: str) -> None:
    with TestClient(make_app(), interface=interface) as client:
        assert metrics(client.get("/many")) == ["own", "total", *(f"n{number}" for number in range(20))]


@pytest.mark.parametrize("name", ["", "total", "a b", "a;dur=1", "a,b", "ä", "a\r\nb", "x" * 65, None])
def test_a_span_is_named_by_a_token(name: Any) -> None:
    with pytest.raises(ValueError, match="a span is named by a token"):
        span(name)


def test_without_the_middleware_a_span_does_nothing() -> None:
    with span("db"):
        pass


@both
def test_timings_may_be_for_debugging_or_for_some_alone(interface: str) -> None:
    def staff(who: str = "nobody") -> bool:
        return who == "staff"

    for debug in (False, True):
        with TestClient(make_app(debug_only=True, debug=debug), interface=interface) as client:
            assert ("server-timing" in client.get("/").headers) is debug
    with TestClient(make_app(audience=staff), interface=interface) as client:
        for path in ("/", "/plain", "/nowhere"):
            assert "server-timing" not in client.get(path).headers
            assert metrics(client.get(f"{path}?who=staff"))[0] == "total"
        assert client.get("/many").headers["server-timing"] == "own;dur=1"
    with pytest.raises(ConfigurationError, match="audience is a dependency"):
        TimingMiddleware(audience="staff")  # type: ignore[arg-type]
