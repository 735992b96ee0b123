"""Every example answers as its header says, on both protocols. Knows the examples; does not know how they are served."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from velocipy.testing import TestClient

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> Any:
    """A fresh copy of an example's module, so that no test sees what another one left."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["rsgi", "asgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def basic(interface: Any) -> Iterator[TestClient]:
    with TestClient(load("basic").app, interface=interface) as client:
        yield client


@pytest.fixture
def routing(interface: Any) -> Iterator[TestClient]:
    with TestClient(load("routing").app, interface=interface) as client:
        yield client


def test_basic_answers_the_quick_start(basic: TestClient) -> None:
    response = basic.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.content == b'{"message":"Hello, VelociPy!"}'


def test_basic_reads_query_header_and_state(basic: TestClient) -> None:
    response = basic.get("/items?page=2&size=2", headers={"X-Request-ID": "r-1"})
    assert response.json() == {"items": [{"name": "sticker"}], "page": 2, "size": 2, "request_id": "r-1"}


def test_basic_tells_every_error_at_once(basic: TestClient) -> None:
    response = basic.get("/items?page=0&size=x")
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [["query", "page"], ["query", "size"]]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/users/me", {"user": "me"}),
        ("/users/ada", {"user": "ada"}),
        ("/users/me/posts", {"posts_of": "me"}),
        ("/days/2026-11-23", {"weekday": "Monday"}),
        (
            "/orders/0f8fad5b-d9cb-469f-a165-70867728950e",
            {"order": "0f8fad5b-d9cb-469f-a165-70867728950e"},
        ),
        ("/images/cat.tar.gz", {"name": "cat.tar", "suffix": "gz"}),
        ("/files/css/site.css", {"path": "css/site.css"}),
        ("/shop/items/42", {"id": 42, "next": "/shop/items/43"}),
        ("/shop/items/42/", {"id": 42, "next": "/shop/items/43"}),
    ],
)
def test_routing_finds(routing: TestClient, path: str, answer: dict[str, object]) -> None:
    response = routing.get(path)
    assert response.status_code == 200, response.text
    assert response.json() == answer


@pytest.mark.parametrize(
    "path", ["/days/monday", "/orders/1", "/shop/items/x", "//users/me", "/users//posts"]
)
def test_routing_does_not_find(routing: TestClient, path: str) -> None:
    response = routing.get(path)
    assert response.status_code == 404
    assert response.json() == {"detail": "Not Found"}


def test_routing_says_which_methods_would_do(routing: TestClient) -> None:
    response = routing.put("/users/me")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_routing_takes_a_route_that_was_added_by_a_call(routing: TestClient) -> None:
    assert routing.post("/shop/items", json={"name": "mug"}).json() == {"created": {"name": "mug"}}


def test_the_testing_example_passes_its_own_tests() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "testing.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("passed:") == 4
