"""Cases 87 to 95: what built-in middleware makes of hostile origins, hosts, proxies, encodings and ids."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from case_clients import Clients

from velocipy import (
    Depends,
    EventSourceResponse,
    HTTPException,
    RedirectResponse,
    Request,
    Response,
    StaticFiles,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    HTTPSRedirectMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    TrustedHostMiddleware,
)
from velocipy.middleware.security_headers import DEFAULTS
from velocipy.testing import WebSocketDenied

GOOD = "https://good.example"


def app_with(*middleware: Any, **settings: Any) -> VelociPy:
    """An app that reads and writes /items, talks at /ws, and does the rest that tests ask for below /kinds."""
    app = VelociPy(plugins=False, middleware=middleware, **settings)

    @app.get("/items")
    async def read() -> dict[str, int]:
        return {"a": 1}

    @app.put("/items")
    async def write(body: dict[str, str]) -> None:
        """Nothing."""

    @app.get("/kinds/{kind}")
    async def answer(kind: str) -> Any:
        if kind == "fails":
            raise RuntimeError("unhandled")
        if kind == "stream":
            return StreamingResponse(iter(["row"]))
        if kind == "moved":
            return RedirectResponse("/items")
        if kind == "304":
            return Response(None, 304, {"etag": '"a"'})
        raise HTTPException(int(kind))

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    return app


def cors_of(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


ORIGINS = {
    GOOD: True,
    "https://goodXexample": False,
    "https://good.example.evil": False,
    "https://evil-good.example": False,
    "https://good.example:8080": False,
    "http://good.example": False,
    "https://user@good.example": False,
    "https://good.example/": False,
    "null": False,
    "": False,
    "*": False,
    "https://good.example" + "a" * 100_000: False,
}


@pytest.mark.case(87)
def test_a_listed_origin_and_no_other_is_allowed_and_never_every_origin_with_credentials(
    client_for: Clients,
) -> None:
    for credentials in (False, True):
        client = client_for(app_with(CORSMiddleware([GOOD], allow_credentials=credentials)))
        granted = {"access-control-allow-origin": GOOD}
        if credentials:
            granted["access-control-allow-credentials"] = "true"
        for origin, allowed in ORIGINS.items():
            answer = client.get("/items", headers={"origin": origin})
            assert (answer.status_code, answer.headers["vary"]) == (200, "Origin")
            assert cors_of(answer) == (granted if allowed else {}), origin[:50]
        two = [("origin", GOOD), ("origin", "https://evil.example")]
        assert cors_of(client.get("/items", headers=two)) == {}
    client = client_for(app_with(CORSMiddleware(["*"])))
    for origin in ORIGINS:
        assert cors_of(client.get("/items", headers={"origin": origin})) == {
            "access-control-allow-origin": "*"
        }
    for options in ({"allow_origins": ["*"]}, {}, {"allow_origin_regex": ".*"}, {"allow_origins": ["null"]}):
        with pytest.raises(ConfigurationError):
            CORSMiddleware(allow_credentials=True, **options)  # type: ignore[arg-type]


@pytest.mark.case(88)
def test_a_preflight_is_answered_before_guards_and_says_why_it_is_refused(client_for: Clients) -> None:
    async def login() -> None:
        raise HTTPException(401)

    policy = CORSMiddleware([GOOD], ["PUT", "DELETE"], ["X-Token"], max_age=60)
    client = client_for(app_with(policy, dependencies=[Depends(login)]))

    def ask(path: str = "/items", **headers: str) -> Any:
        sent = {"origin": GOOD, "access-control-request-method": "PUT"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.options(path, headers={**sent, **named})

    answer = ask(access_control_request_headers="x-token")
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors_of(answer) == {
        "access-control-allow-origin": GOOD,
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-token",
        "access-control-max-age": "60",
    }
    assert answer.headers.get_list("access-control-allow-origin") == [GOOD]
    for headers, why in (
        ({"origin": "https://evil.example"}, "the origin is not allowed"),
        ({"access_control_request_method": "BREW"}, "the method is not allowed"),
        ({"access_control_request_method": "DELETE"}, "the method is not served here"),
        ({"access_control_request_headers": "x-token,x-other"}, "a header is not allowed"),
        (
            {"access_control_request_private_network": "true"},
            "access from another network is not allowed",
        ),
    ):
        answer = ask(**headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": f"CORS: {why}"})
        assert cors_of(answer) == {}
    # To a path that is not there: let through, so that the page can read its 404, or here its guard's 401.
    assert ask("/nowhere").status_code == 204
    assert client.put("/items", headers={"origin": GOOD}).status_code == 401


@pytest.mark.case(89)
def test_every_kind_of_answer_carries_the_origin_once_and_says_that_it_varies(client_for: Clients) -> None:
    app = app_with(CORSMiddleware([GOOD]), max_content_length=10)
    client = client_for(app)
    json = {"content-type": "application/json"}
    table: list[tuple[int, str, str, bytes]] = [
        (200, "GET", "/kinds/stream", b""),
        (307, "GET", "/kinds/moved", b""),
        (304, "GET", "/kinds/304", b""),
        (400, "PUT", "/items", b"{"),
        (404, "GET", "/nowhere", b""),
        (405, "DELETE", "/items", b""),
        (413, "PUT", "/items", b'{"a": "too long"}'),
        (422, "PUT", "/items", b"[1]"),
        (429, "GET", "/kinds/429", b""),
        (500, "GET", "/kinds/fails", b""),
        (503, "GET", "/kinds/503", b""),
    ]
    for status, method, path, body in table:
        answer = client.request(method, path, content=body, headers={"origin": GOOD, **json})
        assert answer.status_code == status
        assert answer.headers.get_list("access-control-allow-origin") == [GOOD], path
        assert answer.headers["vary"] == "Origin"
        answer = client.request(
            method, path, content=body, headers={"origin": "https://evil.example", **json}
        )
        assert (cors_of(answer), answer.headers["vary"]) == ({}, "Origin")


@pytest.mark.case(90)
def test_a_host_is_exactly_one_of_the_list_or_a_400(client_for: Clients) -> None:
    allowed = ["example.com", "*.sub.example", "only.example:8443", "[::1]"]
    client = client_for(app_with(TrustedHostMiddleware(allowed)))
    table = {
        "example.com": True,
        "EXAMPLE.com:81": True,
        "example.com.": False,
        "exampleXcom": False,
        "evil-example.com": False,
        "example.com.evil": False,
        "example.com:80@evil": False,
        "example.com/evil": False,
        "example.com:99999": False,
        "a.sub.example": True,
        "a.b.sub.example": True,
        "sub.example": False,
        "asub.example": False,
        "*.sub.example": False,
        "only.example:8443": True,
        "only.example": False,
        "[::1]:8000": True,
        "[::2]": False,
        "": False,
        "a" * 300: False,
    }
    for _ in range(2):  # the second time it is remembered
        for host, passes in table.items():
            answer = client.get("/items", headers={"host": host})
            expected = (200, {"a": 1}) if passes else (400, {"detail": "Invalid host header"})
            assert (answer.status_code, answer.json()) == expected, host
    forwarded = [("host", ""), ("x-forwarded-host", "example.com")]
    assert client.get("/items", headers=forwarded).status_code == 400


@pytest.mark.case(91)
def test_http_is_sent_to_https_on_its_own_host_and_to_no_other(client_for: Clients) -> None:
    client = client_for(app_with(HTTPSRedirectMiddleware()))
    for path, target in {
        "/items?x=1&y=%2F": "https://testserver/items?x=1&y=%2F",
        "//evil.example/x": "https://testserver//evil.example/x",
        "/%5cevil": "https://testserver/%5Cevil",
        "/a%0d%0aX:1": "https://testserver/a%0D%0AX:1",
    }.items():
        answer = client.put(f"http://testserver{path}", json={})
        assert (answer.status_code, answer.headers["location"]) == (308, target)
    for host in ("a@evil", "evil/x?y=", "a b", "[", "a:99999", "", "a\\b"):
        answer = client.get("/items", headers={"host": host})
        assert (answer.status_code, "location" in answer.headers) == (400, False), host
    assert client.get("/items", headers=[("host", "a.example"), ("host", "b.example")]).status_code == 400
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws"):
        """Never gets here."""
    assert denied.value.status_code == 403
    secure = {"x-forwarded-proto": "https"}
    assert client.get("/items", headers=secure).status_code == 308
    for proxies, status in ((["192.0.2.1"], 308), (["*"], 200)):
        behind = client_for(app_with(HTTPSRedirectMiddleware(), proxy_headers=proxies))
        assert behind.get("/items", headers=secure).status_code == status


@pytest.mark.case(92)
def test_security_headers_stand_on_errors_files_and_refusals_and_an_answers_own_win(
    interface: str, tmp_path: Path, client_for: Clients
) -> None:
    (tmp_path / "a.txt").write_text("a file")
    app = app_with(SecurityHeadersMiddleware(), max_content_length=5)
    app.mount("/files", StaticFiles(tmp_path))
    app.add_route("/own", lambda: Response("own", headers={"x-frame-options": "SAMEORIGIN"}))

    @app.websocket("/denied")
    async def refuse(websocket: WebSocket) -> None:
        raise HTTPException(401)

    client = client_for(app)
    too_long = client.put("/items", content=b'{"a": ""}', headers={"content-type": "application/json"})
    for status, answer in {
        200: client.get("/files/a.txt"),
        404: client.get("/nowhere"),
        405: client.delete("/items"),
        413: too_long,
        500: client.get("/kinds/fails"),
    }.items():
        assert answer.status_code == status
        assert DEFAULTS.items() <= dict(answer.headers).items()
    assert client.get("/own").headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/denied"):
        """Never gets here."""
    assert denied.value.status_code == 401
    # RSGI refuses a handshake with a status alone (servers.md section 3.6).
    assert (DEFAULTS.items() <= dict(denied.value.headers).items()) is (interface == "asgi")


TEXT = "some words, again and again; " * 200


@pytest.mark.case(93)
def test_answers_are_compressed_for_who_takes_it_and_where_they_stay_true(client_for: Clients) -> None:
    app = VelociPy(plugins=False, middleware=[CompressionMiddleware(codings=["gzip"])])
    closed, threads = list[int](), list[threading.Thread]()
    coding = app.layer.middleware[0]._codings["gzip"]

    def noted(body: bytes) -> bytes:
        threads.append(threading.current_thread())
        return bytes(coding.compress(body))

    app.layer.middleware[0]._codings["gzip"] = replace(coding, compress=noted)

    async def events() -> AsyncIterator[str]:
        yield "one"

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield TEXT
        finally:
            closed.append(1)

    kinds: dict[str, Any] = {
        "text": lambda: Response(TEXT, headers={"etag": '"a"'}, media_type="text/plain"),
        "small": lambda: Response("small", media_type="text/plain"),
        "encoded": lambda: Response(TEXT, headers={"content-encoding": "br"}, media_type="text/plain"),
        "part": lambda: Response(TEXT, 206, {"content-range": "bytes 0-9/10"}, "text/plain"),
        "empty": lambda: Response(None, 204),
        "events": lambda: EventSourceResponse(events()),
        "endless": lambda: StreamingResponse(endless(), media_type="text/plain"),
        "long": lambda: Response("a" * 10_000_000, media_type="text/plain"),
    }

    @app.get("/{kind}")
    async def answer(kind: str) -> Response:
        if kind in ("text", "long"):
            threads.append(threading.current_thread())
        response: Response = kinds[kind]()
        return response

    client = client_for(app)

    def ask(kind: str, accepted: str = "gzip", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        sent = {"accept-encoding": accepted}
        with client.stream(method, f"/{kind}", headers=sent) as answered:
            return answered.status_code, dict(answered.headers), b"".join(answered.iter_raw())

    for accepted, coded in {
        "gzip": True,
        "gzip;q=0": False,
        "gzip;q=0.001": True,
        "identity;q=1, gzip;q=0.5": False,
        "*": True,
        "*;q=0": False,
        "": False,
        "br": False,
        "gzip;q=abc": False,
        "x" * 5_000 + ", gzip": False,
    }.items():
        status, headers, body = ask("text", accepted)
        assert (status, headers.get("content-encoding")) == (200, "gzip" if coded else None), accepted[:40]
        assert (gzip.decompress(body) if coded else body) == TEXT.encode()
        assert (headers["content-length"], headers["etag"]) == (str(len(body)), 'W/"a"' if coded else '"a"')
        assert headers["vary"] == "Accept-Encoding"
    assert ask("text", method="HEAD") == (200, ask("text")[1], b"")
    for kind, status in {"small": 200, "encoded": 200, "part": 206, "empty": 204, "events": 200}.items():
        answered = ask(kind)
        assert answered[0] == status
        assert answered[1].get("content-encoding") == ("br" if kind == "encoded" else None), kind
        assert answered[1]["vary"] == "Accept-Encoding"
    for kind, in_thread in (("text", False), ("long", True)):
        threads.clear()
        assert len(gzip.decompress(ask(kind)[2])) == (10_000_000 if kind == "long" else len(TEXT))
        assert (threads[0] is not threads[1]) is in_thread
    with client.exchange("GET", "/endless", headers=[("host", "a"), ("accept-encoding", "gzip")]) as exchange:
        assert dict(exchange.head().headers)[b"content-encoding"] == b"gzip"
        assert exchange.chunk()
        exchange.leave()
    assert closed == [1]


@pytest.mark.case(94)
def test_a_request_id_that_could_do_harm_is_replaced_and_one_is_echoed_once(
    interface: str, client_for: Clients
) -> None:
    app = app_with(RequestIDMiddleware())
    client = client_for(app)
    for sent, kept in {
        b"abc-1": True,
        b"a" * 1_024: False,
        b"": False,
        b"a b": False,
        b"%0d%0a": False,
        b"a\r\nset-cookie: b=1": False,
        b"\xff\xfe": False,
        "ä".encode(): False,
    }.items():
        # A server passes no line break on; over ASGI the app must not rely on that.
        if b"\r" in sent and interface == "rsgi":
            continue
        for path in ("/items", "/nowhere", "/kinds/fails"):
            reply = client.exchange("GET", path, headers=[("host", "a"), ("x-request-id", sent)]).reply()
            ids = [value for name, value in reply.headers if name.lower() == b"x-request-id"]
            assert len(ids) == 1
            assert ids[0] == sent if kept else re.fullmatch(rb"[0-9a-f]{32}", ids[0])
            assert not [name for name, _ in reply.headers if name == b"set-cookie"]


PEER = ("10.0.0.1", 4321)


@pytest.mark.case(95)
def test_forwarding_headers_are_believed_of_named_proxies_alone_and_read_from_the_right(
    client_for: Clients,
) -> None:
    def shown(proxies: Any, peer: Any, headers: list[tuple[str, str]]) -> Any:
        app = VelociPy(plugins=False, proxy_headers=proxies)

        @app.get("/")
        async def show(request: Request) -> list[Any]:
            return [request.client, request.scheme, request.host]

        return client_for(app, client=peer).get("/", headers=headers).json()

    direct = [list(PEER), "http", "testserver"]
    everything = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
        ("forwarded", "for=192.0.2.8;host=b.example"),
    ]
    net = ["10.0.0.0/8", "fd00::/8"]
    assert shown(None, PEER, everything) == direct
    assert shown(net, ("203.0.113.9", 1), everything) == [["203.0.113.9", 1], "http", "testserver"]
    assert shown(net, PEER, everything) == [["192.0.2.7", None], "https", "a.example"]
    table: list[tuple[str, str, Any]] = [
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.0.0.3, 10.0.0.2", ["192.0.2.7", None]),
        ("x-forwarded-for", "[2001:db8::7]:80", ["2001:db8::7", 80]),
        ("x-forwarded-for", "::ffff:192.0.2.7", ["192.0.2.7", None]),
        ("x-forwarded-for", "192.0.2.7, unknown", list(PEER)),
        ("x-forwarded-for", "192.0.2.7, 010.0.0.2", list(PEER)),
        ("x-forwarded-for", "192.0.2.7, 10.0.0.2:65536", list(PEER)),
        ("x-forwarded-for", "", list(PEER)),
        ("x-forwarded-for", "," * 50_000, list(PEER)),
        ("X_Forwarded_For", "192.0.2.7", list(PEER)),
        ("x-real-ip", "192.0.2.7", list(PEER)),
        ("forwarded", 'for="[2001:db8::7]:80";proto=http', ["2001:db8::7", 80]),
        ("forwarded", "for=192.0.2.7, for=10.0.0.2", ["192.0.2.7", None]),
        ("forwarded", "for=2001:db8::7", list(PEER)),
        ("forwarded", 'for="evil, for=192.0.2.7', ["192.0.2.7", None]),
    ]
    for name, value, client in table:
        assert shown(net, PEER, [(name, value)]) == [client, "http", "testserver"], value[:60]
