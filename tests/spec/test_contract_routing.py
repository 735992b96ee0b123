"""The contract's paragraph on routing, a test a clause. Knows paths and answers; does not know the tree."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from velocipy import APIRouter, Depends, Request, Response, State, VelociPy, WebSocket
from velocipy.exceptions import BindingError, RouteConflictError
from velocipy.routing import add_converter
from velocipy.testing import TestClient


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def echo(request: Request) -> list[Any]:
    """The template that was found, and the values of its holes."""
    return [request.route.path, {name: str(value) for name, value in request.path_params.items()}]


def serve(interface: str, *paths: str, **options: Any) -> TestClient:
    """A client of an app with these paths, declared in this order."""
    app = VelociPy(**options)
    for path in paths:
        app.get(path)(echo)
    return TestClient(app, interface=interface)


def found(client: TestClient, path: str) -> Any:
    """The template that serves a path, or the status where none does."""
    answer = client.get(path)
    return answer.json()[0] if answer.status_code == 200 else answer.status_code


def put_in_order(interface: str, order: str, *paths: str) -> TestClient:
    return serve(interface, *(paths if order == "as written" else reversed(paths)))


in_any_order = pytest.mark.parametrize("order", ["as written", "reversed"])


# -- preference --------------------------------------------------------------------------------------------------------


@in_any_order
def test_static_before_typed_before_untyped_before_catch_all(interface: str, order: str) -> None:
    client = put_in_order(
        interface, order, "/a/7", "/a/{x:int}", "/a/{x:float}", "/a/{x}", "/a/{x*}", "/{x*}"
    )
    wanted = {
        "/a/7": "/a/7",
        "/a/8": "/a/{x:int}",
        "/a/8.5": "/a/{x:float}",
        "/a/b": "/a/{x}",
        "/a/b/c": "/a/{x*}",
        "/b/c": "/{x*}",
    }
    assert {path: found(client, path) for path in wanted} == wanted


@in_any_order
def test_preference_is_per_segment_with_backtracking_so_that_users_me_never_hides_posts(
    interface: str, order: str
) -> None:
    client = put_in_order(
        interface, order, "/users/me", "/users/{id}/posts", "/users/{id:int}/likes", "/{x*}"
    )
    assert found(client, "/users/me") == "/users/me"
    assert found(client, "/users/me/posts") == "/users/{id}/posts"
    assert found(client, "/users/7/posts") == "/users/{id}/posts"
    assert found(client, "/users/7/likes") == "/users/{id:int}/likes"
    assert found(client, "/users/me/likes") == "/{x*}"


# -- holes -------------------------------------------------------------------------------------------------------------

UUID_TEXT = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("kind", "annotation", "text", "value", "wrong"),
    [
        ("int", int, "-7", -7, ["x", "7.5", "+7", "1_0", "٣"]),
        ("float", float, "7.5", 7.5, ["x", "nan", "1e999"]),
        ("uuid", UUID, UUID_TEXT, UUID(UUID_TEXT), ["x", f"urn:uuid:{UUID_TEXT}"]),
        ("str", str, "a b", "a b", []),
        ("date", date, "2026-01-31", date(2026, 1, 31), ["x", "2026-1-31", "2026-02-30"]),
    ],
)
def test_a_typed_segment_that_does_not_convert_is_a_404(
    interface: str, kind: str, annotation: type, text: str, value: Any, wrong: list[str]
) -> None:
    app, seen = VelociPy(), []

    async def endpoint(x: Any) -> None:
        seen.append(x)

    endpoint.__annotations__["x"] = annotation
    app.get(f"/{{x:{kind}}}")(endpoint)
    client = TestClient(app, interface=interface)
    assert (client.get(f"/{text}").status_code, seen) == (204, [value])
    assert [client.get(f"/{other}").status_code for other in wrong] == [404] * len(wrong)


def parse_even(text: str) -> int:
    if int(text) % 2:
        raise ValueError("odd")
    return int(text)


even = add_converter("contract_even", parse_even, type=int)


def test_own_converters(interface: str) -> None:
    app = VelociPy()

    @app.get("/{x:contract_even}")
    async def endpoint(x: int) -> int:
        return x

    client = TestClient(app, interface=interface)
    assert [client.get(f"/{text}").status_code for text in ("2", "3", "x")] == [200, 404, 404]
    assert app.url_for("endpoint", x=4) == "/4"


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/{name}.{ext}", "/a.tar.gz", {"name": "a.tar", "ext": "gz"}),
        ("/v{major:int}", "/v12", {"major": "12"}),
        ("/v{major:int}.{minor:int}", "/v1.2", {"major": "1", "minor": "2"}),
        ("/{a}-{b}/x", "/1-2/x", {"a": "1", "b": "2"}),
        ("/@{user}", "/@ada", {"user": "ada"}),
    ],
)
def test_parts_of_a_segment(interface: str, template: str, path: str, values: dict[str, str]) -> None:
    assert serve(interface, template).get(path).json() == [template, values]


@pytest.mark.parametrize(
    ("template", "path"),
    [("/{name}.{ext}", "/a"), ("/v{major:int}", "/vx"), ("/{a}.{b}", "/.b"), ("/@{u}", "/@")],
)
def test_parts_of_a_segment_that_do_not_fit_are_a_404(interface: str, template: str, path: str) -> None:
    assert serve(interface, template).get(path).status_code == 404


@pytest.mark.parametrize("template", ["/files/{rest*}", "/files/{rest:path}"])
@pytest.mark.parametrize(
    ("path", "rest"),
    [("/files/a", "a"), ("/files/a/b.txt", "a/b.txt"), ("/files/a%20b/ü", "a b/ü"), ("/files/", "")],
)
def test_a_catch_all_takes_the_rest(interface: str, template: str, path: str, rest: str) -> None:
    assert serve(interface, template).get(path).json() == [template, {"rest": rest}]


# -- methods -----------------------------------------------------------------------------------------------------------


def method_app() -> VelociPy:
    app = VelociPy()
    app.get("/x")(echo)
    app.post("/x")(echo)
    app.delete("/{y}")(echo)
    app.put("/only/{y:int}")(echo)
    return app


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/x", {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}),
        ("/y", {"DELETE", "OPTIONS"}),
        ("/only/3", {"PUT", "OPTIONS"}),
    ],
)
def test_the_wrong_method_is_a_405_with_a_correct_allow(interface: str, path: str, allowed: set[str]) -> None:
    answer = TestClient(method_app(), interface=interface).patch(path)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD", "PUT"])
def test_every_method_that_allow_names_is_served_and_no_other(interface: str, method: str) -> None:
    client = TestClient(method_app(), interface=interface)
    allowed = client.patch("/x").headers["allow"].split(", ")
    assert (client.request(method, "/x").status_code != 405) == (method in allowed)


def test_head_follows_get(interface: str) -> None:
    app = VelociPy()

    @app.get("/x")
    async def endpoint(page: int) -> Response:
        return Response("body", 203, {"x-page": str(page)})

    client = TestClient(app, interface=interface)
    got, head = client.get("/x?page=3"), client.head("/x?page=3")
    assert (head.status_code, head.content) == (203, b"")
    assert head.headers == got.headers
    assert client.head("/x?page=x").status_code == 422


@pytest.mark.parametrize("path", ["/x", "/y", "/only/3"])
def test_options_answers_204_with_allow(interface: str, path: str) -> None:
    client = TestClient(method_app(), interface=interface)
    answer = client.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == client.patch(path).headers["allow"]


# -- slashes and bytes -------------------------------------------------------------------------------------------------

SLASHED = ["/a", "/b/", "/c/{x}", "/d/{x}/", "/"]


@pytest.mark.parametrize(
    ("asked", "template"),
    [
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/b", "/b/"),
        ("/b/", "/b/"),
        ("/c/1/", "/c/{x}"),
        ("/d/1", "/d/{x}/"),
        ("", "/"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"trailing_slash": "ignore"}], ids=["by default", "ignore"])
def test_one_trailing_slash_more_or_less_is_the_same_route(
    interface: str, asked: str, template: str, options: Any
) -> None:
    assert found(serve(interface, *SLASHED, **options), asked) == template


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ("/a", "/a"),
        ("/a/", 404),
        ("/b", 404),
        ("/b/", "/b/"),
        ("/c/1/", 404),
        ("/d/1", 404),
        ("/d/1/", "/d/{x}/"),
    ],
)
def test_a_strict_trailing_slash_is_what_is_written(interface: str, asked: str, result: Any) -> None:
    assert found(serve(interface, *SLASHED, trailing_slash="strict"), asked) == result


@pytest.mark.parametrize(
    ("asked", "location"),
    [("/a/?q=1", "/a?q=1"), ("/b", "/b/"), ("/c/%C3%BC/", "/c/%C3%BC"), ("/d/a%20b", "/d/a%20b/")],
)
def test_a_redirected_trailing_slash_leads_to_the_route(interface: str, asked: str, location: str) -> None:
    client = serve(interface, *SLASHED, trailing_slash="redirect")
    answer = client.get(asked)
    assert (answer.status_code, answer.headers["location"]) == (308, location)
    assert client.get(location).status_code == 200


@pytest.mark.parametrize("policy", ["ignore", "strict", "redirect"])
@pytest.mark.parametrize("path", [b"//a", b"/a//", b"//", b"/c//1", b"/c//"])
def test_two_slashes_are_not_one(interface: str, policy: Any, path: bytes) -> None:
    client = serve(interface, *SLASHED, trailing_slash=policy)
    with client.exchange("GET", path) as exchange:
        assert exchange.reply().status == 404


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/%61", ["/a", {}]),
        ("/c/%C3%BC", ["/c/{x}", {"x": "ü"}]),
        ("/c/a%20b", ["/c/{x}", {"x": "a b"}]),
        ("/c/50%25", ["/c/{x}", {"x": "50%"}]),
        ("/c/%2541", ["/c/{x}", {"x": "%41"}]),
        ("/c/a+b", ["/c/{x}", {"x": "a+b"}]),
        ("/c/a%3Fb", ["/c/{x}", {"x": "a?b"}]),
    ],
)
def test_paths_match_percent_decoded(interface: str, path: str, result: Any) -> None:
    with serve(interface, *SLASHED) as client, client.exchange("GET", path) as exchange:
        assert json.loads(exchange.reply().body) == result


@pytest.mark.parametrize("path", [b"/c/%FF", b"/c/%C3", b"/%80", b"/c/%ED%A0%80", b"/c/%C0%AF"])
def test_undecodable_bytes_are_a_404(interface: str, path: bytes) -> None:
    with serve(interface, *SLASHED, "/{rest*}") as client, client.exchange("GET", path) as exchange:
        assert exchange.reply().status == 404


# -- routers -----------------------------------------------------------------------------------------------------------


def marking(name: str) -> Callable[..., Any]:
    """A middleware that writes its name into the answer, the outermost first."""

    async def middleware(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        answer.headers["x-way"] = f"{name} {answer.headers.get('x-way', '')}".strip()
        return answer

    return middleware


def noting(name: str) -> Callable[..., Any]:
    async def dependency(state: State) -> None:
        state.noted = [*state.get("noted", []), name]

    return dependency


def nested(depth: int) -> tuple[VelociPy, list[APIRouter]]:
    """An app with a router in a router, `depth` times; each has a prefix, a tag, a dependency and a middleware."""
    app = VelociPy(dependencies=[Depends(noting("app"))], middleware=[marking("app")], tags=["app"])
    routers: list[APIRouter] = []
    outer: APIRouter = app
    for number in range(depth):
        name = f"r{number}"
        router = APIRouter(
            f"/{name}", tags=[name], dependencies=[Depends(noting(name))], middleware=[marking(name)]
        )
        routers.append(router)
        outer.include_router(router)
        outer = router
    return app, routers


@pytest.mark.parametrize("depth", [1, 2, 10])
def test_routers_nest_to_any_depth_with_prefix_tags_dependencies_and_middleware(
    interface: str, depth: int
) -> None:
    app, routers = nested(depth)

    @routers[-1].get("/x")
    async def endpoint(request: Request) -> Any:
        return request.state.noted

    names = ["app", *(f"r{number}" for number in range(depth))]
    answer = TestClient(app, interface=interface).get("/" + "/".join(names[1:]) + "/x")
    assert (answer.json(), answer.headers["x-way"].split()) == (names, names)
    assert app.routes[0].options.tags == tuple(names)


def test_routers_nest_with_exception_handlers(interface: str) -> None:
    app, routers = nested(3)

    async def handler(request: Request, exc: Exception) -> Response:
        return Response(request.path, 499)

    routers[1].add_exception_handler(LookupError, handler)

    async def failing() -> None:
        raise KeyError

    app.get("/x")(failing)
    routers[0].get("/x")(failing)
    routers[2].get("/x")(failing)
    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    assert [client.get(f"{path}/x").status_code for path in ("", "/r0", "/r0/r1/r2")] == [500, 500, 499]


def test_routers_nest_with_responses() -> None:
    """What a router says of the answers of all its routes joins what a route says itself."""
    inner = APIRouter("/inner", responses={409: {"description": "inner"}})  # type: ignore[call-arg]
    outer = APIRouter("/outer", responses={401: {"description": "outer"}})  # type: ignore[call-arg]
    app = VelociPy()
    inner.get("/x", responses={404: {"description": "own"}})(echo)
    outer.include_router(inner)
    app.include_router(outer)
    assert set(app.routes[0].options.responses) == {401, 404, 409}


@pytest.mark.parametrize(
    "what", ["a route", "a router", "a middleware", "an exception handler", "a websocket"]
)
def test_what_is_added_to_a_router_after_including_it_still_counts(interface: str, what: str) -> None:
    """Even when the app has served requests already."""
    app, (_, router) = nested(2)

    @router.get("/fail")
    async def failing() -> None:
        raise LookupError

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    assert client.get("/r0/r1/fail").status_code == 500
    assert client.get("/r0/r1/x").status_code == 404

    async def handler(request: Request, exc: Exception) -> Response:
        return Response(str(request.state.noted), 499)

    if what == "a route":
        router.get("/x")(echo)
        assert client.get("/r0/r1/x").status_code == 200
    elif what == "a router":
        late = APIRouter("/x")
        router.include_router(late)
        late.get("/y")(echo)
        assert client.get("/r0/r1/x/y").status_code == 200
    elif what == "a middleware":
        router.add_middleware(marking("late"))
        router.add_exception_handler(LookupError, handler)
        assert client.get("/r0/r1/fail").headers["x-way"] == "app r0 r1 late"
    elif what == "an exception handler":
        router.add_exception_handler(LookupError, handler)
        assert client.get("/r0/r1/fail").status_code == 499
    else:

        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(str(websocket.state.noted))

        router.websocket("/x")(socket)
        with client.websocket_connect("/r0/r1/x") as session:
            assert session.receive_text() == "['app', 'r0', 'r1']"


def test_one_router_may_be_included_in_several_places(interface: str) -> None:
    app, router = VelociPy(), APIRouter("/r")
    app.include_router(router, "/a")
    app.include_router(router, "/b")
    router.get("/x")(echo)
    client = TestClient(app, interface=interface)
    assert [found(client, path) for path in ("/a/r/x", "/b/r/x", "/r/x")] == ["/a/r/x", "/b/r/x", 404]


# -- url_for -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("a b", "/c/a%20b"),
        ("ü", "/c/%C3%BC"),
        ("a?b#c", "/c/a%3Fb%23c"),
        ("50%", "/c/50%25"),
        ("%2F", "/c/%252F"),
        ("a&b=c", "/c/a&b=c"),
        ("\r\nx: y", "/c/%0D%0Ax:%20y"),
        ("<script>", "/c/%3Cscript%3E"),
    ],
)
def test_url_for_encodes_and_leads_back(interface: str, value: str, url: str) -> None:
    app = VelociPy()
    app.get("/c/{x}", name="c")(echo)
    assert app.url_for("c", x=value) == url
    with TestClient(app, interface=interface) as client, client.exchange("GET", url) as exchange:
        assert json.loads(exchange.reply().body)[1] == {"x": value}


def test_url_for_encodes_the_query(interface: str) -> None:
    app = VelociPy()

    @app.get("/{x}")
    async def show(x: str, request: Request, q: str = "") -> list[str]:
        return [request.url_for("show", x="ü", q=q), q]

    answer = TestClient(app, interface=interface).get("/x", params={"q": "a b&c=ü"})
    assert answer.json() == ["/%C3%BC?q=a+b%26c%3D%C3%BC", "a b&c=ü"]


# -- errors at registration --------------------------------------------------------------------------------------------


def first(request: Request) -> None: ...


def second(request: Request) -> None: ...


def place(function: Callable[..., Any]) -> str:
    return f"{__file__}:{function.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a", "/a"),
        ("/a", "/a/"),
        ("/{x}", "/{y}"),
        ("/{x:int}", "/{y:int}"),
        ("/{x}", "/{y:str}"),
        ("/{x*}", "/{y:path}"),
        ("/a/{x}.{y}", "/a/{b}.{c}"),
        ("/{x}/b", "/{y}/b/"),
    ],
)
@pytest.mark.parametrize("through", ["the app", "a router", "two routers"])
def test_conflicts_and_shadowed_routes_are_an_error_naming_both_places(
    one: str, other: str, through: str
) -> None:
    app = VelociPy()
    router, another = APIRouter("/r"), APIRouter("/r")
    targets = {"the app": (app, app), "a router": (router, router), "two routers": (router, another)}[through]
    if through != "the app":
        app.include_router(router)
        app.include_router(another)
    targets[0].get(one)(first)
    with pytest.raises(RouteConflictError) as refused:
        targets[1].get(other)(second)
    assert place(first) in str(refused.value) and place(second) in str(refused.value)


def test_other_methods_of_one_path_are_no_conflict(interface: str) -> None:
    app = VelociPy()
    app.get("/{x}")(echo)
    app.post("/{y}")(echo)
    client = TestClient(app, interface=interface)
    assert [client.get("/1").json(), client.post("/1").json()] == [["/{x}", {"x": "1"}], ["/{y}", {"y": "1"}]]


def test_duplicate_names_are_an_error_naming_both_places() -> None:
    app = VelociPy()
    app.get("/a", name="same")(first)
    with pytest.raises(RouteConflictError, match="same") as refused:
        app.get("/b", name="same")(second)
    assert place(first) in str(refused.value) and place(second) in str(refused.value)


@pytest.mark.parametrize("through", ["the app", "a router"])
def test_a_template_hole_that_no_argument_takes_is_an_error_that_asks_what_was_meant(through: str) -> None:
    async def show(user_id: int) -> None: ...

    app, router = VelociPy(), APIRouter()
    with pytest.raises(BindingError, match="did you mean 'user_id'") as refused:
        (app if through == "the app" else router).get("/users/{user_idd}")(show)
        app.include_router(router)
    assert place(show) in str(refused.value)
