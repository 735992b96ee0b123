"""Which pages may open a WebSocket: policies, their grammar, and handshakes that are refused before anything else is done."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from velocipy import Depends, HTTPException, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.http.headers import Headers
from velocipy.origins import DEFAULT_POLICY, OriginPolicy, check_origin, origin_policy
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
COOKIE = {"cookie": "session=1"}
LISTED = origin_policy(["https://app.example", "http://localhost:3000", "same-origin"])


def is_taken(
    policy: OriginPolicy,
    headers: Mapping[str, str],
    host: str | bytes | None = "a.example",
    scheme: str = "ws",
) -> bool:
    hosts: list[str | bytes] = [] if host is None else [host]
    try:
        check_origin(Headers(list(headers.items())), hosts, scheme, policy)
    except HTTPException as exc:
        assert (exc.status_code, exc.detail) == (403, "Origin not allowed")
        return False
    return True


@pytest.mark.case(101)
@pytest.mark.parametrize(
    ("origin", "host", "scheme", "same"),
    [
        ("http://a.example", "a.example", "ws", True),
        ("http://A.Example", "a.EXAMPLE", "ws", True),
        ("http://a.example", b"a.example", "ws", True),
        ("http://a.example", "a.example:80", "ws", True),
        ("http://a.example:80", "a.example", "ws", True),
        ("https://a.example", "a.example", "wss", True),
        ("https://a.example", "a.example:443", "wss", True),
        ("https://a.example", "a.example", "ws", True),  # behind a proxy that ends TLS
        ("http://localhost:8000", "localhost:8000", "ws", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", "ws", True),
        ("http://[::1]:8000", "[::1]:8000", "ws", True),
        ("http://a.example", "a.example", "wss", False),  # a page that anybody on the way may have changed
        ("http://a.example:8000", "a.example", "ws", False),
        ("http://a.example", "a.example:8000", "ws", False),
        ("https://a.example", "a.example:80", "ws", False),
        ("http://evil.example", "a.example", "ws", False),
        ("http://a.example.evil.example", "a.example", "ws", False),
        ("http://evila.example", "a.example", "ws", False),
        ("http://b.a.example", "a.example", "ws", False),
        ("http://a.example@evil.example", "a.example", "ws", False),
        ("http://evil.example#a.example", "a.example", "ws", False),
        ("http://a.example/", "a.example", "ws", False),
        ("a.example", "a.example", "ws", False),
        ("ws://a.example", "a.example", "ws", False),
        ("file://", "a.example", "ws", False),
        ("file://a.example", "a.example", "ws", False),
        ("null", "a.example", "ws", False),
        ("", "a.example", "ws", False),
        ("http://", "", "ws", False),
        ("http://a.example", None, "ws", False),
        ("http://" + "a" * 5_000, "a.example", "ws", False),
    ],
)
def test_with_cookies_a_page_has_to_be_of_the_same_origin(
    origin: str, host: Any, scheme: str, same: bool
) -> None:
    headers = {"origin": origin, **COOKIE}
    assert is_taken(DEFAULT_POLICY, headers, host, scheme) is same
    assert is_taken(origin_policy("*"), headers, host, scheme) is same
    assert is_taken(origin_policy(["same-origin"]), headers, host, scheme) is same
    assert is_taken(origin_policy("*", allow_credentials=True), headers, host, scheme)


@pytest.mark.case(101)
@pytest.mark.parametrize("headers", [{"cookie": ""}, {"cookie": "a=b"}, {"authorization": "Basic YTpi"}])
def test_what_a_browser_sends_by_itself_is_a_credential(headers: dict[str, str]) -> None:
    assert is_taken(DEFAULT_POLICY, {"origin": "http://evil.example"})
    assert not is_taken(DEFAULT_POLICY, {"origin": "http://evil.example", **headers})


@pytest.mark.case(101)
@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("https://app.example", True),
        ("HTTPS://APP.example", True),
        ("http://localhost:3000", True),
        ("http://a.example", True),
        ("http://app.example", False),
        ("https://app.example:444", False),
        ("https://app.example.evil.example", False),
        ("https://evil.example", False),
        ("http://localhost", False),
        ("null", False),
    ],
)
@pytest.mark.parametrize("credentials", [{}, COOKIE])
def test_a_list_is_exact_with_and_without_cookies(
    origin: str, taken: bool, credentials: dict[str, str]
) -> None:
    assert is_taken(LISTED, {"origin": origin, **credentials}) is taken


@pytest.mark.case(101)
def test_a_list_without_same_origin_does_not_take_the_own_host() -> None:
    """Otherwise a page could name its own host to be this server's address (DNS rebinding)."""
    policy = origin_policy(["https://app.example"])
    assert not is_taken(policy, {"origin": "http://a.example"})
    assert not is_taken(origin_policy([]), {"origin": "http://a.example"})


@pytest.mark.case(101)
@pytest.mark.parametrize("allowed", [None, "*", [], ["https://app.example"]])
def test_who_sends_no_origin_is_no_browser_and_taken_unless_one_is_required(allowed: Any) -> None:
    assert is_taken(origin_policy(allowed), COOKIE)
    assert not is_taken(origin_policy(allowed, require_origin=True), COOKIE)
    assert not is_taken(origin_policy(allowed, require_origin=True), {})


@pytest.mark.case(101)
def test_two_origins_are_none() -> None:
    headers = Headers([("origin", "https://app.example"), ("origin", "https://app.example")])
    with pytest.raises(HTTPException):
        check_origin(headers, ["a.example"], "ws", LISTED)


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("https://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("null", "null"),
    ],
)
def test_an_entry_is_written_as_browsers_write_it(entry: str, origin: str) -> None:
    assert is_taken(origin_policy([entry]), {"origin": origin, **COOKIE})


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "app.example",
        "https://",
        "https://app.example/",
        "https://app.example/path",
        "https://*.app.example",
        "https://user@app.example",
        "https://app.example:99999",
        "wss://app.example",
        "ftp//x",
        "",
        None,
        3,
        b"https://app.example",
    ],
)
def test_an_entry_that_no_browser_sends_is_refused_at_registration(entry: Any) -> None:
    with pytest.raises(ConfigurationError, match="allowed_origins"):
        origin_policy([entry])


@pytest.mark.parametrize(
    ("allowed", "options"),
    [
        ("https://app.example", {}),
        (["https://app.example"], {"allow_credentials": True}),
        (None, {"allow_credentials": True}),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(allowed: Any, options: Any) -> None:
    with pytest.raises(ConfigurationError):
        origin_policy(allowed, **options)


@pytest.mark.parametrize("allowed", [[], (), iter(())])
def test_a_list_of_nobody_is_refused_where_the_route_is_declared(allowed: Any) -> None:
    with pytest.raises(ConfigurationError, match="allowed_origins is empty, which no page passes"):
        VelociPy().websocket("/ws", allowed_origins=allowed)(lambda websocket: None)


# -- handshakes --------------------------------------------------------------------------------------------------------------


def guard_of(policy: OriginPolicy) -> Any:
    def guard(websocket: WebSocket) -> None:
        headers = websocket.headers
        check_origin(headers, headers.get_all("host"), websocket.scheme, policy)

    return guard


def status_of(client: TestClient, headers: Mapping[str, str]) -> int:
    try:
        with client.websocket_connect("/ws", headers=headers) as ws:
            assert ws.receive_text() == "hello"
        return 101
    except WebSocketDenied as denied:
        return denied.status_code


@both
@pytest.mark.case(101)
def test_a_policy_may_stand_in_a_dependency(interface: str) -> None:
    app = VelociPy()

    @app.websocket("/ws", dependencies=[Depends(guard_of(DEFAULT_POLICY))])
    async def hello(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    with TestClient(app, interface=interface) as client:
        assert status_of(client, {}) == 101
        assert status_of(client, COOKIE) == 101
        assert status_of(client, {"origin": "http://testserver", **COOKIE}) == 101
        assert status_of(client, {"origin": "http://evil.example"}) == 101
        assert status_of(client, {"origin": "http://evil.example", **COOKIE}) == 403


@both
@pytest.mark.case(101)
def test_a_route_refuses_a_foreign_page_before_anything_else_is_done(interface: str) -> None:
    entered: list[str] = []

    async def depends() -> None:
        entered.append("dependency")

    async def hello(websocket: WebSocket, _: Annotated[None, Depends(depends)], page: int = 1) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    keywords: Any = {"allowed_origins": ["https://app.example"]}
    app = VelociPy()
    app.websocket("/ws", **keywords)(hello)
    with TestClient(app, interface=interface) as client:
        assert status_of(client, {"origin": "https://evil.example"}) == 403
        assert entered == []
        assert status_of(client, {"origin": "https://app.example", **COOKIE}) == 101
        assert entered == ["dependency"]
        assert status_of(client, {}) == 101


@both
@pytest.mark.case(101)
def test_every_route_refuses_a_foreign_page_with_cookies(interface: str) -> None:
    app = VelociPy()

    @app.websocket("/ws")
    async def hello(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    with TestClient(app, interface=interface) as client:
        assert status_of(client, {"origin": "http://evil.example", **COOKIE}) == 403
        assert status_of(client, {"origin": "http://testserver", **COOKIE}) == 101
        assert status_of(client, {"origin": "http://evil.example"}) == 101
        assert status_of(client, COOKIE) == 101


def test_a_route_with_an_entry_that_is_no_origin_is_refused() -> None:
    keywords: Any = {"allowed_origins": ["app.example"]}
    with pytest.raises(ConfigurationError, match=r"app\.example"):
        VelociPy().websocket("/ws", **keywords)(guard_of(DEFAULT_POLICY))
