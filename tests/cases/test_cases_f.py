"""Cases 67 to 78: sessions under forged, old, oversized and simultaneous cookies. Each is a request; time is a number here."""

from __future__ import annotations

import asyncio
import hmac
import json
from functools import partial
from typing import Any

import pytest
from case_clients import Worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from session_world import HOUR, NAME, NOW, OTHER, SECRET, Clock, SessionWorld, put

from velocipy import (
    AsyncTestClient,
    HTTPException,
    MemoryStorage,
    Request,
    Response,
    Session,
    SessionMiddleware,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ConfigurationError
from velocipy.signing import Signer

COOKIE_OCTETS = [chr(code) for code in range(33, 127) if chr(code) not in '";,\\']
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def signed(payload: bytes, secret: str = SECRET, purpose: str = f"session in cookie {NAME}") -> str:
    """A cookie that whoever has the secret could make."""
    return Signer(secret, purpose, clock=lambda: NOW, max_size=10_000).sign(payload)


def logged_in(world_of: Worlds, **options: Any) -> SessionWorld:
    world = world_of(**options)
    assert world.ask(put(user=7)).status_code == 200 or world.cookie
    assert world.holds() == {"user": 7}
    return world


@pytest.mark.case(67)
def test_a_cookie_with_any_one_byte_changed_is_an_empty_session(world_of: Worlds) -> None:
    world = logged_in(world_of)
    good = world.cookie or ""

    @settings(max_examples=settings().max_examples // 2)
    @given(st.integers(0, len(good) - 1), st.sampled_from(COOKIE_OCTETS))
    def change(place: int, letter: str) -> None:
        changed = good[:place] + letter + good[place + 1 :]
        assert world.holds(changed) == ({"user": 7} if changed == good else {})

    change()


@pytest.mark.case(68)
def test_a_cookie_cut_grown_spelt_otherwise_or_made_for_something_else_is_an_empty_session(
    world_of: Worlds,
) -> None:
    world = logged_in(world_of)
    good = world.cookie or ""
    payload, issued, mac = good.split(".")
    last = LETTERS[(LETTERS.index(mac[-1]) & ~3) | ((LETTERS.index(mac[-1]) + 1) & 3)]
    spoilt = [
        good[:-1],
        good[1:],
        payload,
        f"{payload}.{issued}",
        f"{payload}.{issued}.",
        good + "A",
        good + "=",
        f"{payload}=.{issued}.{mac}",
        f"{payload}.0{issued}.{mac}",
        f"{payload}.+{issued}.{mac}",
        good.replace("-", "+").replace("_", "/") if "-" in good or "_" in good else good + "/",
        f"{payload}.{issued}.{mac[:-1]}{last}",  # the same 32 bytes to a lenient decoder
        good.replace(".", "!"),
        good.replace(".", ":"),
        f"{payload}..{issued}.{mac}",
        f".{good}",
        f"{good}.{mac}",
        "." * 100,
        "..",
        signed(b'["%s",%d,{"user":7},[]]' % (b"A" * 24, NOW), OTHER),
        signed(b'["%s",%d,{"user":7},[]]' % (b"A" * 24, NOW), purpose="session in cookie other"),
        signed(b"A" * 24, purpose=f"session id in cookie {NAME}"),
    ]
    for cookie in spoilt:
        assert cookie != good
        assert world.holds(cookie) == {}, cookie
    assert world.holds(good) == {"user": 7}


@pytest.mark.case(69)
def test_a_session_ends_a_second_after_its_age_and_none_begins_in_the_future(world_of: Worlds) -> None:
    world = logged_in(world_of, max_age=2 * HOUR, idle_timeout=2 * HOUR)
    world.clock.now = NOW + 2 * HOUR - 1
    assert world.holds() == {"user": 7}
    world.clock.now = NOW + 2 * HOUR + 1
    assert world.holds() == {}
    world.clock.now = NOW - HOUR  # set back: a cookie from then is one from the future
    assert world.holds() == {}
    world.clock.now = NOW + 4 * HOUR
    assert world.holds() == {}


@pytest.mark.case(70)
def test_a_copy_of_the_cookie_is_worth_nothing_after_a_logout_where_a_storage_keeps_the_session(
    world_of: Worlds,
) -> None:
    clock = Clock()
    world = logged_in(world_of, clock=clock, storage=MemoryStorage(clock=clock))
    planted = world.cookie
    world.ask(Session.regenerate)
    assert (world.holds(planted), world.holds()) == ({}, {"user": 7})
    copy = world.cookie
    assert "Max-Age=0" in world.ask(Session.clear).headers["set-cookie"]
    assert world.holds(copy) == {}
    # A session in the cookie itself cannot be taken back: docs/sessions.md says so.
    in_cookie = logged_in(world_of)
    copy = in_cookie.cookie
    in_cookie.ask(Session.clear)
    assert in_cookie.holds(copy) == {"user": 7}


@pytest.mark.case(71)
def test_an_old_secret_verifies_until_it_is_taken_out_and_the_new_one_signs(world_of: Worlds) -> None:
    old = logged_in(world_of).cookie
    rotating = world_of([OTHER, SECRET])
    assert rotating.holds(old) == {"user": 7}
    rotating.cookie = old
    rotating.ask(put(user=8))
    new = rotating.cookie
    assert world_of(OTHER).holds(new) == {"user": 8}
    assert world_of(OTHER).holds(old) == {}
    assert world_of(SECRET).holds(new) == {}


@pytest.mark.case(72)
def test_an_app_with_a_secret_that_can_be_guessed_does_not_start_and_text_and_bytes_are_one_secret(
    world_of: Worlds,
) -> None:
    for secret in (None, "", b"", "short", "change-me", "change-me" * 5, "x" * 64, [], [SECRET, "short"], 7):
        with pytest.raises(ConfigurationError, match="secret") as caught:
            world_of(secret)
        assert "short" not in str(caught.value) and SECRET not in str(caught.value)
    assert world_of(SECRET.encode()).holds(logged_in(world_of).cookie) == {"user": 7}


@pytest.mark.case(73)
def test_a_cookie_goes_out_up_to_4096_bytes_and_one_of_a_megabyte_is_not_even_hashed(
    monkeypatch: pytest.MonkeyPatch, world_of: Worlds
) -> None:
    def line_of(name: str, size: int) -> tuple[int, int]:
        """A cookie of that name with a session of about that size -> (status, length of its line)."""
        answer = world_of(session_cookie=name).ask(put(x="x" * size))
        return answer.status_code, len(answer.headers.get("set-cookie", ""))

    # Base64 grows by four characters at a time, a name by one: the size of which a cookie takes 4091 to 4095 bytes, then the name.
    size = next(size for size in range(2925, 2940) if line_of("s", size)[1] + 4 > 4095)
    name = "s" * (1 + 4095 - line_of("s", size)[1])
    assert line_of(name, size) == (204, 4095)
    assert line_of(name + "s", size) == (204, 4096)
    assert line_of(name + "ss", size) == (500, 0)
    world = logged_in(world_of)
    with monkeypatch.context() as patched:
        patched.setattr(hmac, "digest", lambda *args: 1 / 0)
        assert world.holds("a" * 1_000_000) == {}
    assert world.holds() == {"user": 7}


@pytest.mark.case(74)
def test_a_good_mac_over_what_is_no_session_is_an_empty_one(world_of: Worlds) -> None:
    world = logged_in(world_of)
    begun = b'["%s",%d,' % (b"A" * 24, NOW)
    good = begun + b'{"user":8},[]]'
    assert world.holds(signed(good)) == {"user": 8}
    for payload in (
        b"",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{}",
        b'{"user":8}',
        b"\xff\xfe",
        begun + b'["user"],[]]',
        begun + b'"user",[]]',
        begun + b'{"user":NaN},[]]',
        begun + b'{"user":1e999},[]]',
        begun + b'{"user":"\\ud800"},[]]',
        begun + b'{"user":' + b"[" * 1000 + b"]" * 1000 + b"},[]]",
        b"[" * 5000,
        good + b"x",
    ):
        assert world.holds(signed(payload)) == {}, payload[:60]


def listed(read: Any, session: Session) -> list[Any]:
    """What a look at the session gives, as an answer that is never empty."""
    return [read(session)]


@pytest.mark.case(75)
def test_reading_says_vary_and_writing_sets_one_cookie_that_no_cache_keeps(world_of: Worlds) -> None:
    world = logged_in(world_of)
    reads: list[Any] = [
        lambda session: session.get("user"),
        lambda session: "user" in session,
        len,
        list,
        bool,
    ]
    for read in reads:
        answer = world.ask(partial(listed, read))
        assert (answer.status_code, answer.headers["vary"], answer.headers["cache-control"]) == (
            200,
            "cookie",
            "private",
        )
        assert "set-cookie" not in answer.headers
    answer = world.ask(put(a=1, b=2))
    assert len(answer.headers.get_list("set-cookie")) == 1
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("cookie", "no-store")

    @world.app.get("/unread")
    async def unread(request: Request) -> str:
        return request.path

    assert {"vary", "set-cookie", "cache-control"}.isdisjoint(world.ask(path="/unread").headers)


@pytest.mark.case(76)
def test_the_cookie_is_shut_to_scripts_other_sites_and_http_unless_http_is_asked_for(
    world_of: Worlds,
) -> None:
    attributes = "Max-Age=43200; Path=/; Secure; HttpOnly; SameSite="
    table: list[tuple[dict[str, Any], str]] = [
        ({}, f"{NAME}=V; {attributes}Lax"),
        ({"same_site": "strict"}, f"{NAME}=V; {attributes}Strict"),
        ({"https_only": False}, "session=V; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax"),
        (
            {"path": "/a", "idle_timeout": 60},
            "__Secure-session=V; Max-Age=60; Path=/a; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            {"domain": "example.com"},
            f"__Secure-session=V; {attributes.replace('Path', 'Domain=example.com; Path')}Lax",
        ),
    ]
    for options, line in table:
        name, _, rest = world_of(**options).ask(put(a=1)).headers["set-cookie"].partition("=")
        assert f"{name}=V;{rest.partition(';')[2]}" == line
    for options in (
        {"same_site": "none", "https_only": False},
        {"same_site": "lax; Domain=evil.test"},
        {"path": "/; Domain=evil.test"},
        {"session_cookie": "a;b"},
    ):
        with pytest.raises(ConfigurationError):
            world_of(**options)


@pytest.mark.case(77)
def test_what_fails_with_500_or_more_saves_nothing_and_a_refusal_saves_all(world_of: Worlds) -> None:
    clock = Clock()
    for options in ({}, {"clock": clock, "storage": MemoryStorage(clock=clock)}):
        world = logged_in(world_of, **options)  # type: ignore[arg-type]

        def fail(session: Session, error: Any = LookupError) -> Response:
            session["half"] = 1
            if isinstance(error, int):
                return Response(None, error)
            raise error

        for error in (LookupError, 503, HTTPException(500)):
            answer = world.ask(partial(fail, error=error))
            assert answer.status_code >= 500 and "set-cookie" not in answer.headers
            assert world.holds() == {"user": 7}
        assert world.ask(lambda session: fail(session, HTTPException(401))).status_code == 401
        assert world.holds() == {"user": 7, "half": 1}


@pytest.mark.case(78)
def test_of_two_requests_at_once_the_last_to_end_wins_and_a_websocket_cannot_write_a_cookie(
    interface: Any, world_of: Worlds
) -> None:
    clock = Clock()
    app = VelociPy(plugins=False)
    app.add_middleware(SessionMiddleware(SECRET, storage=MemoryStorage(clock=clock), clock=clock))
    loaded, go_on = asyncio.Event(), asyncio.Event()

    @app.get("/set")
    async def write(session: Session, slow: bool = False) -> None:
        session["slow" if slow else "quick"] = session.get("by", 0)
        if slow:
            loaded.set()
            await go_on.wait()
        session["by"] = "slow" if slow else "quick"

    @app.get("/")
    async def show(session: Session) -> dict[str, Any]:
        return dict(session)

    async def talk() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            cookie = {"cookie": (await client.get("/set")).headers["set-cookie"].partition(";")[0]}
            late = asyncio.create_task(client.get("/set?slow=1", headers=cookie))
            await loaded.wait()
            assert (await client.get("/set", headers=cookie)).status_code == 204
            client.cookies.clear()
            assert (await client.get("/", headers=cookie)).json() == {"quick": "quick", "by": "quick"}
            go_on.set()
            assert (await late).status_code == 204
            client.cookies.clear()
            assert (await client.get("/", headers=cookie)).json()["by"] == "slow"

    asyncio.run(talk())

    world = logged_in(world_of)

    @world.app.websocket("/ws")
    async def endpoint(websocket: WebSocket, session: Session) -> None:
        await websocket.accept()
        with pytest.raises(RuntimeError, match="storage"):
            session["user"] = 8
        await websocket.send_text(json.dumps(dict(session)))

    with world.client.websocket_connect("/ws", headers=world.headers) as ws:
        assert ws.receive_json() == {"user": 7}
    assert world.holds() == {"user": 7}
