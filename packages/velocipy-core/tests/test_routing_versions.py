"""Versions of an API: by prefix, by a field of one's own, by media type; chosen once, documented each."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from velocipy import APIRouter, APIVersion, Depends, RouteConflictError, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
BY_HEADER = APIVersion.from_header(allowed=("1", "2"), default="1")
BY_ACCEPT = APIVersion.from_accept("application/vnd.shop.{version}+json", allowed=("1", "2"), default="1")


def app_of(versioning: APIVersion) -> VelociPy:
    app = VelociPy(versioning=versioning)

    @app.get("/items/{id}", versions="1", name="item")
    async def first(id: int) -> dict[str, int]:
        return {"first": id}

    @app.get("/items/{id}", versions=["2"], name="item")
    async def second(id: str) -> dict[str, str]:
        return {"second": id}

    @app.post("/items/{id}", versions=("2",))
    async def put_in(id: int, item: dict[str, Any]) -> dict[str, Any]:
        return item

    @app.get("/new", versions="2")
    async def new() -> None: ...

    @app.get("/both", versions=("1", "2"))
    async def in_both(version: Annotated[str, Depends(versioning)]) -> dict[str, str]:
        return {"version": version}

    @app.get("/any")
    async def in_any() -> dict[str, str]:
        return {}

    return app


@both
def test_a_prefix_is_a_path_of_each_version(interface: Any) -> None:
    app = app_of(APIVersion.from_prefix(allowed=("1", "2")))
    client = TestClient(app, interface=interface)
    assert client.get("/v1/items/7").json() == {"first": 7}
    assert client.get("/v2/items/7").json() == {"second": "7"}
    assert client.get("/v1/items/x").status_code == 422
    assert client.post("/v1/items/7", json={}).status_code == 405
    assert [client.get(path).status_code for path in ("/items/7", "/v3/items/7", "/v1/new")] == [404] * 3
    assert client.get("/v2/both").json() == {"version": "2"} and client.get("/any").json() == {}
    assert app.url_for("v1.item", id=1) == "/v1/items/1" and app.url_for("v2.item", id=1) == "/v2/items/1"


@both
def test_a_field_chooses_and_the_answer_names_what_was_chosen(interface: Any) -> None:
    app = app_of(BY_HEADER)
    client = TestClient(app, interface=interface)
    cases: Any = (
        ({}, "1", {"first": 7}),
        ({"x-api-version": " 2"}, "2", {"second": "7"}),
    )
    for sent, version, body in cases:
        answer = client.get("/items/7", headers=sent)
        assert answer.json() == body
        assert answer.headers["x-api-version"] == version and answer.headers["vary"] == "X-API-Version"
    assert client.head("/items/7", headers={"x-api-version": "2"}).status_code == 200
    assert client.get("/both", headers={"x-api-version": "2"}).json() == {"version": "2"}
    plain = client.get("/any", headers={"x-api-version": "9"})
    assert plain.status_code == 200 and "vary" not in plain.headers
    assert app.url_for("item", id=1) == "/items/1"


@both
@pytest.mark.parametrize("version", ["3", "", "1, 2", "../2", "é", "2" * 5_000])
def test_a_version_that_there_is_not_is_406(interface: Any, version: str) -> None:
    answer = TestClient(app_of(BY_HEADER), interface=interface).get(
        "/both", headers=[(b"x-api-version", version.encode())]
    )
    if version == "é":  # counts as missing, as every value outside of ASCII
        assert answer.json() == {"version": "1"}
        return
    assert (answer.status_code, answer.json()) == (406, {"detail": "there are the versions 1, 2"})
    assert answer.headers["vary"] == "x-api-version"


@both
def test_what_a_version_lacks_is_404_or_405_as_by_prefix(interface: Any) -> None:
    client = TestClient(app_of(BY_HEADER), interface=interface)
    gone, wrong = client.get("/new"), client.post("/items/7", json={})
    assert (gone.status_code, gone.json(), gone.headers["vary"]) == (
        404,
        {"detail": "Not Found"},
        "x-api-version",
    )
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert client.options("/items/7").headers["allow"] == "GET, HEAD, OPTIONS, POST"


@both
def test_accept_chooses_and_json_has_the_type_of_the_version(interface: Any) -> None:
    client = TestClient(app_of(BY_ACCEPT), interface=interface)

    def asked(accept: str) -> tuple[int, str, str]:
        answer = client.get("/items/7", headers={"accept": accept})
        assert answer.headers["vary"].lower() == "accept"
        return answer.status_code, answer.headers["content-type"], answer.text

    own = "application/vnd.shop.{}+json"
    assert asked("*/*") == (200, "application/json", '{"first":7}')
    assert asked(own.format(1)) == (200, own.format(1), '{"first":7}')
    assert asked(own.format(2)) == (200, own.format(2), '{"second":"7"}')
    assert asked(f"{own.format(1)};q=0.5, {own.format(2)}")[2] == '{"second":"7"}'
    assert asked(f"{own.format(9)}, {own.format(2)};q=0.1")[2] == '{"second":"7"}'
    assert asked(f"{own.format(9)}, */*;q=0.1") == (200, "application/json", '{"first":7}')
    assert asked(own.format(9))[0] == 406
    sent = client.post(
        "/items/7",
        content=b"{}",
        headers={"accept": own.format(2), "content-type": own.format(2)},
    )
    assert sent.status_code == 200 and sent.headers["content-type"] == own.format(2)


def test_without_a_default_a_version_must_be_named() -> None:
    app = app_of(APIVersion.from_header("Version", allowed=("1", "2")))
    client = TestClient(app)
    assert client.get("/both").status_code == 406
    assert client.get("/both", headers={"version": "2"}).json() == {"version": "2"}


@both
def test_versions_of_routers_count_for_their_routes_and_stand_in_mounted_apps(interface: Any) -> None:
    inner = VelociPy(versioning=BY_HEADER)
    router = APIRouter("/r", versions=("1", "2"))
    router.add_route("/both", lambda: "both", name="both")
    router.add_route("/one", lambda: "one", versions="1", name="one")
    inner.include_router(router)
    app = VelociPy(versioning=APIVersion.from_prefix(allowed=["a"]))
    app.mount("/in", inner)
    client = TestClient(app, interface=interface)
    found = {
        (path, version): client.get(f"/in/r/{path}", headers={"x-api-version": version}).status_code
        for path in ("both", "one")
        for version in ("1", "2")
    }
    assert found == {("both", "1"): 200, ("both", "2"): 200, ("one", "1"): 200, ("one", "2"): 404}


@both
def test_middleware_and_later_changes_reach_every_version(interface: Any) -> None:
    app = app_of(BY_HEADER)
    client = TestClient(app, interface=interface)
    assert client.get("/both").status_code == 200

    async def mark(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-seen"] = str(request.route.options.version)
        return response

    app.add_middleware(mark)
    assert client.get("/both", headers={"x-api-version": "2"}).headers["x-seen"] == "2"
    assert client.get("/both", headers={"x-api-version": "3"}).headers["x-seen"] == "None"


def test_routes_at_a_path_are_those_of_every_version() -> None:
    routes = app_of(BY_HEADER).routes_at("/items/1")
    assert [(route.title, route.options.version) for route in routes] == [
        ("GET /items/{id}", "1"),
        ("GET /items/{id}", "2"),
        ("POST /items/{id}", "2"),
    ]
    assert all("async def handle" in route.explain("rsgi") for route in routes)


def socket(app: VelociPy) -> None:
    async def endpoint(websocket: WebSocket) -> None: ...

    app.add_websocket_route("/ws", endpoint, versions="1")


@pytest.mark.parametrize(
    ("versioning", "declare", "said"),
    [
        (None, lambda app: app.add_route("/", lambda: None, versions="1"), "has versions, and its app has none"),
        (BY_HEADER, lambda app: app.add_route("/", lambda: None, versions="3"), "'3' is none of the versions 1, 2"),
        (BY_HEADER, lambda app: app.add_route("/", lambda: None, versions=3), "versions are names"),
        (BY_HEADER, socket, "which no browser can say of a WebSocket"),
        (None, lambda app: VelociPy(versioning="1"), "versioning is an APIVersion"),  # type: ignore[arg-type]
        (None, lambda app: APIVersion.from_header(allowed="12"), "allowed is one str"),
        (None, lambda app: APIVersion.from_header(allowed=()), "allowed names no version"),
        (None, lambda app: APIVersion.from_header(allowed=("a/b",)), "a version is 1 to 64"),
        (None, lambda app: APIVersion.from_header(allowed=("1",), default="2"), "'2' is none of the versions"),
        (None, lambda app: APIVersion.from_header("a b", allowed=("1",)), "no name of a field"),
        (None, lambda app: APIVersion.from_prefix("/v", allowed=("1",)), "a prefix of versions"),
        (None, lambda app: APIVersion.from_prefix("/{id}/v{version}", allowed=("1",)), "a prefix of versions"),
        (None, lambda app: APIVersion.from_accept("application/json", allowed=("1",)), "a pattern of media types"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_mistake_where_it_is_written(
    versioning: Any, declare: Any, said: str
) -> None:
    app = VelociPy(versioning=versioning)
    with pytest.raises(ConfigurationError, match=said):
        declare(app)


@pytest.mark.parametrize("versions", ["1", ()])
def test_one_place_has_each_version_once_and_none_beside_them(versions: Any) -> None:
    app = VelociPy(versioning=BY_HEADER)
    app.add_route("/", lambda: None, versions=("1", "2"))
    with pytest.raises(RouteConflictError, match="is served already"):
        app.add_route("/", lambda: None, versions=versions)


def test_a_prefix_lets_a_websocket_have_versions() -> None:
    app = VelociPy(versioning=APIVersion.from_prefix(allowed=("1",)))
    socket(app)
    assert [route.title for route in app.routes] == ["WEBSOCKET /v1/ws"]


@both
def test_a_dependency_tells_the_version_that_a_request_wants_where_the_route_has_none(interface: Any) -> None:
    by_prefix = APIVersion.from_prefix(allowed=("1", "2"))
    for versioning, headers, expected in (
        (BY_HEADER, {"x-api-version": "2"}, (200, "2")),
        (BY_HEADER, {}, (200, "1")),
        (by_prefix, {}, (406, {"detail": "there are the versions 1, 2"})),
    ):
        app = VelociPy(plugins=False, versioning=versioning)

        @app.get("/wanted")
        async def wanted(version: Annotated[str, Depends(versioning)]) -> str:
            return version

        with TestClient(app, interface=interface) as client:
            answer = client.get("/wanted", headers=headers)
            content = answer.text if answer.status_code == 200 else answer.json()
            assert (answer.status_code, content) == expected


def test_versions_by_prefix_add_no_field_to_answers() -> None:
    assert APIVersion.from_prefix(allowed=("1",)).answers("1") == ()
