"""Cases 79 to 86: credentials that are missing, malformed or doubled, and guards that must stand before everything."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

import pytest
from case_clients import Clients

from velocipy import APIRouter, AsyncTestClient, Depends, Request, StaticFiles, VelociPy, WebSocket
from velocipy.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
)
from velocipy.testing import TestClient, WebSocketDenied

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
MISSING, WRONG = {"detail": "Not authenticated"}, {"detail": "Invalid authentication credentials"}


def shut(client_for: Clients, scheme: Any) -> TestClient:
    """A client of an app that says what the scheme gave its endpoint."""
    app = VelociPy(plugins=False)

    @app.get("/")
    async def who(given: Annotated[Any, Depends(scheme)]) -> Any:
        return {"given": given if isinstance(given, str) or given is None else repr(given)}

    return client_for(app)


@pytest.mark.case(79)
def test_a_key_that_is_not_exactly_an_accepted_one_is_a_401_and_compared_in_constant_time(
    monkeypatch: pytest.MonkeyPatch, client_for: Clients
) -> None:
    header = shut(client_for, APIKeyHeader("x-api-key", keys=[OTHER, KEY]))
    tables: list[tuple[list[tuple[Any, Any]], Any]] = [
        ([], MISSING),
        ([("x-api-key", "")], MISSING),
        ([("x_api_key", KEY)], MISSING),
        ([(b"x-api-key", b"\xff" * 32)], MISSING),  # RSGI servers do not pass it on
        ([("x-api-key", KEY.upper())], WRONG),
        ([("x-api-key", KEY[:-1])], WRONG),
        ([("x-api-key", KEY + "0")], WRONG),
        ([("x-api-key", KEY), ("x-api-key", KEY)], WRONG),
        ([("x-api-key", "a" * 1_000_000)], WRONG),
    ]
    for lines, detail in tables:
        answer = header.get("/", headers=lines)
        assert (answer.status_code, answer.json()) == (401, detail), lines[:1]
    query = shut(client_for, APIKeyQuery("k", keys=[OTHER, KEY]))
    for text, detail in (
        ("", MISSING),
        ("k=", MISSING),
        ("k=wrong", WRONG),
        (f"k={KEY[:-1]}", WRONG),
        (f"k={KEY}&k={KEY}", WRONG),
        ("k=%C3%A9", WRONG),
        ("k=%FF%00", WRONG),
        ("k=" + "a" * 5_000, WRONG),
    ):
        answer = query.get(f"/?{text}")
        assert (answer.status_code, answer.json()) == (401, detail), text[:50]
    # A value of a query that long is refused before anybody compares it (case 19).
    long = query.exchange("GET", "/?k=" + "a" * 1_000_000, headers=[("host", "testserver")]).reply()
    assert long.status == 400
    cookie = shut(client_for, APIKeyCookie("k", keys=[OTHER, KEY]))
    for text, detail in (("k=", MISSING), (f"k={KEY[:-1]}", WRONG), (f"k=x; k={KEY}", WRONG)):
        answer = cookie.get("/", headers={"cookie": text})
        assert (answer.status_code, answer.json()) == (401, detail), text

    compared: list[bytes] = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return bool(real(one, other))

    monkeypatch.setattr(hmac, "compare_digest", spy)
    assert header.get("/", headers={"x-api-key": OTHER}).json() == {"given": OTHER}
    assert compared == [OTHER.encode(), KEY.encode()]  # the second too, though the first was equal


def basic(content: bytes) -> str:
    return "Basic " + b64encode(content).decode()


@pytest.mark.case(80)
def test_malformed_basic_credentials_are_a_401_with_a_challenge(client_for: Clients) -> None:
    client = shut(client_for, HTTPBasic(realm="ops"))
    for lines in (
        ["Basic"],
        ["Basic !!!!"],
        ["Basic YTp"],
        [basic(b"no colon")],
        [basic(b"\xff\xfe:x")],
        [basic(b"a\0:b")],
        ["Basic " + "A" * 1_000_000],
        [basic(b"a:b"), basic(b"a:b")],
    ):
        answer = client.get("/", headers=[("authorization", line) for line in lines])
        assert (answer.status_code, answer.json()) == (401, WRONG if lines != ["Basic"] else MISSING)
        assert answer.headers["www-authenticate"] == 'Basic realm="ops", charset="UTF-8"'
    app = VelociPy(plugins=False)

    @app.get("/")
    async def read(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> list[str]:
        return [given.username, given.password]

    reader = client_for(app)
    assert reader.get("/", headers={"authorization": basic(b"ada:a:b:c")}).json() == ["ada", "a:b:c"]


@pytest.mark.case(81)
def test_bearer_is_one_token_after_the_word_in_any_case(client_for: Clients) -> None:
    client = shut(client_for, OAuth2PasswordBearer("token"))
    for line in ("Bearer abc", "bearer abc", "BEARER abc", "Bearer   abc"):
        assert client.get("/", headers={"authorization": line}).json() == {"given": "abc"}
    refused: list[tuple[list[str], Any]] = [
        ([], MISSING),
        (["Bearer"], MISSING),
        (["Bearer     "], MISSING),
        (["Bearer a b"], WRONG),
        (["Bearer\tabc"], WRONG),
        (["Bearerabc"], WRONG),
        (["Bearer abc", "Bearer abc"], WRONG),
    ]
    for lines, detail in refused:
        answer = client.get("/", headers=[("authorization", line) for line in lines])
        assert (answer.status_code, answer.json()) == (401, detail), lines
        challenge = "Bearer" if detail == MISSING else 'Bearer error="invalid_token"'
        assert answer.headers["www-authenticate"] == challenge  # RFC 6750 section 3.1


@pytest.mark.case(82)
def test_a_form_for_a_token_that_lacks_or_doubles_a_field_is_a_422_and_another_type_a_415(
    client_for: Clients,
) -> None:
    app = VelociPy(plugins=False)

    @app.post("/token")
    async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> list[str]:
        return form.scopes

    client = client_for(app)
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body, places in {
        "": ["username", "password"],
        "username=ada": ["password"],
        "username=ada&password=x&password=y": ["password"],
        "username=ada&username=eve&password=x": ["username"],
        "username=ada&password=x&scope=a&scope=b": ["scope"],
        "username=ada&password=x&scope=a%22b": ["scope"],
        "username=ada&password=x&grant_type=implicit": ["grant_type"],
    }.items():
        answer = client.post("/token", content=body, headers=form)
        assert answer.status_code == 422
        assert [error["loc"] for error in answer.json()["detail"]] == [["form", place] for place in places]
        assert "ada" not in answer.text
    good = "username=ada&password=x&scope=items%3Aread++items%3Awrite+"
    assert client.post("/token", content=good, headers=form).json() == ["items:read", "items:write"]
    multipart = dict.fromkeys(("username", "password"), (None, b"x"))
    for answer in (
        client.post("/token", content=good, headers={"content-type": "text/plain"}),
        client.post("/token", json={"username": "ada", "password": "x"}),
        client.post("/token", content=good),
        client.post("/token", files=multipart),
    ):
        assert answer.status_code == 415
        assert "application/x-www-form-urlencoded" in answer.json()["detail"]


@pytest.mark.case(83)
def test_without_auto_error_the_endpoint_decides_and_the_document_names_every_scheme(
    client_for: Clients,
) -> None:
    schemes: dict[str, tuple[Any, dict[str, Any]]] = {
        "APIKeyHeader": (
            APIKeyHeader("X-K", keys=[KEY], auto_error=False),
            {"type": "apiKey", "in": "header", "name": "X-K"},
        ),
        "APIKeyQuery": (APIKeyQuery("k", auto_error=False), {"type": "apiKey", "in": "query", "name": "k"}),
        "APIKeyCookie": (
            APIKeyCookie("k", auto_error=False),
            {"type": "apiKey", "in": "cookie", "name": "k"},
        ),
        "HTTPBasic": (HTTPBasic(auto_error=False), {"type": "http", "scheme": "basic"}),
        "HTTPBearer": (HTTPBearer(auto_error=False), {"type": "http", "scheme": "bearer"}),
        "OAuth2PasswordBearer": (
            OAuth2PasswordBearer("/token", auto_error=False),
            {"type": "oauth2", "flows": {"password": {"tokenUrl": "/token", "scopes": {}}}},
        ),
    }
    app = VelociPy()

    def declare(name: str, scheme: Any) -> None:
        @app.get(f"/{name}")
        async def who(given: Annotated[Any, Depends(scheme)]) -> str:
            return "nobody" if given is None else "somebody"

    for name, (scheme, _) in schemes.items():
        declare(name, scheme)
    client = client_for(app)
    document = client.get("/openapi.json").json()
    for name, (_, described) in schemes.items():
        bad = {"x-k": OTHER, "authorization": "Digest !"}
        assert client.get(f"/{name}", headers=bad).text == "nobody", name
        assert document["components"]["securitySchemes"][name] == described
        assert document["paths"][f"/{name}"]["get"]["security"] == [{name: []}, {}]


@pytest.mark.case(84)
def test_a_guard_of_app_or_router_stands_before_sockets_head_mounts_files_and_docs(
    tmp_path: Path, client_for: Clients
) -> None:
    guard = Depends(APIKeyHeader("x-api-key", keys=[KEY]))
    (tmp_path / "a.txt").write_text("a file")

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"foreign"})

    async def page() -> str:
        return "page"

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    inner = VelociPy(plugins=False)
    inner.add_route("/deep", page)
    inner.websocket("/ws")(socket)
    app = VelociPy(dependencies=[guard])
    app.add_route("/page", page)
    app.websocket("/ws")(socket)
    app.mount("/inner", inner)
    app.mount("/foreign", foreign)
    app.mount("/files", StaticFiles(tmp_path))

    alone = VelociPy()
    router = APIRouter(prefix="/in", dependencies=[guard])
    router.add_route("/page", page)
    router.websocket("/ws")(socket)
    alone.include_router(router)

    good = {"x-api-key": KEY}
    table: list[tuple[VelociPy, list[tuple[str, str, int]], list[str]]] = [
        (
            app,
            [
                ("GET", "/page", 200),
                ("HEAD", "/page", 200),
                ("OPTIONS", "/page", 204),
                ("DELETE", "/page", 405),
                ("GET", "/nowhere", 404),
                ("GET", "/inner/deep", 200),
                ("GET", "/foreign/x", 200),
                ("GET", "/files/a.txt", 200),
                ("GET", "/files/none", 404),
                ("GET", "/docs", 200),
                ("GET", "/openapi.json", 200),
            ],
            ["/ws", "/inner/ws"],
        ),
        (alone, [("GET", "/in/page", 200), ("HEAD", "/in/page", 200), ("PUT", "/in/page", 405)], ["/in/ws"]),
    ]
    for served, requests, sockets in table:
        client = client_for(served)
        for method, path, status in requests:
            assert client.request(method, path).status_code == 401, (method, path)
            assert client.request(method, path, headers=good).status_code == status, (method, path)
        for path in sockets:
            with pytest.raises(WebSocketDenied) as denied, client.websocket_connect(path):
                """Never gets here."""
            assert denied.value.status_code == 401
            with client.websocket_connect(path, headers=good):
                """Accepted."""


@pytest.mark.case(85)
def test_a_dependency_is_made_once_a_request_never_shared_between_them_and_its_teardown_may_refuse(
    interface: Any, client_for: Clients
) -> None:
    made: list[str] = []
    bearer = OAuth2PasswordBearer("/token")

    async def user(token: Annotated[str, Depends(bearer)]) -> Any:
        made.append(token)
        await asyncio.sleep(0)
        yield f"user of {token}"
        if token == "bad":
            raise bearer.refusal()

    app = VelociPy(plugins=False, dependencies=[Depends(user)])

    @app.get("/")
    async def endpoint(one: Annotated[str, Depends(user)], two: Annotated[str, Depends(user)]) -> str:
        await asyncio.sleep(0)
        assert one is two
        return one

    async def ask() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            headers = [{"authorization": f"Bearer t{number}"} for number in range(100)]
            answers = await asyncio.gather(*(client.get("/", headers=each) for each in headers))
            assert [answer.text for answer in answers] == [f"user of t{number}" for number in range(100)]

    asyncio.run(ask())
    assert sorted(made) == sorted(f"t{number}" for number in range(100))
    client = client_for(app)
    answer = client.get("/", headers={"authorization": "Bearer bad"})
    assert (answer.status_code, answer.json()) == (401, WRONG)
    with app.override({user: lambda: "anybody"}):
        assert client.get("/").text == "anybody"
    assert client.get("/").status_code == 401


@pytest.mark.case(86)
def test_a_secret_stands_in_no_answer_repr_log_or_document(
    caplog: pytest.LogCaptureFixture, client_for: Clients
) -> None:
    secret = "hunter2-hunter2-hunter2"
    app = VelociPy()
    shown: list[str] = []

    @app.get("/basic")
    async def enter(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())], request: Request) -> None:
        shown.append(repr((given, request, request.headers)))
        raise RuntimeError("a bug of the endpoint")

    @app.get("/key")
    async def key(key: Annotated[str, Depends(APIKeyHeader("x-api-key", keys=[KEY]))]) -> None: ...

    @app.get("/bearer")
    async def bearer(token: Annotated[str, Depends(HTTPBearer(auto_error=False))], page: int) -> None: ...

    @app.post("/login")
    async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> None: ...

    caplog.set_level(logging.DEBUG)
    client = client_for(app)
    answers = [
        client.get("/basic", auth=("ada", secret)),
        client.get("/key", headers={"x-api-key": secret}),
        client.get("/bearer?page=x", headers={"authorization": f"Bearer {secret}"}),
        client.post("/login", data={"password": secret}),
    ]
    assert [answer.status_code for answer in answers] == [500, 401, 422, 422]
    document = json.dumps(client.get("/openapi.json").json())
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("velocipy")]
    assert len(shown) == 1 and any("/basic" in line for line in lines)
    for text in (*shown, *lines, document, *(answer.text for answer in answers)):
        assert secret not in text and KEY not in text
