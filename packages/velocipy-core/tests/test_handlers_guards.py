"""Guards run, and may refuse, before anything else of a request is read; other dependencies after every read."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from velocipy import APIRouter, Body, Depends, Header, HTTPException, Query, Request, Response, VelociPy
from velocipy.handlers.markers import guard
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

events: list[str] = []


@pytest.fixture(autouse=True)
def _forget_events() -> None:
    events.clear()


@guard
async def user(authorization: Annotated[str | None, Header()] = None) -> str:
    events.append("guard")
    if authorization is None:
        raise HTTPException(401)
    return authorization


async def listed(authorization: Annotated[str | None, Header()] = None) -> None:
    if authorization is None:
        raise HTTPException(401)


@both
def test_a_listed_dependency_refuses_before_parameters_are_checked(interface: str) -> None:
    app = VelociPy(dependencies=[Depends(listed)])

    @app.get("/")
    async def endpoint(page: int) -> int:
        return page

    with TestClient(app, interface=interface) as client:
        assert client.get("/?page=x").status_code == 401
        assert client.get("/?page=x", headers={"authorization": "a"}).status_code == 422
        assert client.get("/?page=2", headers={"authorization": "a"}).json() == 2


@both
def test_a_guard_in_the_signature_refuses_before_the_body_is_parsed(interface: str) -> None:
    app = VelociPy()

    @app.post("/")
    async def endpoint(item: dict[str, Any], page: int, user: Annotated[str, Depends(user)]) -> str:
        return user

    broken = {"content": b"{", "headers": {"content-type": "application/json"}}
    with TestClient(app, interface=interface) as client:
        assert client.post("/?page=x", **broken).status_code == 401  # type: ignore[arg-type]
        broken["headers"] = {"content-type": "application/json", "authorization": "a"}
        assert client.post("/?page=x", **broken).status_code == 400  # type: ignore[arg-type]
    assert events == ["guard", "guard"]


@both
def test_a_guard_below_a_dependency_that_needs_the_body_comes_first_too(interface: str) -> None:
    app = VelociPy()

    async def load(item: dict[str, Any], user: Annotated[str, Depends(user)]) -> str:
        return f"{user} {item['name']}"

    @app.post("/")
    async def endpoint(loaded: Annotated[str, Depends(load)]) -> str:
        return loaded

    with TestClient(app, interface=interface) as client:
        assert client.post("/", content=b"{", headers={"content-type": "application/json"}).status_code == 401
        assert client.post("/", json={"name": "x"}, headers={"authorization": "a"}).text == "a x"
    assert events == ["guard", "guard"]


@both
def test_what_depends_on_a_guard_and_needs_no_body_runs_with_it(interface: str) -> None:
    app = VelociPy()

    async def admin(user: Annotated[str, Depends(user)]) -> None:
        events.append("admin")
        if user != "root":
            raise HTTPException(403)

    async def plain() -> None:
        events.append("plain")

    @app.get("/")
    async def endpoint(
        _: Annotated[None, Depends(plain)], page: int, admin: Annotated[None, Depends(admin)]
    ) -> str:
        return "admin"

    with TestClient(app, interface=interface) as client:
        assert client.get("/?page=x", headers={"authorization": "me"}).status_code == 403
        assert events == ["guard", "admin"]
        events.clear()
        assert client.get("/?page=1", headers={"authorization": "root"}).text == "admin"
    assert events == ["guard", "admin", "plain"]


@both
def test_a_guard_that_is_not_cached_is_still_called_once_for_its_parameter(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(
        one: Annotated[str, Depends(user, use_cache=False)],
        two: Annotated[str, Depends(user, use_cache=False)],
    ) -> str:
        return one + two

    with TestClient(app, interface=interface) as client:
        assert client.get("/", headers={"authorization": "a"}).text == "aa"
    assert events == ["guard", "guard"]


@both
def test_a_guard_may_read_the_body_itself(interface: str) -> None:
    """A webhook's signature: the guard needs the body, and refuses before other parameters are checked."""
    app = VelociPy()

    @guard
    async def signed(payload: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        if payload.get("signature") != "good":
            raise HTTPException(401)
        return payload

    @app.post("/")
    async def endpoint(page: int, payload: Annotated[dict[str, Any], Depends(signed)]) -> dict[str, Any]:
        return payload

    with TestClient(app, interface=interface) as client:
        assert client.post("/?page=x", json={}).status_code == 401
        assert client.post("/?page=x", json={"signature": "good"}).status_code == 422
        assert client.post("/?page=1", json={"signature": "good"}).status_code == 200


@both
def test_guards_run_from_the_app_inwards_each_with_its_own_check(interface: str) -> None:
    def named(name: str) -> Any:
        async def check(refuse: str = "") -> None:
            events.append(name)
            if refuse == name:
                raise HTTPException(403)

        return Depends(check)

    app = VelociPy(dependencies=[named("app")])
    router = APIRouter(dependencies=[named("router")])

    @router.get("/", dependencies=[named("route")])
    async def endpoint(page: Annotated[int, Query(ge=1)]) -> None:
        events.append("endpoint")

    app.include_router(router, "/r")
    with TestClient(app, interface=interface) as client:
        assert client.get("/r/?page=1").status_code == 204
        assert events == ["app", "router", "route", "endpoint"]
        events.clear()
        assert client.get("/r/?refuse=router").status_code == 403
        assert events == ["app", "router"]


@both
def test_a_guard_that_yields_is_left_like_any_dependency(interface: str) -> None:
    app = VelociPy()

    @guard
    async def slot() -> AsyncIterator[None]:
        events.append("taken")
        try:
            yield
        finally:
            events.append("released")

    @app.get("/")
    async def endpoint(page: int, _: Annotated[None, Depends(slot)]) -> None:
        events.append("endpoint")

    with TestClient(app, interface=interface) as client:
        assert client.get("/?page=x").status_code == 422
        assert events == ["taken", "released"]
        events.clear()
        assert client.get("/?page=1").status_code == 204
    assert events == ["taken", "endpoint", "released"]


@both
def test_an_override_takes_the_place_of_a_guard_and_of_all_that_it_needed(interface: str) -> None:
    app = VelociPy()

    async def load(item: dict[str, Any], user: Annotated[str, Depends(user)]) -> str:
        return user

    @app.post("/")
    async def endpoint(loaded: Annotated[str, Depends(load)]) -> str:
        return loaded

    @app.get("/")
    async def get(user: Annotated[str, Depends(user)], page: int) -> str:
        return user

    with TestClient(app, interface=interface) as client:
        app.dependency_overrides[load] = lambda: "faked"
        assert client.post("/").text == "faked"
        assert events == []
        app.dependency_overrides[user] = lambda: "nobody"
        assert client.get("/?page=1").text == "nobody"
        app.dependency_overrides.clear()
        assert client.get("/?page=1").status_code == 401


@both
def test_a_dependency_is_called_once_a_request_unless_told_otherwise(interface: str) -> None:
    app = VelociPy()
    calls: list[int] = []

    async def count() -> int:
        calls.append(1)
        return len(calls)

    async def left(n: Annotated[int, Depends(count)]) -> int:
        return n

    async def right(n: Annotated[int, Depends(count)]) -> int:
        return n

    @app.get("/")
    async def endpoint(
        a: Annotated[int, Depends(left)],
        b: Annotated[int, Depends(right)],
        c: Annotated[int, Depends(count)],
        d: Annotated[int, Depends(count, use_cache=False)],
    ) -> list[int]:
        return [a, b, c, d]

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == [1, 1, 1, 2]
        assert client.get("/").json() == [3, 3, 3, 4]


@both
def test_overrides_count_from_the_next_request_on(interface: str) -> None:
    app = VelociPy()

    async def real(request: Request) -> str:
        return "real"

    def fake(name: str = "fake") -> str:
        return name

    @app.get("/")
    async def endpoint(value: Annotated[str, Depends(real)]) -> str:
        return value

    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "real"
        app.dependency_overrides[real] = fake
        assert client.get("/?name=x").text == "x"
        del app.dependency_overrides[real]
        assert client.get("/").text == "real"


@both
def test_a_dependency_sets_headers_cookies_and_status_of_whatever_is_sent(interface: str) -> None:
    app = VelociPy()

    async def tracked(response: Response) -> None:
        response.headers["x-tracked"] = "yes"
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        response.status_code = 202

    @app.get("/dict", dependencies=[Depends(tracked)])
    async def of_dict() -> dict[str, int]:
        return {"a": 1}

    @app.get("/none", dependencies=[Depends(tracked)])
    async def of_none() -> None:
        return None

    @app.get("/own", dependencies=[Depends(tracked)])
    async def own() -> Response:
        return SHARED

    @app.get("/error", dependencies=[Depends(tracked)])
    async def error() -> None:
        raise HTTPException(404)

    @app.get("/unhandled", dependencies=[Depends(tracked)])
    async def unhandled() -> None:
        raise RuntimeError

    with TestClient(app, interface=interface) as client:
        answers = {
            path: client.get(path) for path in ("/dict", "/none", "/own", "/own", "/error", "/unhandled")
        }
    assert [answer.status_code for answer in answers.values()] == [202, 202, 202, 404, 500]
    for answer in answers.values():
        assert answer.headers["x-tracked"] == "yes"
        assert len(answer.headers.get_list("set-cookie")) == 2
    assert SHARED.headers.raw == [("content-type", "text/plain")]


SHARED = Response(b"shared", media_type="text/plain")


@both
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_dependencies_set_joins_lists_and_replaces_all_else(interface: str, wrapped: bool) -> None:
    """Also on an error that nobody handles, which passes wrapping middleware as an exception."""

    async def passing(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        return answer

    async def setting(response: Response) -> None:
        response.headers["x-kind"] = "given"
        response.headers["vary"] = "Accept"
        response.headers.add("link", "<a>")
        response.headers.add("link", "<b>")
        response.headers.add("x-many", "1")
        response.headers.add("x-many", "2")

    app = VelociPy(middleware=[passing] if wrapped else [])

    @app.get("/", dependencies=[Depends(setting)])
    async def endpoint() -> Response:
        return Response("x", headers={"x-kind": "own", "vary": "Cookie", "link": "<own>", "x-many": "0"})

    @app.get("/fails", dependencies=[Depends(setting)])
    async def fails() -> None:
        raise RuntimeError

    with TestClient(app, interface=interface) as client:
        fine, failed = client.get("/"), client.get("/fails")
    assert fine.headers.get_list("x-kind") == ["given"]
    assert fine.headers.get_list("vary") == ["Cookie, Accept"]
    assert fine.headers.get_list("link") == ["<own>", "<a>", "<b>"]
    assert fine.headers.get_list("x-many") == ["1", "2"]
    assert failed.status_code == 500
    assert failed.headers.get_list("x-many") == ["1", "2"]


@both
def test_dependencies_that_ask_for_the_response_share_it(interface: str) -> None:
    app = VelociPy()

    async def first(response: Response) -> None:
        response.headers["x-first"] = "1"

    async def second(response: Response, _: Annotated[None, Depends(first)]) -> str:
        return response.headers["x-first"]

    @app.get("/")
    async def endpoint(response: Response, second: Annotated[str, Depends(second)]) -> str:
        response.headers["x-second"] = "2"
        return second

    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert (answer.text, answer.headers["x-first"], answer.headers["x-second"]) == ("1", "1", "2")
