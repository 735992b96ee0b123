"""The 412 and 416 of files, which are found out when they are sent, before exception handlers; who is answered, and with what headers."""

import logging
from pathlib import Path
from typing import Any

import pytest

from velocipy import (
    APIRouter,
    BackgroundTasks,
    FileResponse,
    HTTPException,
    JSONResponse,
    Request,
    Response,
    StaticFiles,
    VelociPy,
)
from velocipy.middleware import CompressionMiddleware, CORSMiddleware, RequestIDMiddleware
from velocipy.testing import TestClient

TOO_FAR = {"range": "bytes=5000-"}
CHANGED = {"if-match": '"other"'}


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("0123456789" * 100)
    return path


async def teapot(request: Request, exc: HTTPException) -> JSONResponse:
    """Says what it was told."""
    told = {
        "error": exc.status_code,
        "path": request.path,
        "params": dict(request.path_params),
        "id": request.state.get("request_id"),
    }
    return JSONResponse(told, exc.status_code, exc.headers)


async def passing(request: Request, call_next: Any) -> Any:
    return await call_next(request)


def app_of(path: Path, **layer: Any) -> VelociPy:
    app = VelociPy(plugins=False, **layer)
    app.mount("/files", StaticFiles(path.parent))

    @app.get("/own/{name}")
    async def own(name: str) -> FileResponse:
        return FileResponse(path, cache_control="max-age=60")

    @app.get("/packed/{name}", middleware=[CompressionMiddleware(minimum_size=1)])
    async def packed(name: str) -> FileResponse:
        return FileResponse(path)

    @app.get("/wrapped/{name}", middleware=[passing])
    async def wrapped(name: str) -> FileResponse:
        return FileResponse(path)

    return app


PATHS = ["/files/a.txt", "/own/a.txt", "/packed/a.txt", "/wrapped/a.txt"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [HTTPException, 416])
def test_an_exception_handler_answers_a_range_beyond_the_file(
    interface: Any, digits: Path, path: str, key: Any
) -> None:
    layer = {"middleware": [CORSMiddleware(allow_origins=["https://a.example"]), RequestIDMiddleware()]}
    app = app_of(digits, exception_handlers={key: teapot}, **layer)
    headers = {**TOO_FAR, "origin": "https://a.example", "accept-encoding": "gzip", "x-request-id": "seven"}
    answer = TestClient(app, interface=interface).get(path, headers=headers)
    assert answer.status_code == 416
    told = answer.json()
    assert (told["error"], told["path"], told["id"]) == (416, path, "seven")
    assert told["params"].get("name") == (None if path.startswith("/files") else "a.txt")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-range"] == "bytes */1000"
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["x-request-id"] == "seven"
    assert not {"etag", "last-modified", "cache-control", "accept-ranges"} & set(answer.headers)


@pytest.mark.parametrize("path", PATHS)
def test_an_exception_handler_answers_a_failed_condition(interface: Any, digits: Path, path: str) -> None:
    client = TestClient(app_of(digits, exception_handlers={412: teapot}), interface=interface)
    changed = client.get(path, headers=CHANGED)
    assert (changed.status_code, changed.json()["error"]) == (412, 412)
    far = client.get(path, headers=TOO_FAR)
    assert (far.status_code, far.json()) == (416, {"detail": "Range Not Satisfiable"})
    assert client.get(path).text == digits.read_text()
    assert client.get(path, headers={"range": "bytes=1-2"}).text == "12"


def test_head_gets_the_headers_of_the_handlers_answer(interface: Any, digits: Path) -> None:
    client = TestClient(app_of(digits, exception_handlers={412: teapot}), interface=interface)
    answer = client.head("/own/a.txt", headers=CHANGED)
    assert (answer.status_code, answer.content) == (412, b"")
    assert answer.headers["content-type"] == "application/json"


def test_the_handler_of_a_router_counts_for_its_routes(interface: Any, digits: Path) -> None:
    router = APIRouter(exception_handlers={416: teapot})

    @router.get("/in")
    async def inside() -> FileResponse:
        return FileResponse(digits)

    app = app_of(digits)
    app.include_router(router)
    client = TestClient(app, interface=interface)
    assert client.get("/in", headers=TOO_FAR).json()["error"] == 416
    assert client.get("/own/a", headers=TOO_FAR).json() == {"detail": "Range Not Satisfiable"}


def test_a_handler_may_send_a_file_and_leave_work_behind(interface: Any, digits: Path) -> None:
    done: list[str] = []

    def page(request: Request, exc: HTTPException) -> Response:
        request.background.add_task(done.append, request.path)
        return FileResponse(digits, 416)

    client = TestClient(app_of(digits, exception_handlers={416: page}), interface=interface)
    for path in ("/own/a", "/wrapped/a"):
        answer = client.get(path, headers=TOO_FAR)
        assert (answer.status_code, answer.text) == (416, digits.read_text())
    assert done == ["/own/a", "/wrapped/a"]


def test_what_the_endpoint_had_left_to_be_done_is_not_done(interface: Any, digits: Path) -> None:
    done: list[str] = []
    app = VelociPy(plugins=False, exception_handlers={416: teapot})

    @app.get("/")
    async def endpoint(background: BackgroundTasks) -> FileResponse:
        background.add_task(done.append, "endpoint")
        return FileResponse(digits)

    client = TestClient(app, interface=interface)
    assert client.get("/", headers=TOO_FAR).status_code == 416
    assert client.get("/").status_code == 200
    assert done == ["endpoint"]


def test_a_handler_that_fails_is_a_500_that_is_logged(
    interface: Any, digits: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(request: Request, exc: HTTPException) -> Response:
        raise KeyError("no such page")

    app = app_of(digits, exception_handlers={416: failing})
    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/own/a", headers=TOO_FAR)
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    assert "the exception handler itself failed" in caplog.text
