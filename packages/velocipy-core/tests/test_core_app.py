"""The app and its routers: what is declared where, what counts when, and what is refused with file:line."""

import asyncio
import functools
import inspect
import sys
from typing import Any

import pytest

from velocipy import APIRouter, Depends, HTTPException, Request, Response, VelociPy, WebSocket
from velocipy.exceptions import (
    BindingError,
    ConfigurationError,
    MissingAdapterError,
    PathError,
    RouteConflictError,
)
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

VERBS = ["get", "post", "put", "patch", "delete", "options", "query"]


async def hello() -> str:
    return "hello"


@both
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_decorator_serves_its_method(interface: str, verb: str) -> None:
    app = VelociPy()
    getattr(app, verb)("/x")(hello)
    with TestClient(app, interface=interface) as client:
        assert client.request(verb.upper(), "/x").text == "hello"


@both
def test_add_route_serves_get_unless_told_otherwise(interface: str) -> None:
    app = VelociPy()
    app.add_route("/get", hello)
    app.add_route("/other", hello, ["PUT", "post"])
    with TestClient(app, interface=interface) as client:
        assert client.get("/get").text == "hello"
        assert client.put("/other").text == client.post("/other").text == "hello"
        assert client.get("/other").status_code == 405


@both
def test_route_takes_any_set_of_methods(interface: str) -> None:
    app = VelociPy()

    @app.route("/x", {"GET", "PURGE"})
    async def x(request: Request) -> str:
        return request.method

    with TestClient(app, interface=interface) as client:
        assert client.get("/x").text == "GET"
        assert client.request("PURGE", "/x").text == "PURGE"


def test_a_decorator_returns_the_endpoint_as_it_was() -> None:
    app = VelociPy()
    assert app.get("/x")(hello) is hello
    assert app.websocket("/ws")(_socket) is _socket


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()


@both
def test_the_status_code_of_a_route_is_that_of_its_results(interface: str) -> None:
    app = VelociPy()

    @app.post("/made", status_code=201)
    async def made() -> dict[str, int]:
        return {"id": 1}

    @app.post("/own", status_code=201)
    async def own() -> Response:
        return Response("x", 202)

    with TestClient(app, interface=interface) as client:
        assert client.post("/made").status_code == 201
        assert client.post("/own").status_code == 202


@both
def test_routers_nest_with_prefix_tags_and_name(interface: str) -> None:
    inner = APIRouter("/inner", tags=["c"], name="inner")

    @inner.get("/{id:int}", tags=["d"], name="one")
    async def one(id: int) -> int:
        return id

    outer = APIRouter("/outer", tags=["a"], name="outer")
    outer.include_router(inner, "/v1", tags=["b"])
    app = VelociPy(tags=["app"])
    app.include_router(outer, prefix="/api")
    route = app.routes[0]
    assert route.path == "/api/outer/v1/inner/{id:int}"
    assert route.options.tags == ("app", "a", "b", "c", "d")
    assert app.url_for("outer.inner.one", id=3) == "/api/outer/v1/inner/3"
    with TestClient(app, interface=interface) as client:
        assert client.get("/api/outer/v1/inner/7").json() == 7


@both
def test_an_empty_path_is_the_prefix_itself(interface: str) -> None:
    router = APIRouter("/items")
    router.get("")(hello)
    app = VelociPy(trailing_slash="strict")
    app.include_router(router)
    with TestClient(app, interface=interface) as client:
        assert client.get("/items").text == "hello"
        assert client.get("/items/").status_code == 404


@both
def test_what_is_added_to_a_router_after_its_inclusion_counts(interface: str) -> None:
    seen: list[str] = []
    inner, outer, app = APIRouter("/inner"), APIRouter("/outer"), VelociPy()
    outer.include_router(inner)
    app.include_router(outer)

    @inner.get("/late")
    async def late() -> None:
        raise LookupError

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/outer/inner/late").status_code == 500

        async def note(request: Request, call_next: Any) -> Response:
            seen.append("middleware")
            response: Response = await call_next(request)
            return response

        inner.add_middleware(note)

        @outer.exception_handler(LookupError)
        async def gone(request: Request, exc: LookupError) -> Response:
            return Response("gone", 410)

        assert client.get("/outer/inner/late").status_code == 410
    assert seen == ["middleware"]


@both
def test_one_router_serves_below_two_prefixes(interface: str) -> None:
    router = APIRouter()
    router.get("/x")(hello)
    app = VelociPy()
    app.include_router(router, "/a")
    app.include_router(router, "/b")
    with TestClient(app, interface=interface) as client:
        assert client.get("/a/x").text == client.get("/b/x").text == "hello"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_router_cannot_include_itself(depth: int) -> None:
    routers = [APIRouter() for _ in range(depth)]
    for outer, inner in zip(routers, routers[1:], strict=False):
        outer.include_router(inner)
    with pytest.raises(ConfigurationError, match="cannot include itself"):
        routers[-1].include_router(routers[0])


@both
def test_listed_dependencies_run_from_the_app_inwards(interface: str) -> None:
    order: list[str] = []

    def note(name: str) -> Any:
        async def dependency() -> None:
            order.append(name)

        return Depends(dependency)

    app = VelociPy(dependencies=[note("app")])
    outer = APIRouter(dependencies=[note("outer")])
    inner = APIRouter(dependencies=[note("inner")])
    inner.get("/x", dependencies=[note("route")])(hello)
    outer.include_router(inner)
    app.include_router(outer)
    with TestClient(app, interface=interface) as client:
        assert client.get("/x").status_code == 200
    assert order == ["app", "outer", "inner", "route"]


@both
def test_middleware_of_app_router_and_route_nests(interface: str) -> None:
    order: list[str] = []

    def note(name: str) -> Any:
        async def middleware(request: Request, call_next: Any) -> Response:
            order.append(name)
            response: Response = await call_next(request)
            order.append(f"/{name}")
            return response

        return middleware

    app = VelociPy(middleware=[note("app")])
    router = APIRouter(middleware=[note("router")])
    router.get("/x", middleware=[note("route")])(hello)
    app.include_router(router)
    with TestClient(app, interface=interface) as client:
        assert client.get("/x").text == "hello"
    assert order == ["app", "router", "route", "/route", "/router", "/app"]


@both
def test_dependency_overrides_count_from_the_next_request_on(interface: str) -> None:
    app = VelociPy()

    def real() -> str:
        return "real"

    @app.get("/x")
    async def x(value: str = Depends(real)) -> str:
        return value

    with TestClient(app, interface=interface) as client:
        assert client.get("/x").text == "real"
        app.dependency_overrides[real] = lambda: "set"
        assert client.get("/x").text == "set"
        app.dependency_overrides |= {real: lambda: "merged"}
        assert client.get("/x").text == "merged"
        app.dependency_overrides.update({real: lambda: "updated"})
        assert client.get("/x").text == "updated"
        app.dependency_overrides.popitem()
        assert client.get("/x").text == "real"
        assert app.dependency_overrides.setdefault(real, lambda: "default")() == "default"
        assert client.get("/x").text == "default"
        assert app.dependency_overrides.pop(real)() == "default"
        assert client.get("/x").text == "real"
        app.dependency_overrides[real] = lambda: "again"
        del app.dependency_overrides[real]
        assert client.get("/x").text == "real"
        app.dependency_overrides[real] = lambda: "again"
        app.dependency_overrides.clear()
        assert client.get("/x").text == "real"


# -- what is refused ---------------------------------------------------------------------------------------------------


def line_of(function: Any) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


async def other() -> str:
    return "other"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/x", "/x"),
        ("/{a}", "/{b}"),
        ("/{a:int}/y", "/{b:int}/y"),
        ("/x", "/x/"),
        ("/f/{rest*}", "/f/{path:path}"),
    ],
)
def test_two_routes_for_one_method_and_path_are_refused_with_both_places(first: str, second: str) -> None:
    app = VelociPy()
    app.get(first)(_takes_anything)
    with pytest.raises(RouteConflictError) as caught:
        app.get(second)(_takes_anything_too)
    assert line_of(_takes_anything) in str(caught.value)
    assert line_of(_takes_anything_too) in str(caught.value)


def test_a_partial_is_placed_where_its_function_is_written() -> None:
    app = VelociPy()
    app.get("/x")(_takes_anything)
    with pytest.raises(RouteConflictError) as caught:
        app.get("/x")(functools.partial(functools.partial(_takes_anything_too)))
    assert line_of(_takes_anything_too) in str(caught.value)


async def _takes_anything(request: Request) -> str:
    return "first"


async def _takes_anything_too(request: Request) -> str:
    return "second"


@both
def test_a_refused_route_leaves_the_app_as_it_was(interface: str) -> None:
    app = VelociPy()
    app.get("/x")(hello)
    with pytest.raises(RouteConflictError):
        app.get("/x")(other)
    with pytest.raises(BindingError):
        app.get("/{hole}")(other)
    assert [route.endpoint for route in app.routes] == [hello]
    with TestClient(app, interface=interface) as client:
        assert client.get("/x").text == "hello"
        assert client.post("/x").headers["allow"] == "GET, HEAD, OPTIONS"
        assert client.get("/y").status_code == 404


@both
def test_a_conflict_inside_a_router_leaves_the_router_as_it_was(interface: str) -> None:
    app, router = VelociPy(), APIRouter()
    app.get("/x")(hello)
    app.include_router(router)
    with pytest.raises(RouteConflictError):
        router.get("/x")(other)
    assert router.routes == ()


def test_strict_slashes_make_two_paths_of_one() -> None:
    app = VelociPy(trailing_slash="strict")
    app.get("/x")(hello)
    app.get("/x/")(other)
    assert [route.path for route in app.routes] == ["/x", "/x/"]


def test_two_routes_with_one_declared_name_are_refused_with_both_places() -> None:
    app = VelociPy()
    app.get("/a", name="same")(hello)
    with pytest.raises(RouteConflictError, match="'same'") as caught:
        app.get("/b", name="same")(other)
    assert line_of(hello) in str(caught.value)
    assert line_of(other) in str(caught.value)


def test_one_function_may_serve_many_paths_without_names() -> None:
    app = VelociPy()
    app.get("/a")(hello)
    app.get("/b")(hello)
    assert [route.name for route in app.routes] == ["hello", "hello"]


@pytest.mark.parametrize("path", ["x", "x/y", "/{id:integer}", "/{", "/a//b", "/{a}{b}", "/a?b", "/%41"])
def test_a_path_that_cannot_be_read_is_refused_with_the_place_of_its_endpoint(path: str) -> None:
    with pytest.raises(PathError) as caught:
        VelociPy().get(path)(hello)
    assert line_of(hello) in str(caught.value)


def test_an_unknown_converter_is_refused_with_those_that_exist() -> None:
    with pytest.raises(PathError, match="intt") as caught:
        VelociPy().get("/{id:intt}")(hello)
    assert "'int'" in str(caught.value)
    assert line_of(hello) in str(caught.value)


@pytest.mark.parametrize("prefix", ["x", "/{", "/a?b"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    with pytest.raises(PathError):
        APIRouter(prefix)
    with pytest.raises(PathError):
        VelociPy().include_router(APIRouter(), prefix)


def test_a_hole_that_no_argument_takes_is_refused_with_a_near_miss() -> None:
    async def user(user_ident: str) -> str:
        return user_ident

    with pytest.raises(BindingError, match="did you mean 'user_ident'") as caught:
        VelociPy().get("/{user_idnt}")(user)
    assert line_of(user) in str(caught.value)


def test_an_argument_that_nothing_can_fill_is_refused_with_its_place() -> None:
    async def broken(thing: object | complex) -> None: ...

    with pytest.raises(BindingError, match="thing") as caught:
        VelociPy().get("/")(broken)
    assert line_of(broken) in str(caught.value)


@pytest.mark.parametrize("methods", ["GET", ["G ET"], ["GET\r\nX: y"], [""], ["(websocket)"]])
def test_methods_are_a_list_of_tokens(methods: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        VelociPy().add_route("/x", hello, methods)
    assert line_of(hello) in str(caught.value)


def test_an_endpoint_is_callable() -> None:
    with pytest.raises(ConfigurationError, match="cannot be called"):
        VelociPy().add_route("/x", "hello")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="cannot be called"):
        VelociPy().add_websocket_route("/x", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [99, 199, 600, 1000, "200", True, 200.0])
def test_the_status_of_a_route_is_one_that_may_be_sent(status: Any) -> None:
    with pytest.raises(ValueError, match="status") as caught:
        VelociPy().get("/x", status_code=status)(hello)
    assert line_of(hello) in str(caught.value)


@pytest.mark.parametrize("limit", [-1, "10", 1.5, True, None])
def test_a_size_limit_is_a_number_of_bytes(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="number of bytes"):
        VelociPy(max_content_length=limit)


def test_a_route_cannot_smuggle_text_into_generated_source_as_its_limit() -> None:
    limit: Any = "0) or evil("
    with pytest.raises(ConfigurationError, match="number of bytes") as caught:
        VelociPy().post("/x", max_content_length=limit)(hello)
    assert line_of(hello) in str(caught.value)


def test_an_unknown_slash_policy_is_refused() -> None:
    policy: Any = "maybe"
    with pytest.raises(ConfigurationError, match="'ignore', 'strict', 'redirect'"):
        VelociPy(trailing_slash=policy)


@pytest.mark.parametrize("key", [200, 399, 600, "404", BaseException, KeyboardInterrupt, int, None])
def test_exception_handlers_are_for_exceptions_and_error_statuses(key: Any) -> None:
    with pytest.raises(ConfigurationError):
        VelociPy().add_exception_handler(key, hello)


class NotMiddleware:
    """Has none of the members that make a middleware."""


def test_what_is_no_middleware_is_refused_where_it_is_added() -> None:
    app, router, alone = VelociPy(), APIRouter(), APIRouter()
    router.get("/x")(hello)
    app.include_router(router)
    for owner in (app, router):
        with pytest.raises(ConfigurationError, match="no middleware"):
            owner.add_middleware(NotMiddleware)
        assert owner.layer.middleware == []
    alone.add_middleware(NotMiddleware)
    alone.get("/y")(hello)
    with pytest.raises(ConfigurationError, match="no middleware"):
        app.include_router(alone)


def test_only_a_class_takes_middleware_options() -> None:
    async def note(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    with pytest.raises(
        ConfigurationError, match="takes no options: pass its class, or give it level where it is made"
    ):
        VelociPy().add_middleware(note, level=1)


def test_middleware_is_of_one_kind() -> None:
    with pytest.raises(ConfigurationError, match="'http'"):
        VelociPy().middleware("websocket")


# -- url_for -----------------------------------------------------------------------------------------------------------


def make_named() -> VelociPy:
    app = VelociPy()

    @app.get("/users/{name}/{year:int}", name="user")
    async def user(name: str, year: int) -> None: ...

    @app.get("/files/{rest*}")
    async def files(rest: str) -> None: ...

    return app


def test_url_for_encodes_what_it_fills_in() -> None:
    assert make_named().url_for("user", name="a bü?", year=3) == "/users/a%20b%C3%BC%3F/3"
    assert make_named().url_for("files", rest="a/b c") == "/files/a/b%20c"


def test_url_for_puts_the_rest_into_the_query() -> None:
    assert make_named().url_for("user", name="a", year=3, tag=["x", "y z"]) == "/users/a/3?tag=x&tag=y+z"


def test_url_for_names_what_exists_when_asked_for_what_does_not() -> None:
    with pytest.raises(KeyError, match="files, user"):
        make_named().url_for("nobody")


@pytest.mark.parametrize(
    "params", [{"name": "a"}, {"name": "a", "year": "x"}, {"name": "", "year": 1}, {"name": "a/b", "year": 1}]
)
def test_url_for_refuses_values_that_do_not_fit(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="user|year|name"):
        make_named().url_for("user", **params)


def test_url_for_refuses_a_name_of_several_paths() -> None:
    app = VelociPy()
    app.get("/a")(hello)
    app.get("/b")(hello)
    with pytest.raises(ValueError, match="several routes are named 'hello'"):
        app.url_for("hello")


@both
def test_a_request_makes_urls_of_its_app(interface: str) -> None:
    app = make_named()

    @app.get("/link")
    async def link(request: Request) -> str:
        return request.url_for("user", name="x", year=1)

    with TestClient(app, interface=interface) as client:
        assert client.get("/link").text == "/users/x/1"


# -- protocols ---------------------------------------------------------------------------------------------------------


def test_the_asgi_entry_is_a_coroutine_function_of_three_parameters() -> None:
    app = VelociPy()
    assert inspect.iscoroutinefunction(app.__call__)
    assert list(inspect.signature(app.__call__).parameters) == ["scope", "receive", "send"]


def block(monkeypatch: pytest.MonkeyPatch, dist: str) -> None:
    """Make imports of a sibling fail as if it were not installed."""
    for name in [name for name in sys.modules if name.startswith(f"velocipy.{dist}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, f"velocipy.{dist}", None)


def test_without_its_adapter_an_asgi_server_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, "asgi")
    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await VelociPy()({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    message = "velocipy-asgi is not installed: pip install velocipy-asgi"
    assert sent == [{"type": "lifespan.startup.failed", "message": message}]


def test_without_its_adapter_an_asgi_request_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, "asgi")

    async def unused(*args: Any) -> Any: ...

    with pytest.raises(MissingAdapterError, match="pip install velocipy-asgi"):
        asyncio.run(VelociPy()({"type": "http"}, unused, unused))


def test_without_its_adapter_the_rsgi_entry_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, "rsgi")
    app = VelociPy()
    message = "velocipy-rsgi is not installed: pip install velocipy-rsgi"
    with pytest.raises(MissingAdapterError) as caught:
        _ = app.__rsgi__
    assert str(caught.value) == message
    loop = asyncio.new_event_loop()
    with pytest.raises(MissingAdapterError, match=message):
        app.__rsgi_init__(loop)
    loop.close()


@both
def test_explain_shows_what_was_compiled(interface: str) -> None:
    app = VelociPy()
    app.get("/x")(hello)
    assert "hello" in app.routes[0].explain(interface)
    router = APIRouter()
    router.get("/y")(hello)
    with pytest.raises(ConfigurationError, match="include its router first"):
        router.routes[0].explain(interface)


@both
def test_two_apps_in_one_process_do_not_meet(interface: str) -> None:
    first, second = VelociPy(), VelociPy()
    first.get("/x")(hello)
    second.get("/x")(other)
    with TestClient(first, interface=interface) as one, TestClient(second, interface=interface) as two:
        assert (one.get("/x").text, two.get("/x").text) == ("hello", "other")


@both
def test_an_http_exception_may_carry_headers(interface: str) -> None:
    app = VelociPy()

    @app.get("/x")
    async def x() -> None:
        raise HTTPException(401, headers={"www-authenticate": "Bearer"})

    with TestClient(app, interface=interface) as client:
        answer = client.get("/x")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json() == {"detail": "Unauthorized"}
