"""An app that has one of everything, for requests that hypothesis draws. Knows endpoints; does not know its protocol."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from velocipy import (
    APIRouter,
    APIVersion,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    EventSourceResponse,
    File,
    FileResponse,
    Form,
    Header,
    HTTPException,
    JSONResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    ServerSentEvent,
    StreamingResponse,
    UploadFile,
    VelociPy,
)
from velocipy.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    SessionMiddleware,
    TrustedHostMiddleware,
)

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
FILE = tempfile.NamedTemporaryFile(suffix=".txt")
FILE.write(b"".join(b"line %d\n" % number for number in range(300)))
FILE.flush()


class Color(Enum):
    """Text and a number."""

    RED = "red"
    TWO = 2


@dataclass
class Item:
    """A body."""

    name: str
    price: Annotated[float, Query(ge=0)] = 1.0
    tags: list[str] = field(default_factory=list)
    made: date | None = None


class Point(msgspec.Struct):
    """A body of another backend."""

    x: int
    y: int = 0
    inner: dict[str, int] = {}


@dataclass
class Page:
    """Spread over a query."""

    page: int = 1
    size: int = 20
    sort: Literal["up", "down"] = "up"


class Teapot(Exception):
    """Has a handler."""


async def session() -> AsyncIterator[str]:
    """A dependency with a teardown."""
    yield "open"


async def counted(response: Response, x_count: Annotated[int, Header()] = 0) -> int:
    """A dependency that sets a header."""
    response.headers["x-seen"] = str(x_count)
    return x_count


def late(request: Request) -> str:
    """A dependency in a thread's stead: it is sync."""
    return request.method


def make_app() -> VelociPy:
    """The app; what it keeps is its own."""
    app = VelociPy(
        plugins=False,
        versioning=APIVersion.from_header("X-Version", default="1", allowed=("1", "2")),
        max_content_length=20_000,
        middleware=[
            TrustedHostMiddleware(["testserver", "*.test", "[::1]"]),
            CORSMiddleware(
                allow_origins=["https://a.example"], allow_credentials=True, allow_headers=["x-a"]
            ),
            SecurityHeadersMiddleware(),
            RequestIDMiddleware(),
            CompressionMiddleware(minimum_size=200, codings=["gzip"]),
        ],
    )
    _add_parameters(app)
    _add_bodies(app)
    _add_answers(app)
    _add_errors(app)
    _add_session(app)
    app.mount("/mounted", _mounted())
    return app


def _add_parameters(app: VelociPy) -> None:
    @app.get("/users/me")
    async def me() -> dict[str, str]:
        return {"is": "me"}

    @app.route("/users/{id:int}", methods=["GET", "DELETE"])
    async def user(id: int, q: str = "none") -> dict[str, object]:
        return {"id": id, "q": q}

    @app.get("/users/{name}/{rest*}")
    async def rest(request: Request, name: str, rest: str) -> list[object]:
        return [name, rest, request.path, str(request.url), request.query_string]

    @app.get("/files/{stem}.{ext}")
    async def file_name(stem: str, ext: str) -> list[str]:
        return [stem, ext]

    @app.get("/scalars")
    async def scalars(
        number: Annotated[int | None, Query(ge=-5, le=10**6)] = None,
        ratio: float = 0.5,
        price: Decimal | None = None,
        day: date | None = None,
        key: UUID | None = None,
        color: Color = Color.RED,
        flag: bool = False,
        tags: Annotated[list[str], Query(max_length=4)] = [],  # noqa: B006
        ids: Annotated[set[int] | None, Query()] = None,
    ) -> list[object]:
        return [number, ratio, price, day, key, color, flag, tags, sorted(ids or ())]

    @app.get("/spread")
    async def spread(page: Annotated[Page, Query()]) -> Page:
        return page

    @app.get("/headers")
    async def headers(
        x_token: Annotated[str | None, Header()] = None,
        x_count: Annotated[int, Header()] = 1,
        x_list: Annotated[list[str] | None, Header()] = None,
        theme: Annotated[str | None, Cookie()] = None,
        seen: Annotated[int | None, Depends(counted)] = None,
    ) -> list[object]:
        return [x_token, x_count, x_list, theme, seen]

    @app.get("/request")
    async def request(request: Request) -> dict[str, object]:
        own = [pair for pair in request.headers.items() if pair[0] != "x-request-id"]
        return {
            "headers": sorted(own),
            "cookies": request.cookies,
            "query": sorted(request.query_params.items()),
            "text": request.query_string,
            "url": str(request.url),
            "host": request.host,
            "client": request.client and list(request.client),
            "length": request.headers.get("content-length"),
        }


def _add_bodies(app: VelociPy) -> None:
    @app.post("/item")
    async def item(item: Item, session: Annotated[str, Depends(session)], tasks: BackgroundTasks) -> Item:
        tasks.add_task(len, session)
        return item

    @app.route("/point", methods=["PUT", "PATCH"])
    async def point(point: Point, scale: int = 1) -> Point:
        return Point(point.x * scale, point.y * scale, point.inner)

    @app.post("/both")
    async def both(item: Item, count: Annotated[int, Body()]) -> list[object]:
        return [item, count]

    @app.post("/raw")
    async def raw(content: dict[str, Any]) -> dict[str, Any]:
        return content

    @app.post("/bytes", max_content_length=64)
    async def count(request: Request) -> list[int]:
        return [len(await request.body())]

    @app.post("/chunks")
    async def chunks(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.post("/form")
    async def form(name: Annotated[str, Form()], age: Annotated[int | None, Form()] = None) -> list[object]:
        return [name, age]

    @app.post("/upload")
    async def upload(
        title: Annotated[str, Form()], files: Annotated[list[UploadFile], File()]
    ) -> list[object]:
        return [title, [[one.filename, one.content_type, len(await one.read())] for one in files]]

    @app.get("/optional")
    async def optional(item: Item | None = None) -> Item | None:
        return item


def _add_answers(app: VelociPy) -> None:
    @app.get("/answer/text")
    async def text() -> str:
        return "text \u20ac"

    @app.get("/answer/either", formats=["json", "msgpack"])
    async def first(number: int = 1) -> dict[str, int]:
        return {"number": number}

    @app.get("/answer/bytes")
    async def octets() -> bytes:
        return b"\x00\xff"

    @app.get("/answer/version", versions=["1"])
    async def one() -> str:
        return "one"

    @app.get("/answer/version", versions=["2"])
    async def two(flag: bool = False) -> list[bool]:
        return [flag]

    @app.get("/answer/none")
    async def none() -> None:
        return None

    @app.get("/answer/long")
    async def long() -> dict[str, str]:
        return {"long": "x" * 3_000}

    @app.get("/answer/made")
    async def made(status: Annotated[int, Query(ge=200, le=599)] = 201) -> Response:
        response = Response(
            b"" if status in (204, 205, 304) else b"made", status, {"x-made": "yes", "vary": "X-A"}
        )
        response.set_cookie("a", "1")
        response.set_cookie("b", "2", path="/answer")
        return response

    @app.get("/answer/json")
    def in_thread(method: Annotated[str, Depends(late)]) -> JSONResponse:
        return JSONResponse({"method": method}, headers={"etag": '"1"'})

    @app.get("/answer/away")
    async def away(to: str = "/users/me", status: Literal[302, 307, 308] = 307) -> RedirectResponse:
        try:
            return RedirectResponse(to, status)
        except ValueError:  # a target that leaves this host, or holds control characters
            raise HTTPException(400, "no target") from None

    @app.get("/answer/stream")
    async def stream(count: Annotated[int, Query(ge=0, le=20)] = 3, fail: int = -1) -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            for number in range(count):
                if number == fail:
                    raise LookupError("on purpose")
                yield b"row %d\n" % number

        return StreamingResponse(rows(), media_type="text/plain")

    @app.get("/answer/yielded")
    async def yielded(count: int = 2) -> AsyncIterator[str]:
        for number in range(min(count, 20)):
            yield f"{number} "

    @app.get("/answer/blocking")
    async def blocking() -> StreamingResponse:
        def rows() -> Iterator[bytes]:
            yield from (b"a", b"", b"b")

        return StreamingResponse(rows(), headers={"content-length": "2"})

    @app.get("/answer/events")
    async def events(request: Request) -> EventSourceResponse:
        async def happen() -> AsyncIterator[ServerSentEvent]:
            yield ServerSentEvent({"last": request.last_event_id}, event="e", id="7")
            yield ServerSentEvent("a\nb")

        return EventSourceResponse(happen(), heartbeat=None)

    @app.get("/answer/file")
    async def file() -> FileResponse:
        return FileResponse(FILE.name)


def _add_errors(app: VelociPy) -> None:
    @app.get("/error/http/{status:int}")
    async def http(status: int) -> None:
        raise HTTPException(status if 400 <= status <= 599 else 418, "told", headers={"x-why": "because"})

    @app.get("/error/unhandled")
    async def unhandled() -> None:
        raise LookupError("on purpose")

    @app.get("/error/handled")
    async def handled() -> None:
        raise Teapot

    @app.exception_handler(Teapot)
    async def teapot(request: Request, exc: Exception) -> JSONResponse:
        return JSONResponse({"path": request.path}, 418)

    @app.get("/error/result")
    async def result() -> int:
        return "none of a number"  # type: ignore[return-value]


def _add_session(app: VelociPy) -> None:
    router = APIRouter(
        prefix="/session",
        middleware=[SessionMiddleware(SECRET, https_only=False, clock=lambda: 1_800_000_000.0)],
        tags=["session"],
    )

    @router.get("/read")
    async def read(request: Request) -> dict[str, Any]:
        return dict(request.session)

    @router.post("/write")
    async def write(request: Request, value: str = "v") -> str:
        request.session["value"] = value
        return "written"

    app.include_router(router)


def _mounted() -> VelociPy:
    """An app below another."""
    inner = VelociPy(plugins=False)

    @inner.get("/{rest*}")
    async def rest(request: Request, rest: str) -> list[str]:
        return [rest, request.root_path, str(request.url)]

    return inner
