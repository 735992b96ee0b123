"""What one operation costs as an app grows, axis by axis. Knows how to build an app of a size; does not know who counts, or how.

python tests/benchmarks/probes.py AXIS      prints what was measured, for `benchkit.marks`
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from benchkit.fakes import asgi_scope, rsgi_call
from benchkit.growth import templates
from benchkit.marks import Meter
from benchkit.workloads import JSON, Ask

from velocipy import Depends, Request, UploadFile, VelociPy
from velocipy.middleware import Middleware
from velocipy.routing.path import PathTemplate
from velocipy.routing.tree import RouteTree

sys.path.append(str(Path(__file__).resolve().parents[1] / "limits"))

from limit_costs import RULES, Bare, addresses

from velocipy.limiter.storage import MemoryStorage

ROUTES: Final = (10, 100, 1_000, 10_000)
DEPENDENCIES: Final = (0, 1, 2, 5, 10, 20, 50)
MIDDLEWARES: Final = (0, 1, 2, 5, 10, 20)
BODIES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
KEYS: Final = (1_000, 10_000, 100_000, 1_000_000)
CALLS: Final = 200
GET: Final = Ask("GET", "/")
PIECE: Final = 64 * 1024
"""Bytes of a body that a server hands over at once."""

Call = Callable[[], Coroutine[Any, Any, object]]


def calling(
    loop: asyncio.Runner, call: Callable[[], Awaitable[object]], times: int = CALLS
) -> Callable[[], None]:
    """So many calls, one after the other."""

    async def work() -> None:
        for _ in range(times):
            await call()

    return lambda: loop.run(work())


def routes(meter: Meter, loop: asyncio.Runner) -> None:
    for size in ROUTES:
        tree: RouteTree[str] = RouteTree(lambda template: template.text)
        for text in templates(size):
            tree.leaf(PathTemplate.parse(text))
        spread = templates(size)[:: max(1, size // 20)][:20]
        paths = [text.replace("{item_id:int}", "42") for text in spread] * 100

        def match(tree: RouteTree[str] = tree, paths: Sequence[str] = paths) -> None:
            for path in paths:
                if tree.match(path) is None:
                    raise AssertionError(path)

        meter.measure("a match", size, len(paths), match)
    register_all(VelociPy(plugins=False), ROUTES[0])
    for size in ROUTES:
        app = VelociPy(plugins=False)

        meter.measure("registering a route", size, size, partial(register_all, app, size), warm=False)
        path = templates(size)[size // 2].replace("{item_id:int}", "42")
        meter.measure("a request", size, CALLS, calling(loop, rsgi_call(app, Ask("GET", path))[0]))


def register_all(app: VelociPy, size: int) -> None:
    for text in templates(size):
        app.get(text)(thing)


async def thing(item_id: int, page: int = 1, size: int = 20) -> dict[str, int]:
    return {"id": item_id}


def dependencies(meter: Meter, loop: asyncio.Runner) -> None:
    for name, depends in (("side by side", _beside), ("each on the next", _nested)):
        for size in DEPENDENCIES:
            app = VelociPy(plugins=False)
            app.get("/")(depends(size))
            meter.measure(name, size, CALLS, calling(loop, rsgi_call(app, GET)[0]))


def _leaf() -> Any:
    async def leaf() -> int:
        return 7

    return leaf


def _beside(size: int) -> Any:
    """An endpoint with so many dependencies."""
    names = [f"d{number}" for number in range(size)]
    space: dict[str, Any] = {}
    exec(f"async def endpoint({', '.join(names)}) -> str: return 'x'", space)
    endpoint = space["endpoint"]
    endpoint.__annotations__.update({name: Annotated[int, Depends(_leaf())] for name in names})
    return endpoint


def _nested(size: int) -> Any:
    """An endpoint whose dependency has a dependency, and so on."""

    async def endpoint() -> str:
        return "x"

    below = None
    for _ in range(size):
        below = _on(below)
    if below is None:
        return endpoint

    async def on_one(of: int) -> str:
        return "x"

    on_one.__annotations__["of"] = Annotated[int, Depends(below)]
    return on_one


def _on(below: Any) -> Any:
    if below is None:
        return _leaf()

    async def dependency(of: int) -> int:
        return of

    dependency.__annotations__["of"] = Annotated[int, Depends(below)]
    return dependency


class Hooked(Middleware):
    """A hook before and a header after."""

    header_name = "x-hooked"

    def before(self) -> int:
        return 7

    def header(self, token: int) -> str:
        return "7"


class Wrapping(Middleware):
    """What gets a Request and makes of the answer what it likes."""

    async def dispatch(self, request: Any, call_next: Any) -> Any:
        return await call_next(request)


def middlewares(meter: Meter, loop: asyncio.Runner) -> None:
    for name, kind in (("with hooks", Hooked), ("wrapping", Wrapping)):
        for size in MIDDLEWARES:
            kinds = [type(f"{kind.__name__}{number}", (kind,), {}) for number in range(size)]
            for number, each in enumerate(kinds):
                if kind is Hooked:
                    each.header_name = f"x-hooked-{number}"  # type: ignore[attr-defined]
            app = VelociPy(plugins=False, middleware=[each() for each in kinds])

            @app.get("/")
            async def home() -> str:
                return "x"

            meter.measure(name, size, CALLS, calling(loop, rsgi_call(app, GET)[0]))


def body_of(kind: str, size: int) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """(about so many bytes, the headers that go with them)"""
    if kind == "JSON":
        item = b'{"name":"raptor","price":1.25,"tags":["claw"]}'
        return b"[" + b",".join([item] * max(1, size // (len(item) + 1))) + b"]", JSON
    if kind == "an upload":
        head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        tail = b"\r\n--b--\r\n"
        filling = bytes(range(256)) * (size // 256 + 1)
        return head + filling[: max(0, size - len(head) - len(tail))] + tail, (
            ("content-type", "multipart/form-data; boundary=b"),
        )
    return b"x" * size, (("content-type", "application/octet-stream"),)


class Item(msgspec.Struct):
    """One of the JSON body's."""

    name: str
    price: float
    tags: list[str]


async def read(request: Request) -> int:
    return len(await request.body())


async def piecewise(request: Request) -> int:
    return sum([len(piece) async for piece in request.stream()])


async def decode(items: list[Item]) -> int:
    return len(items)


async def upload(file: UploadFile) -> int:
    return file.size or 0


def body_app() -> VelociPy:
    app = VelociPy(plugins=False, max_content_length=10**9)
    app.post("/read")(read)
    app.post("/pieces")(piecewise)
    app.post("/json")(decode)
    app.post("/upload")(upload)
    return app


BODY_PATHS: Final = {"/read": "read", "/pieces": "pieces", "/json": "JSON", "/upload": "an upload"}


def body_call(app: Any, path: str, size: int) -> Call:
    """A request over ASGI whose body comes in pieces. AssertionError for another answer than 200."""
    body, headers = body_of(BODY_PATHS[path], size)
    ask = Ask("POST", path, (*headers, ("content-length", str(len(body)))))
    sent: list[dict[str, Any]] = []

    async def call() -> None:
        places = iter(range(0, len(body), PIECE))

        async def receive() -> dict[str, Any]:
            at = next(places)
            return {
                "type": "http.request",
                "body": body[at : at + PIECE],
                "more_body": at + PIECE < len(body),
            }

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        sent.clear()
        await app(asgi_scope(ask), receive, send)
        if sent[0]["status"] != 200:
            raise AssertionError(sent)

    return call


def bodies(meter: Meter, loop: asyncio.Runner) -> None:
    app = body_app()
    for path, series in BODY_PATHS.items():
        for size in BODIES:
            call = body_call(app, path, size)
            times = max(1, min(50, 1_000_000 // size))
            meter.measure(series, size, times, calling(loop, call, times), warm=size < 10_000_000)


def keys(meter: Meter, loop: asyncio.Runner) -> None:
    """Decisions about keys that are there, drawn from all of them, and the same of a bare GCRA on a dict."""
    chance = random.Random(7)
    for size in KEYS:
        storage, bare, names = MemoryStorage(max_keys=10**7), Bare(), addresses(size)
        drawn = [chance.choice(names) for _ in range(2_000)]

        async def fill(storage: MemoryStorage = storage, names: Sequence[str] = names) -> None:
            for name in names:
                await storage.decide(RULES, name)

        async def decide(storage: MemoryStorage = storage, drawn: Sequence[str] = drawn) -> None:
            for name in drawn:
                await storage.decide(RULES, name)

        def by_hand(bare: Bare = bare, drawn: Sequence[str] = drawn) -> None:
            for name in drawn:
                bare.decide(name)

        loop.run(fill())
        for name in names:
            bare.decide(name)
        meter.measure("a decision", size, len(drawn), lambda: loop.run(decide()))  # run at once
        meter.measure("by hand", size, len(drawn), by_hand)


AXES: Final = {
    "routes": routes,
    "bodies": bodies,
    "dependencies": dependencies,
    "middlewares": middlewares,
    "keys": keys,
}


def main(arguments: Sequence[str]) -> int:
    meter = Meter()
    with asyncio.Runner() as loop:
        AXES[arguments[0]](meter, loop)
    meter.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
