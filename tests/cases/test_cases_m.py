"""Cases 147 to 154: what strangers make a process keep: memory, files, tasks, requests, threads and lines of the log.

Growth is looked at by what each of some hundred requests leaves, which says as much as a million would and takes seconds; the long
runs are `hatch run soak`, and --hypothesis-profile=deep where a test says so.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import logging
import random
import threading
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from case_clients import Clients
from case_limits import ALGORITHMS, limited, rule_of
from descriptors import open_in
from hypothesis import settings
from limit_machine import Clock
from measure import COUNTED, soak
from servers import serve
from visitors import VISITS

from velocipy import AsyncTestClient, Depends, HTTPException, Request, StreamingResponse, UploadFile, VelociPy
from velocipy.limiter import by_header
from velocipy.limiter.storage import MemoryStorage
from velocipy.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    MetricsMiddleware,
    RequestIDMiddleware,
    TrustedHostMiddleware,
)
from velocipy.testing import TestClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.case(147)
@pytest.mark.process
def test_nothing_is_kept_of_what_strangers_make_up_and_every_table_has_a_bound(client_of: Any) -> None:
    """Paths, methods, hosts, origins, query keys and header names that never come again; by the bytes of each, not by a million."""
    assert set(endless_tables()) <= set(CACHES_OF_A_KNOWN_SIZE)
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


def endless_tables() -> list[str]:
    """`functools.cache` on a function with arguments, and `lru_cache(maxsize=None)`, remember all that they are ever asked."""
    endless = []
    for path in sorted(ROOT.glob("packages/*/src/velocipy/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_endless(node):
                endless.append(f"{path.parent.name}/{path.name}: {node.name}")
    return endless


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


@pytest.mark.case(148)
def test_a_flood_of_identities_keeps_no_more_than_allowed_and_forgets_the_limited_last(
    client_for: Clients,
) -> None:
    """Four hundred for each algorithm, on a storage of two hundred; beyond that it is the same again."""
    for kind in ALGORITHMS:
        clock = Clock()
        storage = MemoryStorage(max_keys=200, clock=clock)
        app = limited(storage, rule_of(kind, 2, 3600), identifier=by_header("x-who"))
        client = client_for(app)
        abuser = {"x-who": "abuser"}
        assert [client.get("/", headers=abuser).status_code for _ in range(3)] == [200, 200, 429]
        for number in range(400):
            clock.now += 1
            assert client.get("/", headers={"x-who": str(number)}).status_code == 200
            assert len(storage) <= 200
        assert client.get("/", headers=abuser).status_code == 429


BLOCKS = 1_000
"""Objects that 1,000 visits may leave: a leak of one object in each visit, or of a request in every sixtieth, is more."""


@pytest.mark.case(
    149,
    on=("granian-rsgi", "granian-asgi", "uvicorn-httptools", "hypercorn"),
    why="what a server holds is asked of servers; the two parsers of Uvicorn hold what httptools holds, or less",
)
@pytest.mark.timeout(120)
def test_mixed_visits_leave_nothing_behind(place: str) -> None:
    """Some thousand here, and 200,000 by `hatch run soak`. Memory by Python's blocks: allocators' slack hides less than bytes."""
    visits = 600 if place == "hypercorn" else 2_000
    with serve(place, "soak_app:app", cwd=ROOT / "tests" / "soak") as server:
        made = asyncio.run(
            soak(
                place,
                server.port,
                warm_up=visits,
                visits=visits,
                parts=3,
                clients=16,
                leaving=0.15,
                say=lambda line: None,
            )
        )
    before, after = made.reports[0][1], made.reports[-1][1]
    assert {what: after[what] - before[what] for what in COUNTED if after[what] > before[what]} == {}
    assert made.growth("blocks") < BLOCKS
    assert set(made.seen) == {*VISITS, "websocket", "left"}


@pytest.mark.case(150)
@pytest.mark.process
def test_uploads_that_are_broken_off_leave_no_file_and_no_task(client_of: Any, spool: Path) -> None:
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

    leave("/upload", "cut")
    before = client.get("/tasks").json()
    for _ in range(10):
        for path in ("/upload", "/raw"):
            for how in ("cut", "leave"):
                leave(path, how)
    assert client.get("/tasks").json() == before
    assert (open_in(spool), list(spool.iterdir())) == ([], [])


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


@pytest.mark.case(152)
def test_streams_that_are_left_have_their_generators_closed_and_leave_no_task(interface: Any) -> None:
    """A thousand here, ten times as many by --hypothesis-profile=deep: left in the first turn, while they wait, and after the end."""
    count, closed = 10 * settings().max_examples, 0

    async def rows(number: int) -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            yield b"first"
            if number % 3:
                await asyncio.sleep(60)
        finally:
            closed += 1

    numbers = iter(range(count))
    app = VelociPy(plugins=False)
    app.add_route("/", lambda: StreamingResponse(rows(next(numbers))))

    async def one(client: AsyncTestClient) -> None:
        exchange = client.exchange("GET", "/")
        await exchange.chunk()
        await asyncio.sleep(0 if random.random() < 0.5 else 0.02)
        await exchange.close()

    async def run() -> int:
        async with AsyncTestClient(app, interface=interface) as client:
            before = len(asyncio.all_tasks())
            for _ in range(10):
                await asyncio.gather(*(one(client) for _ in range(count // 10)))
            await asyncio.sleep(0.05)
            return len(asyncio.all_tasks()) - before

    assert asyncio.run(run()) == 0
    assert closed == count


@pytest.mark.case(153)
@pytest.mark.process
def test_test_clients_leave_no_thread_and_no_loop(interface: Any) -> None:
    """Three hundred here, ten times as many by --hypothesis-profile=deep."""
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []
    others = set(threading.enumerate())
    app = VelociPy(plugins=False)

    @app.get("/")
    async def home() -> str:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return "home"

    for _ in range(3 * settings().max_examples):
        with TestClient(app, interface=interface) as client:
            assert client.get("/").text == "home"
    assert set(threading.enumerate()) <= others
    del client
    gc.collect()
    left = [loop for ref in loops if (loop := ref()) is not None]
    assert all(loop.is_closed() for loop in left)
    assert len(left) < 5


@pytest.mark.case(154)
def test_a_bad_request_is_at_most_one_record_and_a_storage_that_fails_one_in_ten_seconds(
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

    class Broken(MemoryStorage):
        """Fails at every second client."""

        async def decide(self, rules: Any, identity: str, cost: int | None = None) -> Any:
            if identity.endswith(("1", "3", "5", "7", "9")):
                raise ConnectionError("lost")
            return await super().decide(rules, identity, cost)

    number = iter(range(1_000))
    app = limited(Broken(), rule_of(limit=1_000), identifier=lambda exchange: str(next(number)))
    client = client_of(app)
    known = len(records())
    assert {client.get("/").status_code for _ in range(200)} == {200}
    assert 1 <= len(records()) - known <= 4


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a case before has left to the garbage collector is no matter of the next."""
    gc.collect()
    yield
