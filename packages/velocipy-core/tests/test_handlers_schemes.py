"""What core knows of security: scopes that gather, schemes that show themselves, and what guards may ask for by annotation."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from velocipy import Depends, HTTPException, VelociPy, WebSocket
from velocipy.handlers.markers import Dependency
from velocipy.handlers.schemes import (
    SecurityScheme,
    SecurityScopes,
)
from velocipy.http.request import Exchange, Request
from velocipy.protocols import RequestHeaders, RequestHosts, RequestMethod
from velocipy.testing import TestClient
from velocipy.testing.errors import WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Door:
    """A scheme that inherits from nothing of ours."""

    scheme_name = "door"
    auto_error = True
    scheme = {"type": "http", "scheme": "door"}
    __velocipy_guard__ = True

    async def __call__(self, headers: RequestHeaders) -> str:
        if headers.get("x-knock") is None:
            raise HTTPException(401)
        return str(headers.get("x-knock"))


door = Door()


def asking(call: Callable[..., Any], *scopes: str, use_cache: bool = True) -> Any:
    """What `velocipy.security.Security` makes."""
    return Dependency(call, use_cache, scopes=scopes)


async def shown_scopes(asked: SecurityScopes, knock: Annotated[str, Depends(door)]) -> str:
    return asked.scope_str


async def through(inner: Annotated[str, asking(shown_scopes, "inner", "outer")]) -> str:
    return inner


@both
def test_scopes_are_those_of_the_way_to_each_place(interface: Any) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(
        one: Annotated[str, asking(through, "outer")],
        two: Annotated[str, Depends(through)],
        three: Annotated[str, Depends(shown_scopes)],
        four: Annotated[str, asking(shown_scopes, "b", "a")],
    ) -> list[str]:
        return [one, two, three, four]

    answer = TestClient(app, interface=interface).get("/", headers={"x-knock": "k"})
    assert answer.json() == ["outer inner", "inner outer", "", "b a"]


@both
def test_what_sees_equal_scopes_is_shared(interface: Any) -> None:
    calls: list[str] = []

    async def counted(asked: SecurityScopes) -> int:
        calls.append(asked.scope_str)
        return len(calls)

    app = VelociPy(dependencies=[asking(counted, "a")])

    @app.get("/")
    async def endpoint(
        same: Annotated[int, asking(counted, "a")],
        other: Annotated[int, asking(counted, "b")],
        fresh: Annotated[int, asking(counted, "a", use_cache=False)],
    ) -> list[int]:
        return [same, other, fresh]

    assert TestClient(app, interface=interface).get("/").json() == [1, 2, 3]
    assert calls == ["a", "b", "a"]


def test_scopes_say_what_is_missing() -> None:
    asked = SecurityScopes(("a", "b", "c"))
    assert (
        asked.scope_str == "a b c"
        and asked.missing(["b", "x"]) == ("a", "c")
        and SecurityScopes().missing([]) == ()
    )


@both
def test_a_guard_may_ask_for_parts_of_the_exchange_on_http_and_websocket(interface: Any) -> None:
    seen: list[Any] = []

    async def watch(
        headers: RequestHeaders, hosts: RequestHosts, method: RequestMethod, exchange: Exchange
    ) -> None:
        named = [host if isinstance(host, str) else host.decode() for host in hosts]
        seen.append((headers.get("x-a"), named, method, type(exchange), exchange.path))
        if headers.get("x-a") is None:
            raise HTTPException(401)

    app = VelociPy(dependencies=[Depends(watch)])

    @app.route("/", methods={"GET", "POST"})
    async def endpoint(request: Request, same: Exchange) -> bool:
        return request is same

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, same: Exchange) -> None:
        assert websocket is same
        await websocket.accept()
        await websocket.close()

    client = TestClient(app, interface=interface)
    sent = {"x-a": "1"}
    for method in ("GET", "POST"):
        assert client.request(method, "/", headers=sent).json() is True
    with client.websocket_connect("/ws", headers=sent):
        pass
    with pytest.raises(WebSocketDenied), client.websocket_connect("/ws"):
        pass
    assert seen == [
        ("1", ["testserver"], "GET", Request, "/"),
        ("1", ["testserver"], "POST", Request, "/"),
        ("1", ["testserver"], "GET", WebSocket, "/ws"),
        (None, ["testserver"], "GET", WebSocket, "/ws"),
    ]


@both
def test_they_are_there_behind_wrapping_middleware_too(interface: Any) -> None:
    app = VelociPy()

    @app.middleware("http")
    async def wrap(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    @app.put("/")
    async def endpoint(method: RequestMethod, hosts: RequestHosts, asked: SecurityScopes) -> Any:
        return [method, len(hosts), asked.scopes]

    assert TestClient(app, interface=interface).put("/").json() == ["PUT", 1, []]


def test_an_exchange_may_take_the_holes_of_a_path() -> None:
    app = VelociPy()

    @app.get("/{anything}")
    async def endpoint(exchange: Exchange) -> Any:
        return exchange.path_params

    assert TestClient(app).get("/x").json() == {"anything": "x"}


def test_a_scheme_shows_itself_by_three_attributes() -> None:
    assert isinstance(door, SecurityScheme) and not isinstance(shown_scopes, SecurityScheme)


def test_a_plan_shows_the_scopes_that_it_hands_on() -> None:
    from velocipy.handlers.plan import Constant, describe
    from velocipy.handlers.signature import read_signature

    parameter = read_signature(shown_scopes)[0]
    text = describe(Constant("asked", SecurityScopes(("a",)), parameter))
    assert text == "constant asked = SecurityScopes(scopes=('a',))"
