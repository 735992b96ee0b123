"""Plans as data: what they say, and that every kind of step has its row in every table."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, get_args

import pytest

from velocipy import Body, Cookie, Depends, Header, Query, Request, Response, VelociPy, WebSocket
from velocipy.handlers import app_scope, emitters, plan
from velocipy.handlers.convert import PARSERS
from velocipy.handlers.markers import Source
from velocipy.handlers.plan import Plan
from velocipy.handlers.signature import How
from velocipy.middleware import (
    MetricsMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    SessionMiddleware,
)
from velocipy.state import State

STEPS = set(get_args(plan.Step))


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (emitters.EMITTERS, STEPS),
        (plan._TEXTS, STEPS),
        (emitters._CALLS, set(How)),
        (app_scope._WAYS, set(How)),
        (emitters._PREPARE, set(get_args(Source))),
    ],
    ids=["emitters", "texts", "calls", "app-scoped calls", "sources"],
)
def test_every_kind_has_its_row(table: dict[Any, Any], rows: set[Any]) -> None:
    assert set(table) == rows


def test_every_parser_has_a_name_of_its_own() -> None:
    names = [name for _, name in PARSERS.values()]
    assert len(set(names)) == len(names)


def plan_of(app: VelociPy) -> Plan:
    return app._dispatcher.plan(app.routes[0])


async def open_db() -> AsyncIterator[str]:
    yield "db"


async def passing(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


def test_explain_prints_a_step_a_line() -> None:
    app = VelociPy(middleware=[RequestIDMiddleware(), SecurityHeadersMiddleware(headers={}), passing])

    class Refusing:
        def before(self) -> Response | None:
            return None

    app.add_middleware(Refusing())

    @app.post("/items/{id:int}")
    async def endpoint(
        id: int,
        item: Annotated[dict[str, Any], Body()],
        db: Annotated[str, Depends(open_db)],
        q: Annotated[int, Query()],
        *,
        token: Annotated[str, Header()] = "none",
        session: Annotated[str | None, Cookie()] = None,
        response: Response,
        state: State,
    ) -> None: ...

    lines = plan_of(app).explain().splitlines()
    line = endpoint.__code__.co_firstlineno
    assert lines[0] == f"POST /items/{{id:int}} -> endpoint ({__file__}:{line})"
    assert lines[1:] == [
        "  header   x-content-type-options: nosniff",
        "  header   x-frame-options: DENY",
        "  header   referrer-policy: strict-origin-when-cross-origin",
        "  header   content-security-policy: default-src 'self'",
        "  hook     RequestIDMiddleware",
        "    read     a_sent = header 'x-request-id': str | None, default None",
        "    call     a_RequestIDMiddleware = before(a_sent)  [plain]",
        "    header   x-request-id",
        "  next     passing, wrapping:",
        "    hook     Refusing",
        "      call     a_Refusing = before()  [plain]",
        "      refuse   with a_Refusing if it is a Response",
        "    take     a_id = value 0 of the path",
        "    body     a_item = JSON: dict[str, Any] (at most 10485760 bytes), required",
        "    read     a_q = query 'q': int, required",
        "    read     a_token = header 'token': str, default 'none'",
        "    read     a_session = cookie 'session': str | None, default None",
        "    give     a_response = the response",
        "    give     a_state = the state",
        "    check    422 with every error so far",
        "    call     a_open_db = open_db()  [async generator]",
        "    call     result = endpoint(a_id, a_item, a_open_db, a_q, token=a_token, session=a_session, "
        "response=a_response, state=a_state)  [await]",
        "    send     204: nothing",
    ]


def test_a_plan_names_its_dependencies_and_whether_something_must_be_left() -> None:
    app = VelociPy()

    async def user() -> str:
        return "me"

    @app.get("/")
    async def endpoint(user: Annotated[str, Depends(user)], db: Annotated[str, Depends(open_db)]) -> None: ...

    @app.get("/plain")
    async def plain(user: Annotated[str, Depends(user)]) -> None: ...

    first = plan_of(app)
    assert first.dependencies == {user, open_db} and first.enters
    second = app._dispatcher.plan(app.routes[1])
    assert second.dependencies == {user} and not second.enters


def test_segments_say_what_they_take_from_those_outside() -> None:
    async def user() -> str:
        return "me"

    class Auditing:
        def before(self, user: Annotated[str, Depends(user)]) -> None: ...

    app = VelociPy(middleware=[Auditing(), passing, passing])

    @app.get("/")
    async def endpoint(user: Annotated[str, Depends(user)]) -> None: ...

    assert [segment.carried for segment in plan_of(app).segments] == [(), (), ("a_user",)]


def test_wrapping_middleware_does_not_cut_the_plan_of_a_websocket() -> None:
    app = VelociPy(middleware=[passing, SecurityHeadersMiddleware()])

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None: ...

    (segment,) = plan_of(app).segments
    assert len(segment.core) == 2


@pytest.mark.parametrize(
    ("status", "annotation", "expected"),
    [
        (None, None, (204, "empty")),
        (201, None, (201, "empty")),
        (None, dict, (200, "any")),
        (204, dict | None, (204, "any")),
    ],
)
def test_a_plan_has_the_status_of_its_route_or_of_its_annotation(
    status: int | None, annotation: Any, expected: tuple[int, str]
) -> None:
    async def endpoint() -> Any: ...

    endpoint.__annotations__["return"] = annotation
    app = VelociPy()
    app.add_route("/", endpoint, status_code=status)
    found = plan_of(app)
    assert (found.status, found.result) == expected


def test_explain_says_of_hooks_whether_they_finish_always_or_when_asked() -> None:
    app = VelociPy(plugins=False, middleware=[MetricsMiddleware()])

    class Finishing:
        def before(self) -> str:
            return ""

        def finish(self, token: str, response: Response) -> Response:
            return response

    app.add_middleware(Finishing())
    app.get("/")(lambda: "x")
    lines = plan_of(app).explain().splitlines()
    assert [line.strip() for line in lines if line.lstrip().startswith("finish")] == [
        "finish   if asked for",
        "finish   always",
    ]


def test_explain_says_of_a_session_that_it_is_read_where_somebody_sees_it() -> None:
    app = VelociPy(plugins=False, middleware=[SessionMiddleware("a secret of thirty-two characters")])
    app.get("/")(lambda: "x")
    lines = [line.strip() for line in plan_of(app).explain().splitlines()]
    assert lines[lines.index("hook     SessionMiddleware") :].count("only where somebody sees it") == 1
