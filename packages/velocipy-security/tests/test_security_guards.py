"""Schemes as guards of a whole app or router: HTTP, HEAD, WebSockets, mounts and files alike; overrides, sharing, logs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from velocipy import (
    APIRouter,
    AsyncTestClient,
    Depends,
    HTTPException,
    Request,
    StaticFiles,
    VelociPy,
    WebSocket,
)
from velocipy.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
)
from velocipy.testing import TestClient
from velocipy.testing.errors import WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

KEY = "0123456789abcdef0123456789abcdef"
GOOD = {"x-api-key": KEY, "authorization": "Bearer abc", "cookie": f"k={KEY}"}
SCHEMES = [
    APIKeyHeader("x-api-key", keys=[KEY]),
    APIKeyCookie("k", keys=[KEY]),
    HTTPBearer(),
    OAuth2PasswordBearer("/token"),
]


async def foreign(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app of somebody else."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"foreign"})


def whole_app(folder: Path, scheme: Any, place: str) -> VelociPy:
    """An app with one of everything, guarded by the app or by the router that everything is on."""
    (folder / "a.txt").write_text("a file")
    inner = VelociPy()

    @inner.get("/deep")
    async def deep() -> str:
        return "deep"

    @inner.websocket("/ws")
    async def inner_socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    guards = [Depends(scheme)]
    app = VelociPy(dependencies=guards if place == "app" else [])
    router = APIRouter(dependencies=guards if place == "router" else [])

    @router.get("/page")
    async def page(number: int = 1) -> str:
        return "page"

    @router.post("/item")
    async def item(item: dict[str, Any]) -> str:
        return "item"

    @router.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    @router.get("/docs", include_in_schema=False)
    async def docs() -> str:
        return "docs"

    app.include_router(router)
    for prefix, target in (("/files", StaticFiles(folder)), ("/inner", inner), ("/foreign", foreign)):
        app.mount(prefix, target)
    return app


EVERYTHING = [
    ("GET", "/page", 200),
    ("HEAD", "/page", 200),
    ("POST", "/item", 200),
    ("GET", "/docs", 200),
    ("GET", "/files/a.txt", 200),
    ("HEAD", "/files/a.txt", 200),
    ("GET", "/files/none", 404),
    ("GET", "/inner/deep", 200),
    ("GET", "/inner/none", 404),
    ("GET", "/foreign/x", 200),
    ("GET", "/none", 404),
    ("DELETE", "/page", 405),
    ("OPTIONS", "/page", 204),
]


@pytest.mark.case(84)
@both
@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_a_guard_of_the_app_stands_before_everything(interface: Any, scheme: Any, tmp_path: Path) -> None:
    client = TestClient(whole_app(tmp_path, scheme, "app"), interface=interface)
    for method, path, status in EVERYTHING:
        body: Any = {"json": {}} if method == "POST" else {}
        stranger = client.request(method, path, **body)
        assert stranger.status_code == 401, (method, path)
        assert stranger.headers["www-authenticate"] == scheme.challenge()
        assert client.request(method, path, headers=GOOD, **body).status_code == status, (method, path)
    for path in ("/ws", "/inner/ws"):
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect(path):
            pass
        assert denied.value.status_code == 401
        with client.websocket_connect(path, headers={**GOOD, "origin": "http://testserver"}):
            pass


@pytest.mark.case(84)
@both
def test_a_guard_of_the_app_stands_before_its_documentation(interface: Any) -> None:
    scheme: Any = SCHEMES[0]
    app = VelociPy(dependencies=[Depends(scheme)])
    app.get("/page")(some_page)
    client = TestClient(app, interface=interface)
    for path in ("/openapi.json", "/docs"):
        assert client.get(path).status_code == client.head(path).status_code == 401
        assert client.get(path, headers=GOOD).status_code == 200


async def some_page() -> str:
    return "page"


@pytest.mark.case(84)
@both
@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_a_guard_of_a_router_stands_before_all_that_is_on_it(
    interface: Any, scheme: Any, tmp_path: Path
) -> None:
    client = TestClient(whole_app(tmp_path, scheme, "router"), interface=interface)
    for method, path in (
        ("GET", "/page"),
        ("HEAD", "/page"),
        ("POST", "/item"),
        ("GET", "/docs"),
        ("PUT", "/page"),
    ):
        assert client.request(method, path).status_code == 401, (method, path)
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws"):
        pass
    assert denied.value.status_code == 401
    assert client.get("/none").status_code == 404  # the app's, which has no guard


@both
def test_who_must_not_come_in_gets_no_422_and_has_no_body_parsed(interface: Any, tmp_path: Path) -> None:
    client = TestClient(whole_app(tmp_path, SCHEMES[0], "app"), interface=interface)
    json = {"content-type": "application/json"}
    assert client.get("/page?number=x").status_code == 401
    assert client.post("/item", content=b"{", headers=json).status_code == 401
    assert client.get("/page?number=x", headers=GOOD).status_code == 422
    assert client.post("/item", content=b"{", headers={**json, **GOOD}).status_code == 400


@pytest.mark.case(85)
@both
def test_a_user_is_loaded_once_for_each_request_and_left_with_its_error(interface: Any) -> None:
    log: list[str] = []
    basic = HTTPBasic()

    async def session(given: Annotated[HTTPBasicCredentials, Depends(basic)]) -> AsyncIterator[str]:
        log.append(f"enter {given.username}")
        try:
            yield given.username
        except HTTPException as exc:
            log.append(f"saw {exc.status_code}")
            raise
        finally:
            log.append(f"leave {given.username}")
        if given.username == "eve":
            raise basic.refusal()

    app = VelociPy(dependencies=[Depends(session)])

    @app.get("/")
    async def endpoint(one: Annotated[str, Depends(session)], two: Annotated[str, Depends(session)]) -> str:
        assert one is two
        if one == "bob":
            raise HTTPException(403)
        return one

    client = TestClient(app, interface=interface)
    assert client.get("/", auth=("ada", "x")).text == "ada"
    assert client.get("/", auth=("bob", "x")).status_code == 403
    assert client.get("/", auth=("eve", "x")).status_code == 401  # said in teardown, before anything was sent
    assert log == ["enter ada", "leave ada", "enter bob", "saw 403", "leave bob", "enter eve", "leave eve"]


@pytest.mark.case(85)
@both
def test_an_override_takes_the_place_of_a_scheme_and_goes_again(interface: Any) -> None:
    key = APIKeyHeader("x-api-key", keys=[KEY])
    app = VelociPy(dependencies=[Depends(key)])

    @app.get("/")
    async def endpoint(given: Annotated[str, Depends(key)]) -> str:
        return given

    async def anybody() -> str:
        return "anybody"

    client = TestClient(app, interface=interface)
    with app.override({key: anybody}):
        assert client.get("/").text == "anybody"
    assert client.get("/").status_code == 401


@pytest.mark.case(85)
@both
def test_a_hundred_requests_at_once_each_have_their_own_user(interface: Any) -> None:
    bearer = OAuth2PasswordBearer("/token")

    async def user(token: Annotated[str, Depends(bearer)]) -> str:
        await asyncio.sleep(0.001)
        return f"user of {token}"

    app = VelociPy()

    @app.get("/")
    async def endpoint(one: Annotated[str, Depends(user)]) -> str:
        await asyncio.sleep(0.001)
        return one

    async def ask() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            headers = [{"authorization": f"Bearer t{number}"} for number in range(100)]
            answers = await asyncio.gather(*(client.get("/", headers=each) for each in headers))
            assert [answer.text for answer in answers] == [f"user of t{number}" for number in range(100)]

    asyncio.run(ask())


@pytest.mark.case(86)
@both
def test_no_secret_is_repeated_in_answers_reprs_and_logs(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2-hunter2-hunter2"
    app = VelociPy()
    seen: list[str] = []

    @app.get("/basic")
    async def basic(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())], request: Request) -> None:
        seen.append(repr((given, request, request.headers)))
        raise RuntimeError("a bug of the endpoint")

    @app.get("/key")
    async def key(key: Annotated[str, Depends(APIKeyHeader("x-api-key", keys=[KEY]))]) -> None: ...

    @app.get("/query")
    async def query(key: Annotated[str, Depends(APIKeyQuery("key", keys=[KEY]))], page: int) -> None: ...

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.get("/basic", auth=("ada", secret)),
            client.get("/key", headers={"x-api-key": secret}),
            client.get(f"/query?key={secret}"),
            client.get(f"/query?key={KEY}&page=x"),
        ]
    assert [answer.status_code for answer in answers] == [500, 401, 401, 422]
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("velocipy"))
    for text in (*seen, *(answer.text for answer in answers), logged, app.routes[0].explain("asgi")):
        assert secret not in text and KEY not in text
