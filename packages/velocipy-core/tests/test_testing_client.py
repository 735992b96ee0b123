"""TestClient over both protocols, on bare apps. Knows httpx2's interface; knows nothing of VelociPy's app."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from velocipy.testing import (
    AppStillRunning,
    AsyncTestClient,
    ResponseNeverEnds,
    ServerCrashed,
    TestClient,
    UnreadOverflow,
    WireDesync,
    rsgi_stream,
)


class Echo:
    """Answers what it was asked, as JSON; the path chooses a status, `/set-cookie` and `/to` special headers."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        status, headers, answer = self.answer(
            scope["method"], scope["path"], scope["query_string"].decode(), pairs, body
        )
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": answer})

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        pairs = scope.headers.items()
        protocol.response_bytes(
            *self.answer(scope.method, scope.path, scope.query_string, pairs, await protocol())
        )

    def answer(
        self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if path == "/set-cookie":
            return 200, [("set-cookie", "plain=1"), ("set-cookie", "safe=2; Secure; HttpOnly")], b""
        if path == "/redirect":
            return 307, [("location", "/landed?a=1")], b""
        seen = {"method": method, "path": path, "query": query, "headers": headers, "body": body.decode()}
        text = json.dumps(seen).encode()
        return 200, [("content-type", "application/json"), ("content-length", str(len(text)))], text


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(interface: str) -> Iterator[TestClient]:
    client = TestClient(Echo(), interface=interface)
    yield client
    client.close()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "query"])
def test_every_verb_reaches_the_app(client: TestClient, method: str) -> None:
    response = getattr(client, method)("/a%20b?x=%C3%A9&x=2")
    assert response.status_code == 200
    seen = response.json()
    assert (seen["method"], seen["path"], seen["query"]) == (method.upper(), "/a b", "x=%C3%A9&x=2")


def test_head_has_headers_and_no_body(client: TestClient) -> None:
    response = client.head("/")
    assert response.content == b""
    assert int(response.headers["content-length"]) > 100


def test_json_form_and_plain_bodies_arrive(client: TestClient) -> None:
    assert client.post("/", json={"a": [1]}).json()["body"] == '{"a":[1]}'
    assert client.post("/", data={"a": "1 2"}).json()["body"] == "a=1+2"
    assert client.post("/", content=b"x" * 200_000).json()["body"] == "x" * 200_000


def test_a_body_made_by_a_generator_is_chunked(client: TestClient) -> None:
    seen = client.post("/", content=(piece for piece in (b"one ", b"two"))).json()
    assert seen["body"] == "one two"
    assert ["transfer-encoding", "chunked"] in seen["headers"]


def test_headers_of_client_and_request_are_sent(interface: str) -> None:
    client = TestClient(Echo(), interface=interface, headers={"X-All": "1"}, base_url="http://example.com")
    headers = dict(client.get("/", headers={"x-one": "2"}).json()["headers"])
    assert headers["x-all"] == "1"
    assert headers["x-one"] == "2"
    assert headers["host"] == "example.com"
    client.close()


def test_duplicate_headers_arrive_in_order(client: TestClient) -> None:
    headers = client.get("/", headers=[("x-dup", "1"), ("x-dup", "2")]).json()["headers"]
    assert [value for name, value in headers if name == "x-dup"] == ["1", "2"]


def test_cookies_are_kept_secure_ones_too(client: TestClient) -> None:
    answer = client.get("/set-cookie")
    assert answer.headers.get_list("set-cookie")[1] == "safe=2; Secure; HttpOnly"
    assert dict(client.cookies) == {"plain": "1", "safe": "2"}
    assert sorted(dict(client.get("/").json()["headers"])["cookie"].split("; ")) == ["plain=1", "safe=2"]


def test_cookies_can_be_given_replaced_and_removed(interface: str) -> None:
    client = TestClient(Echo(), interface=interface, cookies={"a": "1"})
    assert dict(client.get("/").json()["headers"])["cookie"] == "a=1"
    client.cookies = {"b": "2"}
    client.get("/set-cookie")
    assert "safe=2" in dict(client.get("/").json()["headers"])["cookie"]
    client.cookies.clear()
    assert "cookie" not in dict(client.get("/").json()["headers"])
    client.close()


def test_redirects_are_followed_on_demand(client: TestClient) -> None:
    assert client.get("/redirect").status_code == 307
    landed = client.post("/redirect", content=b"kept", follow_redirects=True)
    assert (landed.json()["path"], landed.json()["method"], landed.json()["body"]) == (
        "/landed",
        "POST",
        "kept",
    )


def test_a_raw_target_is_sent_as_it_is(interface: str) -> None:
    """httpx2's own extension; nothing is normalised on the way."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    seen = TestClient(Echo(), interface=interface).get("/", extensions={"target": b"//a/../%2F?%zz"}).json()
    assert (seen["path"], seen["query"]) == ("//a/..//", "%zz")
    assert TestClient(asgi).get("/", extensions={"target": b"//a/../%2F"}).content == b"//a/../%2F"


# Streams.


class Stream:
    """Sends a chunk whenever the test allows one."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

        async def push(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        gone = asyncio.ensure_future(self.until_disconnect(receive))
        await self.produce(push, gone)
        if not gone.done():
            gone.cancel()
            await send({"type": "http.response.body"})

    async def until_disconnect(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        transport = protocol.response_stream(200, [])
        gone = asyncio.ensure_future(protocol.client_disconnect())
        await self.produce(transport.send_bytes, gone)
        gone.cancel()

    async def produce(self, push: Any, gone: asyncio.Future[None]) -> None:
        for number in range(4):
            self.log.append(f"sends {number}")
            await push(b"%d" % number)
            await asyncio.wait((gone,), timeout=0.05)
            if gone.done():
                self.log.append("noticed")
                return


def test_chunks_arrive_while_the_app_still_sends(interface: str) -> None:
    app = Stream()
    client = TestClient(app, interface=interface)
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"0"
        assert app.log[-1] in ("sends 0", "sends 1")
        assert list(chunks) == [b"1", b"2", b"3"]
    client.close()


@pytest.mark.case(17)
def test_leaving_a_stream_is_noticed_before_the_block_ends(interface: str) -> None:
    app = Stream()
    client = TestClient(app, interface=interface)
    with client.stream("GET", "/") as response:
        assert next(response.iter_raw()) == b"0"
    assert app.log[-1] == "noticed"
    client.close()


def test_two_streams_can_be_read_in_turn(interface: str) -> None:
    client = TestClient(Stream(), interface=interface)
    with client.stream("GET", "/") as one, client.stream("GET", "/") as two:
        assert [next(chunks) for chunks in (one.iter_raw(), two.iter_raw())] == [b"0", b"0"]
    client.close()


# What goes wrong.


class Raises:
    """Raises before, in or after its answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/before":
            await send({"type": "http.response.start", "status": 200})
            more = scope["path"] == "/in"
            await send({"type": "http.response.body", "body": b"part", "more_body": more})
        raise LookupError(scope["path"])

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.path == "/in":
            transport = protocol.response_stream(200, [("content-length", "9")])
            await transport.send_bytes(b"part")
        if scope.path == "/after":
            protocol.response_str(200, [], "part")
        raise LookupError(scope.path)


@pytest.mark.parametrize("path", ["/before", "/in", "/after"])
def test_an_exception_of_the_app_reaches_the_test(interface: str, path: str) -> None:
    client = TestClient(Raises(), interface=interface)
    with pytest.raises(LookupError, match=path):
        client.get(path)
    client.close()


def test_an_exception_can_be_left_to_the_server(interface: str) -> None:
    """Then uvicorn's or Granian's own answer comes, and a broken one is what a client sees of it."""
    client = TestClient(Raises(), interface=interface, raise_server_exceptions=False)
    answer = client.get("/before")
    assert answer.status_code == 500
    assert answer.text == {"asgi": "Internal Server Error", "rsgi": ""}[interface]
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get("/in")
    assert client.get("/after").text == "part"
    client.close()


class Slow:
    """Waits before its answer, or after."""

    def __init__(self) -> None:
        self.ended = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(float(scope["query_string"] or 0))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        await self.work_on(scope["path"])

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        await asyncio.sleep(float(scope.query_string or 0))
        protocol.response_empty(204, [])
        await self.work_on(scope.path)

    async def work_on(self, path: str) -> None:
        await asyncio.sleep(float(path[1:] or 0))
        self.ended = True


def test_work_after_the_answer_is_done_when_the_call_returns(interface: str) -> None:
    app = Slow()
    client = TestClient(app, interface=interface)
    assert client.get("/0.05").status_code == 204
    assert app.ended
    client.close()


def test_an_app_that_does_not_end_is_an_error_and_no_hang(interface: str) -> None:
    client = TestClient(Slow(), interface=interface, app_timeout=0.1)
    with pytest.raises(AppStillRunning, match=r"GET /60 was answered, but the app still runs after 0\.1 s"):
        client.get("/60")
    client.close()


def test_a_timeout_is_honoured(interface: str) -> None:
    client = TestClient(Slow(), interface=interface)
    began = time.monotonic()
    with pytest.raises(httpx2.ReadTimeout):
        client.get("/?0.3", timeout=0.05)
    assert time.monotonic() - began < 2
    client.close()


class TimesOut:
    """Waited for something in vain: before its answer, or, at `/late`, in the middle of it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/late":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
            await asyncio.sleep(0.01)
        raise TimeoutError("the database")

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.path == "/late":
            transport = protocol.response_stream(200, [])
            await transport.send_bytes(b"part")
            await asyncio.sleep(0.01)
        raise TimeoutError("the database")


@pytest.mark.parametrize("path", ["/", "/late"])
def test_a_timeout_of_the_app_s_own_is_told_from_the_client_s(interface: str, path: str) -> None:
    client = TestClient(TimesOut(), interface=interface, timeout=30)
    with pytest.raises(TimeoutError, match="the database"):
        client.get(path)
    client.close()


class Bodyless:
    """Sends a body where none may be, and catches what the server says to that."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await send({"type": "http.response.start", "status": int(scope["path"][1:])})
            await send({"type": "http.response.body", "body": b"body"})
        except Exception:
            self.caught = True

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        try:
            protocol.response_bytes(int(scope.path[1:]), [], b"body")
        except Exception:
            self.caught = True


@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 304])
def test_a_body_where_none_may_be_fails_the_test_whatever_the_app_catches(
    interface: str, status: int
) -> None:
    app = Bodyless()
    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    with pytest.raises(WireDesync, match=f"GET /{status} answered {status} with a body"):
        client.get(f"/{status}")
    assert app.caught
    assert client.head(f"/{status}").content == b""
    client.close()


class Fatal:
    """Does over RSGI what no server survives, and catches everything."""

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        try:
            if scope.path == "/crash":
                protocol.response_empty(1000, [])
            elif scope.path == "/long":
                protocol.response_bytes(200, [("content-length", "3")], b"too long")
            else:
                protocol.response_bytes(200, [("content-length", "30")], b"too short")
        except Exception:
            protocol.response_str(500, [], "I did what I could")


@pytest.mark.case(13)
def test_what_ends_a_worker_fails_the_test_whatever_the_app_catches() -> None:
    client = TestClient(Fatal(), raise_server_exceptions=False)
    with pytest.raises(ServerCrashed, match="status 1000 ends a Granian worker"):
        client.get("/crash")
    client.close()


def test_of_several_things_that_end_a_worker_the_first_is_told() -> None:
    class Stubborn:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            for status in (1000, 2000):
                with contextlib.suppress(ServerCrashed):
                    if scope.proto == "ws":
                        protocol.close(status)
                    else:
                        protocol.response_empty(status, [])

    client = TestClient(Stubborn(), raise_server_exceptions=False)
    with pytest.raises(ServerCrashed, match="status 1000 ends a Granian worker"):
        client.get("/")
    with pytest.raises(ServerCrashed, match=r"protocol.close\(1000\)"), client.websocket_connect("/"):
        pass
    client.close()


def test_a_stream_of_a_length_that_is_no_number_is_no_answer_at_all() -> None:
    class Lengthy:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            protocol.response_stream(200, [("content-length", "two")])

    client = TestClient(Lengthy())
    with pytest.raises(httpx2.RemoteProtocolError, match="closed the connection without an answer"):
        client.get("/")
    client.close()


@pytest.mark.case(10)
def test_a_wrong_content_length_fails_the_test() -> None:
    client = TestClient(Fatal())
    with pytest.raises(WireDesync, match="'3' was declared for a body of 8 bytes"):
        client.get("/long")
    with pytest.raises(ResponseNeverEnds, match="'30' was declared for a body of 9 bytes"):
        client.get("/short")
    client.close()


def test_a_stream_that_floods_memory_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi_stream, "MAX_UNREAD", 1_000_000)

    class Floods:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            transport = protocol.response_stream(200, [])
            while True:
                await transport.send_bytes(bytes(100_000))

    client = TestClient(Floods())
    with pytest.raises(UnreadOverflow, match="must give way to the loop by itself"):
        client.get("/")
    client.close()


def test_a_stream_that_somebody_keeps_is_an_error_and_no_hang() -> None:
    class Keeps:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            self.transport = protocol.response_stream(200, [])
            await self.transport.send_bytes(b"x")

    client = TestClient(Keeps(), app_timeout=0.1)
    with pytest.raises(ResponseNeverEnds, match="something still holds the stream transport"):
        client.get("/")
    client.close()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_stream_that_somebody_keeps_ends_when_it_is_dropped_in_whatever_thread(elsewhere: bool) -> None:
    kept: list[Any] = []

    class Keeps:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            kept.append(protocol.response_stream(200, []))
            await kept[0].send_bytes(b"x")
            drop = threading.Thread(target=kept.clear).start if elsewhere else kept.clear
            asyncio.get_running_loop().call_later(0.02, drop)

    client = TestClient(Keeps(), app_timeout=0.1)
    assert client.get("/").text == "x"
    time.sleep(0.12)  # when the server would have complained
    assert client.get("/").text == "x"
    client.close()


def test_a_stream_that_outlives_its_client_is_dropped_in_silence() -> None:
    kept: list[Any] = []

    class Keeps:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            kept.append(protocol.response_stream(200, []))

    client = TestClient(Keeps())
    with client.exchange("GET", "/") as exchange:
        assert exchange.head().status == 200
    client.close()
    kept.clear()  # what __del__ raises is an error of this test


def test_an_error_behind_the_close_of_a_websocket_reaches_the_test(interface: str) -> None:
    class Fails:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            raise LookupError("behind the close")

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            transport = await protocol.accept()
            while (await transport.receive()).kind:
                pass
            raise LookupError("behind the close")

    client = TestClient(Fails(), interface=interface)
    with pytest.raises(LookupError, match="behind the close"), client.websocket_connect("/"):
        pass
    client.close()


def test_a_generator_that_fails_leaves_a_cut_body(interface: str) -> None:
    """The test's exception comes through, and the app sees what a lost connection looks like."""

    class Reads:
        seen: list[Any]

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            self.seen = [await receive(), await receive(), await receive()]

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            self.seen = [chunk async for chunk in protocol]

    def body() -> Iterator[bytes]:
        yield b"part"
        raise KeyError("lost")

    app = Reads()
    client = TestClient(app, interface=interface)
    with pytest.raises(KeyError, match="lost"):
        client.post("/", content=body())
    gone = {"type": "http.disconnect"}
    asgi = [{"type": "http.request", "body": b"part", "more_body": True}, gone, gone]
    assert app.seen == {"asgi": asgi, "rsgi": [b"part", b"", b""]}[interface]
    client.close()


def test_the_async_client_s_generator_that_fails_leaves_a_cut_body_too(interface: str) -> None:
    seen: list[Any] = []

    class Reads:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            while (message := await receive())["type"] == "http.request":
                seen.append(message["body"])

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            async for chunk in protocol:
                seen.extend([chunk] if chunk else [])

    async def body() -> AsyncIterator[bytes]:
        yield b"part"
        await asyncio.sleep(0.01)
        raise KeyError("lost")

    async def go() -> None:
        client = AsyncTestClient(Reads(), interface=interface)
        with pytest.raises(KeyError, match="lost"):
            await client.post("/", content=body())
        await client.aclose()

    asyncio.run(go())
    assert seen == [b"part"]


def test_the_async_client_stops_to_send_where_the_app_will_not_read_on(interface: str) -> None:
    sent: list[int] = []

    class Refuses:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 413})
            await send({"type": "http.response.body", "body": b"enough"})

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            protocol.response_str(413, [], "enough")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(1)
            yield bytes(100_000)

    async def go() -> None:
        client = AsyncTestClient(Refuses(), interface=interface)
        answer = await client.post("/", content=endless())
        assert (answer.status_code, answer.text) == (413, "enough")
        await client.aclose()

    asyncio.run(go())
    assert len(sent) < 10
