"""The source that is emitted for typical signatures, in both dialects, compared word for word with golden/*.txt.

After a change of the compiler that is meant, write them anew and read the difference:

    VELOCIPY_GOLDEN=write python -m pytest packages/velocipy-core/tests/test_handlers_golden.py
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from velocipy import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    Form,
    FormLimits,
    Header,
    Query,
    Request,
    Response,
    Session,
    SessionMiddleware,
    State,
    UploadFile,
    VelociPy,
    WebSocket,
)
from velocipy.handlers.markers import guard
from velocipy.middleware import RequestIDMiddleware, SecurityHeadersMiddleware, TimingMiddleware
from velocipy.protocols import RequestHeaders
from velocipy.routing.route import AllowedMethods, Route

GOLDEN = Path(__file__).with_name("golden")


class Item(msgspec.Struct):
    """A body."""

    name: str


async def page_params(
    page: Annotated[int, Query(ge=1)] = 1, size: Annotated[int, Query(le=100)] = 20
) -> dict[str, int]:
    return {"page": page, "size": size}


@guard
async def user(authorization: Annotated[str | None, Header()] = None) -> str:
    return authorization or "nobody"


async def open_db() -> AsyncIterator[str]:
    yield "db"


def open_file() -> Iterator[str]:
    yield "file"


async def tracked(response: Response) -> None:
    response.headers["x-tracked"] = "1"


async def passing(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


def plain(app: VelociPy) -> None:
    @app.get("/")
    async def hello() -> dict[str, str]:
        return {"message": "hello"}


def front_page(app: VelociPy) -> None:
    @app.get("/items/{id:int}")
    async def list_items(
        id: int, params: Annotated[dict[str, int], Depends(page_params)], x_request_id: str = Header("none")
    ) -> list[Any]:
        return [id, params, x_request_id]


def sources(app: VelociPy) -> None:
    @app.get("/{name}")
    async def search(
        name: Annotated[str, "free text"], q: str, session: Annotated[str | None, Cookie()] = None
    ) -> str:
        return name


def no_content(app: VelociPy) -> None:
    @app.delete("/{id}")
    async def remove(id: int) -> None:
        return None


def struct_body(app: VelociPy) -> None:
    @app.post("/items", status_code=201)
    async def create(item: Item, dry: bool = False) -> Item:
        return item


def body_and_request(app: VelociPy) -> None:
    @app.post("/hooks")
    async def receive(payload: Annotated[dict[str, Any], Body()], request: Request) -> int:
        return len(await request.body())


def guarded(app: VelociPy) -> None:
    @app.get("/me", dependencies=[Depends(user)])
    async def me(user: Annotated[str, Depends(user)], page: int = 1) -> str:
        return user


def entered(app: VelociPy) -> None:
    @app.get("/rows")
    def rows(
        db: Annotated[str, Depends(open_db)], file: Annotated[str, Depends(open_file, scope="function")]
    ) -> list[str]:
        return [db, file]


def given_response(app: VelociPy) -> None:
    @app.get("/tracked", dependencies=[Depends(tracked)])
    async def endpoint(response: Response, *, name: str = "x") -> str:
        return name


def hooks(app: VelociPy) -> None:
    app.add_middleware(RequestIDMiddleware)
    app.add_middleware(TimingMiddleware)
    app.add_middleware(SecurityHeadersMiddleware, headers={"content-security-policy": None})
    plain(app)


class Finishing:
    """Reads what lies around a request, makes two headers and finishes long answers."""

    header_names = ("x-a", "x-b")

    def before(self, headers: RequestHeaders, allowed: AllowedMethods, route: Route) -> str:
        return f"{route.path} {allowed} {headers.get('accept')}"

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (("x-a", token), ("x-b", token))

    def finishes(self, token: str, size: int) -> bool:
        return size > 1_000

    async def finish(self, token: str, response: Response) -> Response:
        return response


def finishing(app: VelociPy) -> None:
    app.add_middleware(Finishing())
    plain(app)


class Refusing:
    """A before that may answer."""

    def before(self, token: str = "") -> Response | None:
        return Response("refused", 403) if token else None


def refusing(app: VelociPy) -> None:
    app.add_middleware(Refusing())
    app.add_middleware(RequestIDMiddleware)
    no_content(app)


def segments(app: VelociPy) -> None:
    router = APIRouter(middleware=[passing])

    @router.get("/r/{id}")
    async def endpoint(
        id: str, user: Annotated[str, Depends(user)], db: Annotated[str, Depends(open_db)]
    ) -> str:
        return user + db

    class Auditing:
        header_name = "x-user"

        def before(self, user: Annotated[str, Depends(user)]) -> str:
            return user

        def header(self, token: str) -> str:
            return token

    app.add_middleware(Auditing())
    app.add_middleware(passing)
    app.add_middleware(SecurityHeadersMiddleware, headers={"content-security-policy": None})
    app.include_router(router)


def socket(app: VelociPy) -> None:
    app.add_middleware(RequestIDMiddleware)

    @app.websocket("/ws/{room}")
    async def chat(
        room: str, websocket: WebSocket, db: Annotated[str, Depends(open_db)], last: int = 0
    ) -> None:
        await websocket.accept()


def hostile_names(app: VelociPy) -> None:
    async def result(exc: str, größe: int = 1, *, class_: str = "x") -> str:
        return exc

    async def body(a: Annotated[str, Depends(result)], errors: int, _: int = 0) -> str:
        return a

    body.__name__ = "'''\n"
    app.get("/{exc}")(body)


class Filters(msgspec.Struct, forbid_unknown_fields=True):
    """Query parameters that belong together."""

    page: int = 1
    tags: list[str] = []


def spread(app: VelociPy) -> None:
    @app.get("/search")
    async def search(
        filters: Annotated[Filters, Query()],
        ids: Annotated[list[int], Query(explode=False)],
        accept: Annotated[list[str], Header()] = [],  # noqa: B006
        size: int | None = None,
    ) -> list[Item]:
        return []


def several_bodies(app: VelociPy) -> None:
    @app.put("/items")
    async def update(item: Item, note: Annotated[str, Body()], extra: dict[str, Any] | None = None) -> Item:
        return item


def form(app: VelociPy) -> None:
    @app.post("/upload", form_limits=FormLimits(max_files=2))
    async def upload(
        title: Annotated[str, Form()], files: list[UploadFile], note: Annotated[str, Form()] = "none"
    ) -> int:
        return len(files)


def session(app: VelociPy) -> None:
    app.add_middleware(SessionMiddleware("kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe"))

    @app.get("/account")
    async def account(session: Session) -> str:
        return str(session["user"])


def app_scoped(app: VelociPy) -> None:
    @app.get("/pool")
    async def read(pool: Annotated[str, Depends(open_db, scope="app")], state: State) -> str:
        return pool


SIGNATURES: list[Callable[[VelociPy], None]] = [
    plain,
    front_page,
    sources,
    no_content,
    struct_body,
    body_and_request,
    guarded,
    entered,
    given_response,
    hooks,
    finishing,
    refusing,
    segments,
    socket,
    hostile_names,
    spread,
    several_bodies,
    form,
    session,
    app_scoped,
]


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@pytest.mark.parametrize("declare", SIGNATURES, ids=lambda declare: declare.__name__)
def test_the_emitted_source_is_the_golden_one(declare: Callable[[VelociPy], None], interface: str) -> None:
    app = VelociPy()
    declare(app)
    source = app.routes[0].explain(interface)
    path = GOLDEN / f"{declare.__name__}.{interface}.txt"
    if os.environ.get("VELOCIPY_GOLDEN") == "write":
        path.write_text(source, encoding="utf-8")
    assert source == path.read_text(encoding="utf-8"), f"if this is meant: {__doc__}"


def test_every_golden_text_has_its_signature() -> None:
    expected = {
        f"{declare.__name__}.{interface}.txt" for declare in SIGNATURES for interface in ("asgi", "rsgi")
    }
    assert {path.name for path in GOLDEN.iterdir()} == expected
