"""The in-process servers by their own protocols: what uvicorn does with messages, hand-made requests, interfaces."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import httpx2
import pytest

from velocipy.exceptions import MissingAdapterError
from velocipy.testing import AsyncTestClient, TestClient, interface


def start(status: Any = 200, headers: Any = ()) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sends(*messages: dict[str, Any]) -> Any:
    """An app that sends these messages and nothing else."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


LENGTH = (b"content-length", b"5")


@pytest.mark.case(10)
@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([start(headers=[LENGTH]), body(b"123456")], "longer than Content-Length"),
        ([start(headers=[LENGTH]), body(b"1234", True), body(b"56")], "longer than Content-Length"),
        ([start(headers=[LENGTH]), body(b"1234")], "shorter than Content-Length"),
        ([start(headers=[(b"x y", b"1")])], "Invalid HTTP header name"),
        ([start(headers=[(b"x", b"a\r\nb")])], "Invalid HTTP header value"),
        ([body(b"1")], "Expected ASGI message 'http.response.start'"),
        ([start(), start()], "Expected ASGI message 'http.response.body'"),
        ([start(), body(), body()], "after response already completed"),
    ],
)
def test_what_uvicorn_refuses_is_raised_into_the_app(messages: list[Any], error: str) -> None:
    client = TestClient(sends(*messages))
    with pytest.raises(RuntimeError, match=error):
        client.get("/")
    client.close()


@pytest.mark.case(13)
@pytest.mark.parametrize("status", [0, 99, 600, 1000, "200", None])
def test_a_status_that_is_none_is_raised_into_the_app(status: Any) -> None:
    client = TestClient(sends(start(status), body()))
    with pytest.raises(KeyError):
        client.get("/")
    client.close()


@pytest.mark.parametrize(
    ("messages", "answered"), [([], True), ([start()], False), ([start(), body(b"part", True)], False)]
)
def test_an_app_that_returns_early_gets_500_or_a_closed_connection(
    messages: list[Any], answered: bool
) -> None:
    client = TestClient(sends(*messages))
    if answered:
        assert (client.get("/").status_code, client.get("/").text) == (500, "Internal Server Error")
    else:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get("/")
    client.close()


def test_head_may_declare_a_length_and_send_what_it_likes() -> None:
    client = TestClient(sends(start(headers=[LENGTH]), body(b"123456789")))
    answer = client.head("/")
    assert (answer.content, answer.headers["content-length"]) == (b"", "5")
    client.close()


def test_the_scope_is_uvicorns() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await sends(start(), body())(scope, receive, send)

    client = TestClient(app, base_url="https://example.com:8443", root_path="/api", client=("10.0.0.1", 1))
    client.get("/a%2Fb%FF?x=%20", headers=[("X-Dup", "1"), ("x-dup", "2")])
    client.close()
    scope = seen[0]
    assert "extensions" not in scope
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert (scope["path"], scope["raw_path"]) == ("/api/a/b\ufffd", b"/api/a%2Fb%FF")
    assert (scope["query_string"], scope["root_path"], scope["scheme"]) == (b"x=%20", "/api", "https")
    assert (scope["client"], scope["server"]) == (("10.0.0.1", 1), ("127.0.0.1", 8443))
    assert [pair for pair in scope["headers"] if pair[0] == b"x-dup"] == [(b"x-dup", b"1"), (b"x-dup", b"2")]


def test_disconnect_is_repeated_and_sending_after_it_is_silent() -> None:
    log: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"x", True))
        for _ in range(4):
            log.append((await receive())["type"])
        log.append(await send(body(b"y", True)))

    client = TestClient(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_raw()) == b"x"
    client.close()
    assert log == ["http.request", *["http.disconnect"] * 3, None]


def test_receive_says_disconnect_after_a_whole_answer() -> None:
    log: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sends(start(), body())(scope, receive, send)
        log.append(await receive())

    TestClient(app).get("/")
    assert log == [{"type": "http.disconnect"}]


def test_an_asgi_app_waits_for_a_client_that_does_not_read() -> None:
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for number in range(100):
            await send(body(bytes(10_000), number < 99))
            sent.append(number)

    client = TestClient(app)
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        next(chunks)
        assert len(sent) < 30
        assert sum(map(len, chunks)) == 990_000
    client.close()


# Hand-made requests.


class Shows:
    """Answers its scope's raw parts."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        shown = (scope["method"], scope["raw_path"], scope["http_version"], scope["headers"])
        await sends(start(), body(repr(shown).encode()))(scope, receive, send)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        shown = (scope.method, scope.path, scope.http_version, scope.authority, scope.headers.items())
        protocol.response_str(200, [], repr(shown))


def test_a_hand_made_request_is_sent_byte_by_byte() -> None:
    client = TestClient(Shows(), interface="asgi")
    headers: list[tuple[str | bytes, str | bytes]] = [(b"X-A", b"\xff\x00"), (b"x-a", b""), ("x-b", "é")]
    reply = client.exchange("__class__", b"@a/%zz?x", headers=headers, http_version="1.0").reply()
    expected = [(b"x-a", b"\xff\x00"), (b"x-a", b""), (b"x-b", b"\xe9")]
    assert reply.body.decode() == repr(("__class__", b"@a/%zz", "1.0", expected))
    client.close()


def test_http2_has_an_authority_and_no_host() -> None:
    ask = {"headers": [], "http_version": "2", "authority": "example.com"}
    over_rsgi = TestClient(Shows(), interface="rsgi").exchange("GET", "/", **ask).reply()  # type: ignore[arg-type]
    assert over_rsgi.body.decode() == repr(("GET", "/", "2", "example.com", []))
    over_asgi = TestClient(Shows(), interface="asgi").exchange("GET", "/", **ask).reply()  # type: ignore[arg-type]
    assert over_asgi.body.decode() == repr(("GET", b"/", "2", [(b"host", b"example.com")]))


@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
def test_a_body_can_be_sent_in_pieces_while_the_app_answers(protocol: str) -> None:
    class Doubles:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            while True:
                message = await receive()
                await send(body(message["body"] * 2, message["more_body"]))
                if not message["more_body"]:
                    return

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            transport = protocol.response_stream(200, [])
            async for chunk in protocol:
                await transport.send_bytes(chunk * 2)

    client = TestClient(Doubles(), interface=protocol)
    with client.exchange("POST", "/", body=None) as exchange:
        assert exchange.feed(b"a")
        assert exchange.chunk() == b"aa"
        assert exchange.feed(b"b")
        assert exchange.chunk() == b"bb"
        exchange.end()
        assert exchange.chunk() is None
    client.close()


def test_feeding_tells_when_the_app_will_not_read_on() -> None:
    client = TestClient(sends(start(413), body(b"enough")))
    with client.exchange("POST", "/", body=None) as exchange:
        while exchange.feed(bytes(100_000)):
            pass
        assert exchange.reply().status == 413
    client.close()


def test_over_http2_a_cut_body_never_ends_over_rsgi() -> None:
    """An empty piece for whoever asks, again and again: as over Granian, an app must not wait for the end."""
    seen: list[bytes] = []

    async def app(scope: Any, protocol: Any) -> None:
        async for chunk in protocol:
            seen.append(chunk)
            if len(seen) == 6:
                return

    client = TestClient(app, interface="rsgi")
    with client.exchange("POST", "/", body=None, http_version="2", authority="a") as exchange:
        exchange.feed(b"part")
        exchange.cut()
    client.close()
    assert seen == [b"part", b"", b"", b"", b"", b""]


def test_a_client_that_leaves_before_its_websocket_is_accepted_is_a_closed_transport_over_rsgi() -> None:
    raised: list[str] = []

    async def app(scope: Any, protocol: Any) -> None:
        await asyncio.sleep(0.05)
        try:
            await protocol.accept()
        except RuntimeError as exc:
            raised.append(type(exc).__name__)

    async def go() -> None:
        client = AsyncTestClient(app, interface="rsgi")
        session = client.websocket_connect("/")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.__aenter__(), 0.01)
        session.exchange.leave()
        assert session.exchange.task is not None
        await asyncio.wait([session.exchange.task], timeout=30)
        await client.aclose()

    asyncio.run(go())
    assert raised == ["RSGIProtocolClosed"]


def test_the_async_client_has_exchanges_too() -> None:
    async def test() -> None:
        client = AsyncTestClient(Shows(), interface="rsgi")
        async with client.exchange("GET", "/a%2Fb", headers=()) as exchange:
            reply = await exchange.reply()
        assert reply.body.decode() == repr(("GET", "/a/b", "1.1", None, []))
        await client.aclose()

    asyncio.run(test())


# Which protocol.


def test_an_app_of_one_protocol_needs_no_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "find_spec", lambda name: None)

    class Only:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            protocol.response_str(200, [], scope.proto)

    assert TestClient(Only()).get("/").text == "http"
    assert TestClient(sends(start(), body(b"asgi"))).get("/").text == "asgi"


@pytest.mark.parametrize(
    ("installed", "expected"),
    [({"asgi", "rsgi"}, "RSGIServer"), ({"rsgi"}, "RSGIServer"), ({"asgi"}, "ASGIServer")],
)
def test_an_app_of_both_is_called_by_what_is_installed_rsgi_first(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], expected: str
) -> None:
    monkeypatch.setattr(interface, "find_spec", lambda name: name.rpartition(".")[2] in installed or None)
    assert type(TestClient(Shows()).server).__name__ == expected


def test_no_adapter_names_both_dists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "find_spec", lambda name: None)
    with pytest.raises(MissingAdapterError, match="pip install velocipy-rsgi.*pip install velocipy-asgi"):
        TestClient(Shows())


def test_an_unknown_interface_is_refused() -> None:
    with pytest.raises(ValueError, match="interface must be 'asgi' or 'rsgi', not 'wsgi'"):
        TestClient(Shows(), interface="wsgi")


def test_pytest_does_not_collect_the_clients() -> None:
    assert not TestClient.__test__
    assert not AsyncTestClient.__test__


def test_importing_the_framework_does_not_import_httpx2() -> None:
    code = "import sys, velocipy.exceptions; sys.exit('httpx2' in sys.modules or 'velocipy.testing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_async_client_streams_and_uploads(method: str) -> None:
    class Sums:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            size = sum([len(chunk) async for chunk in protocol])
            transport = protocol.response_stream(200, [])
            for _ in range(3):
                await transport.send_str(f"{size} ")
                await asyncio.sleep(0.01)

    async def pieces() -> Any:
        for _ in range(5):
            yield bytes(50_000)

    async def test() -> None:
        client = AsyncTestClient(Sums())
        content = pieces() if method == "post" else None
        async with client.stream(method.upper(), "/", content=content) as response:
            chunks = [chunk async for chunk in response.aiter_raw()]
        assert chunks == [b"250000 " if content else b"0 "] * 3
        await client.aclose()

    asyncio.run(test())
