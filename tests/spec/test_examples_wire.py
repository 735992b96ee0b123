"""Examples of what goes beyond a JSON answer, on both protocols and, where a server is their point, on that server."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from servers import free_port
from test_examples import EXAMPLES, interface, load

from velocipy.testing import TestClient

__all__ = ["interface"]  # a fixture, which is found by its name


def test_background_tasks_run_after_the_answer(interface: Any) -> None:
    with TestClient(load("background_tasks").app, interface=interface) as client:
        assert client.post("/signup?email=ada@example.org").json() == {"accepted": "ada@example.org"}
        assert client.get("/outbox").json() == ["audited", "welcome -> ada@example.org"]
        assert client.post("/signup?email=nobody").status_code == 400
        assert client.get("/ping").text == "pong"
        assert client.get("/outbox").json()[2:] == ["pinged"]
        assert client.get("/beats").json() >= 1


def test_max_body_size_is_held_for_app_and_route(interface: Any) -> None:
    client = TestClient(load("max_body_size").app, interface=interface)
    assert client.post("/echo", content=b"x" * 1_000).text == "x" * 1_000
    for content in (b"x" * 1_001, (b"x" * 500 for _ in range(3))):
        answer = client.post("/echo", content=content)
        assert (answer.status_code, answer.json()) == (413, {"detail": "Payload Too Large"})
    assert client.post("/large", content=b"x" * 2_000_000).json() == {"bytes": 2_000_000}
    assert client.post("/nothing").status_code == 204


def test_exception_handlers_answer_by_class_status_and_router(interface: Any) -> None:
    client = TestClient(load("exception_handlers").app, interface=interface, raise_server_exceptions=False)
    assert client.get("/accounts/1").json() == {"account": 1, "balance": 100}
    for path, status, body in [
        ("/accounts/7", 404, {"error": "no such account", "path": "/accounts/7"}),
        ("/nowhere", 404, {"error": "Not Found", "path": "/nowhere"}),
        ("/accounts/1/pay/500", 402, {"error": "not enough money", "missing": 400}),
        ("/accounts/x", 422, {"errors": ["Invalid path parameter 'account': not a valid integer"]}),
    ]:
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (status, body)
    crash = client.get("/crash")
    assert (crash.status_code, crash.text) == (500, "<h1>We are sorry</h1>")


def test_route_extras_are_there(interface: Any) -> None:
    client = TestClient(load("route_extras").app, interface=interface)
    answer = client.post("/v1/orders?item=mug")
    assert (answer.status_code, answer.json()) == (201, {"id": 1, "item": "mug"})
    assert answer.headers["location"] == "/v1/orders/1" and "server-timing" in answer.headers
    assert client.get(answer.headers["location"]).json() == {"id": 1, "item": "mug"}
    assert client.post("/v1/orders?item=x", headers={"x-api-key": "revoked"}).status_code == 401
    listed = {route["name"]: route for route in client.get("/routes").json()}
    assert listed["orders.read"]["tags"] == ["orders", "public"]


def test_the_uvicorn_example_answers_in_process(interface: Any) -> None:
    assert (
        TestClient(load("uvicorn_server").app, interface=interface).get("/").json()["message"]
        == "Hello from ASGI"
    )


@pytest.mark.servers
def test_the_uvicorn_example_serves(tmp_path: Path) -> None:
    port = free_port()
    script = f"import uvicorn_server; uvicorn_server.main({port})"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-c", script], cwd=EXAMPLES, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                answer = httpx2.get(f"http://127.0.0.1:{port}/")
                break
            except httpx2.HTTPError:
                assert time.monotonic() < until, (tmp_path / "log").read_text()
                time.sleep(0.1)
        assert answer.json()["message"] == "Hello from ASGI"
        assert answer.json()["http"] == "1.1"
    finally:
        server.terminate()
        server.wait(10)


def test_static_files_are_served_with_what_http_has_for_them(interface: Any) -> None:
    client = TestClient(load("static_files").app, interface=interface)
    page = client.get("/site/")
    assert "It is served" in page.text and page.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/site?x=1").headers["location"] == "./site/?x=1"
    style = client.get("/site/app.css")
    assert style.headers["cache-control"] == "public, max-age=60"
    part = client.get("/site/app.css", headers={"range": "bytes=0-9"})
    assert (part.status_code, part.text) == (206, style.text[:10])
    again = client.get("/site/app.css", headers={"if-none-match": style.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "Not here" in client.get("/site/nothing").text
    for missing in ("/site/nothing", "/site/%2e%2e/static_files.py", "/site/..%2fstatic_files.py"):
        assert client.get(missing).status_code == 404
    assert client.post("/site/app.css").status_code == 405
    report = client.get("/report?year=2026")
    assert report.text.startswith("month,riders")
    assert "%C3%9Cberblick%202026.csv" in report.headers["content-disposition"]


def test_responses_are_what_their_values_and_classes_say(interface: Any) -> None:
    with TestClient(load("responses").app, interface=interface) as client:
        text, octets, nothing = (client.get(path) for path in ("/text", "/octets", "/nothing"))
        assert (text.text, text.headers["content-type"]) == ("grüß dich", "text/plain; charset=utf-8")
        assert (octets.content, octets.headers["content-type"]) == (
            b"\0\1\2\3",
            "application/octet-stream",
        )
        assert (nothing.status_code, nothing.content) == (204, b"")
        tea = client.get("/teapot")
        assert (tea.status_code, tea.headers["x-tea"]) == (418, "earl grey")
        assert tea.headers["set-cookie"].startswith("brewed=yes; Max-Age=60")
        assert client.get("/report").headers["content-type"] == "text/csv; charset=utf-8"
        old = client.get("/old")
        assert (old.status_code, old.headers["location"]) == (307, "/text")
        plain = client.get("/plain")
        assert (plain.json(), plain.headers["x-plain"]) == ({"plain": True}, "1")
        assert client.get("/countdown").text == "3\n2\n1\nlift-off\n"
        rows = client.get("/rows")
        assert rows.headers["content-type"] == "application/x-ndjson"
        assert rows.text == '{"row":0}\n{"row":1}\n{"row":2}\n'
        assert len(client.get("/bulk?mebibytes=2").content) == 2 * 1024 * 1024
        assert "EventSource" in client.get("/").text


def test_events_go_on_behind_the_last_one_seen(interface: Any) -> None:
    module = load("responses")
    with TestClient(module.app, interface=interface) as client:
        with client.exchange("GET", "/events") as exchange:
            assert exchange.chunk() == b":\n\n"  # nothing yet, but headers are on their way
            first = exchange.chunk() or b""
        assert first.endswith(b'data: {"tick":2}\n\n')
        seen = first.split(b"\n")[0].removeprefix(b"id: ").decode()
        module.ticks.append({"tick": "missed"})
        with client.exchange("GET", "/events", headers=[("host", "a"), ("last-event-id", seen)]) as exchange:
            assert b'data: {"tick":"missed"}' in (exchange.chunk() or b"")
