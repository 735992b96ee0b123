"""What strangers make a process keep: memory, files, tasks, requests and lines of the log. Cases 16, 147, 150, 151 and 154."""

from __future__ import annotations

import ast
import asyncio
import gc
import logging
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest

from velocipy import Depends, HTTPException, Request, UploadFile, VelociPy
from velocipy.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    MetricsMiddleware,
    RequestIDMiddleware,
    TrustedHostMiddleware,
)

ROOT = Path(__file__).resolve().parents[2]


# -- headers -------------------------------------------------------------------------------------------------------------


async def count(request: Request) -> Any:
    return [
        len(list(request.headers.items())),
        len(request.headers.get_all("x-a")),
        request.headers.get("x-last"),
    ]


@pytest.mark.case(16)
@pytest.mark.parametrize("number", [100, 1_001, 5_001])
def test_headers_without_end_are_read_in_linear_time(client_of: Any, within: Any, number: int) -> None:
    """How many and how long they may be is the server's matter, in whose memory they are; on the wire see test_hostile_wire."""
    client = client_of(count)
    distinct = [(f"x-{index}", "y") for index in range(number)]
    equal = [("x-a", "y" * 10)] * number
    own = 2  # Host, and the last one

    def ask() -> None:
        assert client.ask("/", *distinct, ("x-last", "z")) == (200, [number + own, 0, "z"])
        assert client.ask("/", *equal, ("x-last", "z")) == (200, [number + own, number, "z"])

    ask()
    within(0.02 * 4, ask)  # both requests, and their client


@pytest.mark.case(16)
@pytest.mark.parametrize("size", [66_000, 1_000_000])
def test_a_header_without_end_is_one_header(client_of: Any, within: Any, size: int) -> None:
    client = client_of(count)
    within(0.02, lambda: client.ask("/", ("x-a", "y" * size)))
    assert client.ask("/", ("x-a", "y" * size)) == (200, [2, 1, None])


# -- memory --------------------------------------------------------------------------------------------------------------


@pytest.mark.case(147)
@pytest.mark.process
def test_nothing_is_kept_of_what_strangers_make_up(client_of: Any) -> None:
    app = VelociPy(
        plugins=False,
        middleware=[
            TrustedHostMiddleware(["*.test", "testserver"]),
            CORSMiddleware(allow_origins=["https://a.example"]),
            CompressionMiddleware(),
            MetricsMiddleware(),
            RequestIDMiddleware(),
        ],
    )

    @app.get("/items/{name}")
    async def item(name: str, request: Request, q: str = "") -> dict[str, Any]:
        return {"name": name, "cookies": len(request.cookies)}

    client = client_of(app)

    def ask(number: int) -> None:
        strange = [
            ("origin", f"https://o{number}.example"),
            ("host", f"h{number}.test"),
            (f"x-{number}", f"{number}"),
            ("cookie", f"c{number}={number}"),
            ("accept-encoding", f"x{number}, gzip;q=0.{number}"),
            ("accept", f"a/b{number}"),
            ("content-type", f"a/b{number}"),
            ("x-request-id", f"id-{number}"),
        ]
        client.exchange("GET", f"/items/{number}?k{number}=1&q={number}", headers=strange).reply()
        client.exchange("GET", f"/nowhere/{number}", headers=[("host", "testserver")]).reply()
        client.exchange(f"M{number}", "/items/1", headers=[("host", "testserver")]).reply()
        client.exchange(
            "OPTIONS", f"/items/{number}", headers=[*strange, ("access-control-request-method", "GET")]
        ).reply()

    for number in range(300):  # tables of hundreds are full then
        ask(number)
    tracemalloc.start()
    taken = []
    for batch in range(1_000, 1_080, 20):
        for number in range(batch, batch + 20):
            ask(number)
        gc.collect()
        taken.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    # A batch is of 80 requests; whatever were kept of each would be 100 bytes or more.
    assert min(later - earlier for earlier, later in pairwise(taken)) < 8_000


CACHES_OF_A_KNOWN_SIZE = {
    "debugging/markup.py: _resource": "files of the dist",
    "http/wording.py: _bare": "statuses",
    "redis/scripts.py: script": "files of the dist",
    "ui/assets.py: template": "files of the dist",
    "velocipy/plugins.py: _entry_points": "groups of entry points",
}
"""Functions that remember every answer, and what bounds their arguments."""


@pytest.mark.case(147)
def test_every_table_of_answers_has_a_bound() -> None:
    """`functools.cache` on a function with arguments, and `lru_cache(maxsize=None)`, remember all that they are ever asked."""
    endless = []
    for path in sorted(ROOT.glob("packages/*/src/velocipy/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_endless(node):
                endless.append(f"{path.parent.name}/{path.name}: {node.name}")
    assert set(endless) <= set(CACHES_OF_A_KNOWN_SIZE), endless


def _is_endless(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = function.args
    if not (
        arguments.args or arguments.posonlyargs or arguments.kwonlyargs or arguments.vararg or arguments.kwarg
    ):
        return False
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    return any(
        text in ("cache", "functools.cache")
        or ("lru_cache" in text and ("maxsize" not in text or "None" in text))
        for text in decorators
    )


# -- uploads -------------------------------------------------------------------------------------------------------------


@pytest.mark.case(150)
@pytest.mark.process
def test_uploads_that_are_broken_off_leave_no_file_and_no_task(
    client_of: Any, open_files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others write into the usual one meanwhile
    app = VelociPy(plugins=False)

    @app.post("/upload")
    async def upload(file: UploadFile) -> int:
        return file.size or 0

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.get("/tasks")
    async def tasks() -> int:
        return len(asyncio.all_tasks())

    client = client_of(app)
    head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + b"x" * 1_100_000  # a file that is on the disk by then

    def leave(path: str, how: str) -> None:
        headers = [
            ("host", "a"),
            ("content-type", "multipart/form-data; boundary=b"),
            ("content-length", "9000000"),
        ]
        with client.exchange("POST", path, headers=headers, body=None) as exchange:
            exchange.feed(body)
            getattr(exchange, how)()

    def temporary() -> set[str]:
        return {entry.name for entry in Path(tempfile.gettempdir()).iterdir()}

    leave("/upload", "cut")
    before = (open_files(), temporary(), client.get("/tasks").json())
    for _ in range(10):
        for path in ("/upload", "/raw"):
            for how in ("cut", "leave"):
                leave(path, how)
    assert (open_files(), temporary(), client.get("/tasks").json()) == before


# -- exceptions ----------------------------------------------------------------------------------------------------------


class Carried:
    """Something that a request holds, counted by being looked for."""


async def carry(request: Request) -> AsyncIterator[Carried]:
    request.state["carried"] = Carried()
    yield request.state["carried"]


@pytest.mark.case(151)
@pytest.mark.process
def test_exceptions_keep_no_request(client_of: Any) -> None:
    app = VelociPy(plugins=False)

    @app.get("/fail")
    async def fail(carried: Annotated[Carried, Depends(carry)], request: Request) -> None:
        raise LookupError("on purpose")

    @app.get("/teapot")
    def teapot(carried: Annotated[Carried, Depends(carry)]) -> None:
        raise HTTPException(418)

    @app.get("/broken")
    async def broken(carried: Annotated[Carried, Depends(carry)]) -> AsyncIterator[str]:
        yield "part"
        raise LookupError("on purpose")

    client = client_of(app)
    logging.disable(logging.CRITICAL)  # records hold their exceptions, and pytest the records
    try:
        for _ in range(40):
            client.get("/fail")
            client.get("/teapot")
            with suppress(Exception):
                client.get("/broken")
    finally:
        logging.disable(logging.NOTSET)
    client.get("/plain")
    gc.collect()
    kept = [
        found
        for found in gc.get_objects()
        if isinstance(found, Carried) or (type(found) is LookupError and found.args == ("on purpose",))
    ]
    # The last exception of a thread or a task may still be somewhere; one of each request is not.
    assert len(kept) < 6


# -- the log -------------------------------------------------------------------------------------------------------------


@pytest.mark.case(154)
def test_a_bad_request_is_at_most_one_record(
    client_of: Any, records: Callable[[], list[logging.LogRecord]]
) -> None:
    app = VelociPy(plugins=False, max_content_length=1_000)

    @app.post("/item/{number}")
    async def item(number: int, body: dict[str, Any]) -> None: ...

    @app.post("/upload")
    async def upload(file: UploadFile) -> None: ...

    @app.get("/fail")
    async def fail() -> None:
        raise LookupError("on purpose")

    client = client_of(app)
    json = ("content-type", "application/json")
    multipart = ("content-type", "multipart/form-data; boundary=b")
    mistakes: list[Callable[[], object]] = [
        lambda: client.tell(b"{", json, path="/item/1"),
        lambda: client.tell(b"{}", json, path="/item/x"),
        lambda: client.tell(b"x" * 2_000, json, path="/item/1"),
        lambda: client.tell(b"{}", path="/item/1"),
        lambda: client.tell(b"--b\r\nnonsense", multipart, path="/upload"),
        lambda: client.tell(b"--b\r\n" + b"\r\n--b" * 100, multipart, path="/upload"),
        lambda: client.ask("/nowhere\x01"),
        lambda: client.ask("/item/1"),
        lambda: client.ask("/nowhere", ("host", "a b")),
        lambda: client.get("/fail"),
    ]
    known = len(records())
    for ask in mistakes:
        before = len(records())
        for _ in range(10):
            ask()
        assert len(records()) - before <= 10, ask
    assert (
        len(records()) - known == 10
    )  # those of /fail: what is wrong with a request alone, its client is told


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a case before has left to the garbage collector is no matter of the next."""
    gc.collect()
    yield
