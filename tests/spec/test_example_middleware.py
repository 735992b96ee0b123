"""examples/middleware.py does what its header says, on both protocols."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from velocipy.testing import TestClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "middleware.py"


@pytest.fixture(params=["rsgi", "asgi"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    spec = importlib.util.spec_from_file_location("example_middleware", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with TestClient(module.app, interface=request.param) as found:
        yield found
    logging.getLogger("reports").removeHandler(module.handler)


def test_built_in_middleware_and_the_class_add_headers(client: TestClient) -> None:
    answer = client.get("/", headers={"x-request-id": "r-1"})
    assert answer.json() == {"request_id": "r-1"}
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.headers["server-timing"].startswith("total;dur=")
    assert (answer.headers["x-powered-by"], answer.headers["x-api-version"]) == ("VelociPy", "2")
    assert "cache-control" not in answer.headers


def test_the_router_has_its_own_and_a_dependency_a_span(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/reports/slow")
    assert answer.json() == {"rows": ["one", "two"]}
    assert answer.headers["cache-control"] == "no-store"
    assert ", db;dur=" in answer.headers["server-timing"]


def test_the_function_and_the_class_may_answer_by_themselves(client: TestClient) -> None:
    away = client.get("/", headers={"x-maintenance": "on"})
    assert (away.status_code, away.headers["retry-after"]) == (503, "60")
    gone = client.get("/", headers={"x-api-version": "1"})
    assert (gone.status_code, gone.json()) == (410, {"detail": "version 1 is gone"})
    assert client.get("/", headers={"x-api-version": "x"}).status_code == 422
    assert "x-request-id" in away.headers and "x-request-id" in gone.headers


def test_metrics_are_prometheus_text_for_the_same_machine(client: TestClient) -> None:
    client.get("/")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/",status="200"} 1' in text
