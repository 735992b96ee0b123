"""What middleware puts on the answer to a WebSocket's handshake: on an accepted one and on a refusal, where the protocol can."""

from typing import Any

import httpx2
import pytest

from velocipy import HTTPException, Response, VelociPy, WebSocket
from velocipy.middleware import (
    CORSMiddleware,
    Middleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    TimingMiddleware,
    TrustedHostMiddleware,
)
from velocipy.middleware.security_headers import DEFAULTS
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Made(Middleware):
    """Two headers, of which one is made of what the handshake asked."""

    response_headers = (("x-constant", "1"), ("vary", "Accept"), ("content-type", "text/x-own"))
    header_names = ("x-made", "link")

    def before(self, name: str = "nobody") -> str:
        return name

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (("x-made", token), ("link", "</a>"))


class Broken(Middleware):
    header_name = "x-broken"

    def header(self) -> str:
        return "1\r\nx-injected: 1"


class Refusing(Middleware):
    def before(self) -> Response:
        return Response(status_code=401, headers={"www-authenticate": "Basic"})


class Late(Middleware):
    header_name = "x-late"

    def before(self) -> str:
        return "1"

    def header(self, token: str) -> str:
        return token


async def accept(websocket: WebSocket) -> None:
    await websocket.accept()


def accepted(app: VelociPy, interface: str, path: str = "/") -> dict[str, str]:
    with TestClient(app, interface=interface).websocket_connect(path) as ws:
        return dict(ws.headers)


def denied(app: VelociPy, interface: str, path: str = "/", **options: Any) -> httpx2.Response:
    with (
        pytest.raises(WebSocketDenied) as refused,
        TestClient(app, interface=interface).websocket_connect(path, **options),
    ):
        """Never open."""
    return httpx2.Response(refused.value.status_code, headers=list(refused.value.headers))


def test_an_accepted_handshake_has_what_every_other_answer_has() -> None:
    app = VelociPy(middleware=[RequestIDMiddleware(), TimingMiddleware(), SecurityHeadersMiddleware()])
    app.websocket("/")(accept)
    headers = accepted(app, "asgi")
    assert DEFAULTS.items() <= headers.items()
    assert len(headers["x-request-id"]) == 32
    assert headers["server-timing"].startswith("total;dur=")


def test_the_endpoint_s_own_win_or_are_joined_and_there_is_no_body_to_describe() -> None:
    app = VelociPy(middleware=[Made()])

    @app.websocket("/")
    async def own(websocket: WebSocket) -> None:
        await websocket.accept(headers={"x-constant": "own", "vary": "Cookie", "link": "</b>"})

    with TestClient(app, interface="asgi").websocket_connect("/?name=zoe") as ws:
        assert ws.headers.get_list("x-constant") == ["own"]
        assert ws.headers.get_list("vary") == ["Cookie, Accept"]
        assert ws.headers.get_list("link") == ["</b>", "</a>"]
        assert ws.headers["x-made"] == "zoe"
        assert "content-type" not in ws.headers


@pytest.mark.case(92)
def test_a_refusal_has_them_too() -> None:
    app = VelociPy(middleware=[SecurityHeadersMiddleware(), RequestIDMiddleware()])

    @app.websocket("/denied")
    async def deny(websocket: WebSocket) -> None:
        await websocket.deny(401, headers={"x-frame-options": "SAMEORIGIN"})

    @app.websocket("/raises")
    async def raises(websocket: WebSocket) -> None:
        raise HTTPException(418, "no", {"x-own": "1"})

    @app.websocket("/fails")
    async def fails(websocket: WebSocket) -> None:
        raise RuntimeError("unhandled")

    @app.websocket("/silent")
    async def silent(websocket: WebSocket) -> None:
        """Neither accepts nor refuses."""

    for path, status in {"/denied": 401, "/raises": 418, "/fails": 500, "/silent": 403, "/no": 403}.items():
        refused = denied(app, "asgi", path)
        assert refused.status_code == status
        assert len(refused.headers["x-request-id"]) == 32
        assert refused.headers["content-security-policy"] == DEFAULTS["content-security-policy"]
        assert refused.headers["x-frame-options"] == ("SAMEORIGIN" if path == "/denied" else "DENY")
    assert denied(app, "asgi", "/raises").headers["x-own"] == "1"
    foreign = denied(app, "asgi", "/silent", headers={"origin": "https://evil.example", "cookie": "a=1"})
    assert foreign.headers["x-frame-options"] == "DENY"
    assert "x-request-id" not in foreign.headers


def test_hooks_that_were_not_reached_add_nothing() -> None:
    app = VelociPy(middleware=[Made(), TrustedHostMiddleware(["shop.example"]), Late()])
    app.websocket("/")(accept)
    refused = denied(app, "asgi")
    assert refused.status_code == 400
    assert refused.headers["x-made"] == "nobody"
    assert "x-late" not in refused.headers


def test_a_hook_refuses_with_the_headers_of_its_response() -> None:
    app = VelociPy(middleware=[Made(), Refusing(), Late()])
    app.websocket("/")(accept)
    refused = denied(app, "asgi")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Basic")
    assert "x-late" not in refused.headers


def test_a_header_that_cannot_be_sent_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = VelociPy(middleware=[Broken(), Late()])
    app.websocket("/")(accept)
    headers = accepted(app, "asgi")
    assert headers["x-late"] == "1"
    assert not {"x-broken", "x-injected"} & headers.keys()
    assert "the hook for header 'x-broken' failed" in caplog.text


def test_cors_adds_what_it_adds_to_every_answer() -> None:
    """Browsers take no notice of it here, and nothing breaks."""
    app = VelociPy(middleware=[CORSMiddleware(["https://app.example"])])
    app.websocket("/", allowed_origins=["https://app.example"])(accept)
    with TestClient(app, interface="asgi").websocket_connect(
        "/", headers={"origin": "https://app.example"}
    ) as ws:
        assert ws.headers["access-control-allow-origin"] == "https://app.example"
        assert ws.headers["vary"] == "Origin"


def test_rsgi_sends_none_and_the_conversation_goes_on() -> None:
    app = VelociPy(middleware=[SecurityHeadersMiddleware(), RequestIDMiddleware(), Broken()])

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        assert not websocket.capabilities.accept_headers
        await websocket.accept()
        await websocket.send_text(websocket.state.request_id)

    app.websocket("/silent")(lambda: None)
    with TestClient(app, interface="rsgi").websocket_connect("/") as ws:
        assert len(ws.receive_text()) == 32
        assert "x-frame-options" not in ws.headers
    refused = denied(app, "rsgi", "/nowhere")
    assert refused.status_code == 403
    assert "x-frame-options" not in refused.headers


@both
def test_a_handshake_without_such_middleware_is_as_before(interface: str) -> None:
    app = VelociPy()
    app.websocket("/")(accept)
    assert accepted(app, interface) == {}
    assert "SocketHeaders" not in app.routes[0].explain(interface)
