"""Cases 101 to 110: handshakes of others, messages that are none, peers and endpoints that do not listen, calls in the wrong order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from case_sockets import CHUNK, MEBIBYTE
from case_talks import Refused, talk, unread
from case_targets import ProcessTarget, Target, WireTarget, soon
from hypothesis import settings

from velocipy import Depends, HTTPException, VelociPy, WebSocket
from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import TestClient, WebSocketDenied

Remark = Callable[[str], None]
CODELESS = frozenset({"rsgi", "granian-rsgi"})
"""RSGI closes without a code: the client sees 1005 (servers.md section 3.6)."""


def code_of(target: Target, code: int, remark: Remark) -> int:
    """What a client sees of a close with that code."""
    if target.name not in CODELESS:
        return code
    remark("RSGI sends no code with a close: the client sees 1005.")
    return 1005


def resident(target: Target) -> int:
    """Bytes of memory that the serving process has now."""
    pages = Path(f"/proc/{target.state().pid}/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.case(101)
def test_another_site_opens_no_websocket_with_the_cookie_of_a_session(target: Target) -> None:
    login = target.told("GET", "/visited/login")
    cookie = ("cookie", login.header("set-cookie")[0].partition(b";")[0].decode())
    own = (
        "origin",
        f"http://127.0.0.1:{target.port}" if isinstance(target, WireTarget) else "http://testserver",
    )
    before = target.count("talks with a session")
    for path, origin in (
        ("/visited/ws", "http://evil.test"),
        ("/visited/ws", "null"),
        ("/visited/ws", own[1] + ".evil.test"),
        ("/visited/listed", "http://evil.test"),
        ("/visited/strict", "http://evil.test"),
        ("/visited/strict", None),
    ):
        headers = [cookie] if origin is None else [cookie, ("origin", origin)]
        with pytest.raises(Refused) as refused, talk(target, path, *headers):
            """Never gets here."""
        assert refused.value.status == 403, (path, origin)
    assert target.count("talks with a session") == before
    for path, headers in (
        ("/visited/ws", [cookie, own]),
        ("/visited/ws", [cookie]),
        ("/visited/listed", [cookie, ("origin", "https://app.example")]),
        ("/visited/strict", [cookie, own]),
    ):
        with talk(target, path, *headers) as ws:
            assert ws.receive() == "7"
    assert target.count("talks with a session") == before + 4


@pytest.mark.case(102)
def test_a_subprotocol_is_one_of_those_offered_and_a_hostile_offer_ends_nothing(
    target: Target, remark: Remark
) -> None:
    tried = target.count("subprotocols not offered")
    for names in (["v1"], ["v1", "v2"], [f"v{number}" for number in range(100)]):
        with talk(target, "/sockets/protocol", subprotocols=names) as ws:
            assert json.loads(ws.receive()) == names
            if target.name in CODELESS:
                remark("RSGI can choose no subprotocol.")
            assert ws.subprotocol == (None if target.name in CODELESS else names[-1])
    assert target.count("subprotocols not offered") == tried + 3
    for value in (b"\x80\xff", b"", b",", b"a,,b", b"a b", b"v" * 4_000):
        if isinstance(target, WireTarget):
            with unread(target, "/sockets/protocol", b"Sec-WebSocket-Protocol: " + value) as connection:
                answer = connection.recv(4_096)
            assert answer[:13] in (b"", b"HTTP/1.1 101 ", b"HTTP/1.1 400 "), (value[:9], answer)
            if value == b"\x80\xff" and not answer.startswith(b"HTTP/1.1 101"):
                remark(f"{'400 to' if answer else 'hangs up on'} an offer that is no ASCII.")
        else:
            headers: Any = {b"sec-websocket-protocol": value}
            assert isinstance(target, ProcessTarget)
            with target.client.websocket_connect("/sockets/protocol", headers=headers) as session:
                assert isinstance(session.receive_json(), list)


@pytest.mark.case(103)
def test_a_message_that_is_too_long_is_1009_however_it_comes(target: Target, remark: Remark) -> None:
    before = resident(target)
    ways: dict[str, Any] = {"whole": b"x" * (MEBIBYTE + 1)}
    if target.on_wire:
        ways |= {"in 70 fragments": [b"x" * 20_000] * 70, "deflated": "x" * 1_500_000}
    for way, message in ways.items():
        with talk(target, "/sockets/echo", compression="deflate" if way == "deflated" else None) as ws:
            ws.send(b"x" * MEBIBYTE)
            assert len(ws.receive()) == MEBIBYTE
            ws.send(message)
            assert ws.code() == code_of(target, 1009, remark), way
    assert resident(target) - before < 32 * MEBIBYTE


@pytest.mark.case(104)
def test_a_message_of_the_wrong_kind_closes_and_a_flood_of_pings_does_nothing(
    target: Target, remark: Remark
) -> None:
    for path, message in (("/sockets/text", b"bytes"), ("/sockets/bytes", "text")):
        with talk(target, path) as ws:
            ws.send(message)
            assert ws.code() == code_of(target, 1003, remark)
    if not isinstance(target, WireTarget):
        return  # text is str in this process, and nobody pings
    with talk(target, "/sockets/echo") as ws:
        ws.send(b"\xff\xfe", text=True)
        code = ws.code()
        if target.name.startswith("granian"):
            assert code == 1005
            remark("closes without a code where text is no UTF-8.")
        elif target.name == "hypercorn":
            assert code is None
            remark("hangs up where text is no UTF-8.")
        else:
            assert code == 1007
    with unread(target, "/sockets/echo") as connection:
        assert connection.recv(4_096).startswith(b"HTTP/1.1 101")
        connection.sendall(b"\x89\x80\0\0\0\0" * 2_000 + b"\x81\x81\0\0\0\0a")
        seen = b""
        while b"\x81\x01a" not in seen:  # pongs may come after it
            piece = connection.recv(65_536)
            assert piece, seen[-100:]
            seen += piece


@pytest.mark.case(105)
def test_calls_in_the_wrong_order_raise_the_same_everywhere(interface: Any) -> None:
    raised: dict[str, list[str]] = {}
    app = VelociPy(plugins=False)

    async def attempt(name: str, *calls: Any) -> None:
        for call in calls:
            try:
                await call
                raised.setdefault(name, []).append("nothing")
            except Exception as exc:
                raised.setdefault(name, []).append(type(exc).__name__)

    @app.websocket("/early")
    async def early(websocket: WebSocket) -> None:
        await attempt(
            "before accept", websocket.receive(), websocket.send_text("x"), websocket.send_bytes(b"")
        )
        await websocket.accept()
        await attempt("accept twice", websocket.accept(), websocket.deny())

    @app.websocket("/closed")
    async def closed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()
        await attempt("after close", websocket.send_text("x"), websocket.receive(), websocket.close())

    @app.websocket("/left")
    async def left(websocket: WebSocket) -> None:
        await websocket.accept()
        await attempt("after it left", *(websocket.receive() for _ in range(2)), websocket.send_text("x"))

    @app.websocket("/unaccepted")
    async def unaccepted(websocket: WebSocket) -> None:
        await websocket.close()
        await attempt("after a refusal", websocket.accept(), websocket.send_text("x"))

    @app.websocket("/codes")
    async def codes(websocket: WebSocket) -> None:
        await websocket.accept()
        await attempt("codes", *(websocket.close(code) for code in (0, 999, 1005, 1006, 1015, 5000)))

    with TestClient(app, interface=interface) as client:
        for path in ("/early", "/closed", "/codes"):
            with client.websocket_connect(path) as ws, pytest.raises(WebSocketDisconnect):
                ws.receive()
        with client.websocket_connect("/left") as ws:
            ws.leave()
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/unaccepted"):
            """Never gets here."""
        assert denied.value.status_code == 403
    assert raised == {
        "before accept": ["RuntimeError"] * 3,
        "accept twice": ["RuntimeError"] * 2,
        "after close": ["WebSocketDisconnect", "WebSocketDisconnect", "nothing"],
        "after it left": ["WebSocketDisconnect"] * 3,
        "after a refusal": ["RuntimeError", "WebSocketDisconnect"],
        "codes": ["ValueError"] * 6,
    }


@pytest.mark.case(106)
def test_an_endpoint_that_raises_is_1011_and_one_record_and_a_refusal_has_its_status(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = VelociPy(plugins=False)

    @app.websocket("/raises")
    async def raises(websocket: WebSocket) -> None:
        await websocket.accept()
        raise LookupError("a secret")

    @app.websocket("/refuses/{status:int}")
    async def refuses(websocket: WebSocket, status: int) -> None:
        if status == 500:
            raise LookupError("a secret")
        raise HTTPException(status)

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        with client.websocket_connect("/raises") as ws, pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert (caught.value.code, caught.value.reason) == (1011 if interface == "asgi" else 1005, "")
        for status in (401, 404, 429, 500, 503):
            with pytest.raises(WebSocketDenied) as denied, client.websocket_connect(f"/refuses/{status}"):
                """Never gets here."""
            assert denied.value.status_code == status
            assert b"secret" not in denied.value.body
    errors = [record.getMessage() for record in caplog.records if record.name == "velocipy"]
    assert len(errors) == 2
    assert "WEBSOCKET /raises" in errors[0] and "WEBSOCKET /refuses" in errors[1]


@pytest.mark.case(107)
def test_a_peer_that_does_not_read_is_waited_for_and_then_given_up(target: Target) -> None:
    """What was sent is what sockets and server hold, some megabytes; then nothing more comes together."""
    before, sent, ended = resident(target), target.count("flood"), target.count("floods timed out")
    if isinstance(target, WireTarget):
        with unread(target, "/sockets/flood"):
            assert target.counted("floods timed out", ended + 1)
    else:
        with talk(target, "/sockets/flood"):
            assert target.counted("floods timed out", ended + 1)
    assert 0 < (target.count("flood") - sent) * len(CHUNK) < 20_000_000
    assert resident(target) - before < 24 * MEBIBYTE


@pytest.mark.case(108)
def test_a_client_that_floods_an_endpoint_that_never_reads_has_to_wait(interface: Any) -> None:
    """The server in this process waits at a mebibyte; what real ones hold is measured in tests/conformance."""
    app = VelociPy(plugins=False)

    @app.websocket("/deaf")
    async def deaf(websocket: WebSocket) -> None:
        await websocket.accept()
        await asyncio.sleep(0.2)

    sent = 0
    with TestClient(app, interface=interface) as client, client.websocket_connect("/deaf") as ws:
        with pytest.raises(WebSocketDisconnect):
            while sent < 1_000:
                ws.send_bytes(CHUNK)
                sent += 1
    assert 0 < sent * len(CHUNK) < 2 * MEBIBYTE


@pytest.mark.case(109)
def test_plain_requests_and_handshakes_do_not_mix(interface: Any) -> None:
    app = VelociPy(plugins=False)

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    @app.get("/page")
    async def page() -> str:
        return "page"

    with TestClient(app, interface=interface) as client:
        for method in ("GET", "POST", "HEAD"):
            answer = client.request(method, "/ws")
            assert answer.status_code == 404
            assert method == "HEAD" or answer.json() == {"detail": "Not Found"}
        for path in ("/page", "/nowhere"):
            with pytest.raises(WebSocketDenied) as denied, client.websocket_connect(path):
                """Never gets here."""
            assert denied.value.status_code == 403
        with client.websocket_connect("/ws"):
            """Accepted."""


@pytest.mark.case(110)
def test_many_connections_one_after_the_other_leave_nothing_and_leave_each_dependency_once(
    interface: Any,
) -> None:
    """Four hundred here, and ten times as many by --hypothesis-profile=deep; in tests/conformance 2,000 over sockets."""
    entered: list[int] = []
    left: list[int] = []
    app = VelociPy(plugins=False)

    async def opened() -> AsyncIterator[int]:
        entered.append(1)
        yield 1
        left.append(1)

    @app.get("/tasks")
    async def tasks() -> int:
        return len(asyncio.all_tasks())

    @app.websocket("/ws", dependencies=[Depends(opened)])
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send(message)

    number = 4 * settings().max_examples
    with TestClient(app, interface=interface) as client:
        before = client.get("/tasks").json()
        for index in range(number):
            with client.websocket_connect("/ws") as ws:
                ws.send_text("x")
                assert ws.receive_text() == "x"
                if index % 4 == 0:
                    ws.leave()
        assert soon(lambda: client.get("/tasks").json() <= before)
    assert len(entered) == len(left) == number
