"""Sessions in a cookie: what comes back, what is sent, and everything that is not let in. Time is a number here."""

import base64
import hmac
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from durations import within
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session_world import HOUR, NAME, NOW, OTHER, SECRET, SessionWorld, Work, put

from velocipy import (
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Response,
    Session,
    SessionMiddleware,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.middleware import CompressionMiddleware
from velocipy.middleware.session import OldCookie
from velocipy.middleware.session_keepers import find_cookie
from velocipy.sessions import MAX_FLASHES, Record
from velocipy.signing import Signer
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class World(SessionWorld):
    """With endpoints that do not ask for the session."""

    def __init__(self, interface: str, secret: Any = SECRET, **options: Any) -> None:
        super().__init__(interface, secret, **options)
        self.app.get("/unread")(_unread)
        self.app.get("/unread/response")(_unread_response)
        self.app.get("/unread/error")(_unread_error)


async def _unread(request: Request) -> str:
    return request.path


async def _unread_response() -> Response:
    return Response("x")


async def _unread_error() -> None:
    raise HTTPException(418)


@pytest.fixture(params=["asgi", "rsgi"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def signed(value: Any, purpose: str = f"session in cookie {NAME}", at: int = NOW) -> str:
    """A cookie that whoever has the secret could make."""
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Signer(SECRET, purpose, clock=lambda: at, max_size=10_000).sign(payload)


ID = "A" * 24


# -- what comes back ---------------------------------------------------------------------------------------------------


def test_what_is_put_in_comes_back_in_the_next_request(world: World) -> None:
    world.ask(put(user=7, name="zoë", tags=["a", {"b": None}], ratio=0.5, yes=True))
    assert world.holds() == {
        "user": 7,
        "name": "zoë",
        "tags": ["a", {"b": None}],
        "ratio": 0.5,
        "yes": True,
    }


def test_it_is_found_as_a_parameter_on_the_request_and_in_a_dependency(world: World) -> None:
    def user(session: Session) -> Any:
        return session.get("user")

    @world.app.get("/who")
    async def who(request: Request, session: Session, name: Any = Depends(user)) -> list[Any]:
        return [
            name,
            request.session["user"],
            request.session is session,
            request.state["session"] is session,
        ]

    world.ask(put(user="zoë"))
    assert world.ask(path="/who").json() == ["zoë", "zoë", True, True]


def test_it_is_a_dict_in_all_that_dicts_do(world: World) -> None:
    def work(session: Session) -> list[Any]:
        session |= {"a": 1, "b": 2}
        session.setdefault("c", [3])
        taken = session.pop("a")
        del session["b"]
        missing = session.get("a"), session.pop("a", None), "a" in session
        return [taken, missing, len(session), list(session), session == {"c": [3]}, bool(session)]

    assert world.ask(work).json() == [1, [None, None, False], 1, ["c"], True, True]
    assert world.holds() == {"c": [3]}
    with pytest.raises(KeyError, match="nobody"):
        Session(_NoKeeper(), None, _Place())["nobody"]


class _NoKeeper:
    in_cookie = True

    def open(self, source: Any, on_socket: bool) -> Record:
        return Record()

    async def save(self, record: Any) -> None:
        return None


class _Place:
    is_socket = False


def test_a_session_may_be_the_answer(world: World) -> None:
    world.ask(put(user=7))
    assert world.ask(lambda session: session).json() == {"user": 7}


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session["cart"].append("mug"),
        lambda session: session["cart"][0].update(n=2),
        lambda session: session["cart"][0]["deep"].clear(),
        lambda session: session.setdefault("cart", []).insert(0, 1),
    ],
)
def test_changes_deep_inside_are_saved(world: World, change: Work) -> None:
    world.ask(put(cart=[{"n": 1, "deep": [1, 2]}]))
    before = world.holds()
    world.ask(lambda session: change(session) and None)
    assert world.holds() != before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1, 2), r"session\['x'\] is of tuple, which JSON would not give back as it was"),
        ({"a": [1, {2}]}, r"session\['x'\]\['a'\]\[1\] is of set"),
        ({1: 2}, r"session\['x'\] has the key 1: JSON has str keys alone"),
        (float("nan"), "is nan, which JSON cannot say"),
        ([float("-inf")], r"session\['x'\]\[0\] is -inf"),
        (b"1", "is of bytes"),
        (object(), "is of object"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_json_would_change_is_refused_where_it_is_put_in(value: Any, message: str) -> None:
    session = Session(_NoKeeper(), None, _Place())
    with pytest.raises((TypeError, ValueError), match=message):
        session["x"] = value
    with pytest.raises((TypeError, ValueError), match=message):
        session.update(x=value)
    assert session == {}


def test_keys_are_text_and_nesting_has_an_end() -> None:
    session = Session(_NoKeeper(), None, _Place())
    with pytest.raises(TypeError, match="keys of a session are str, not int"):
        session[1] = 1  # type: ignore[index]
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        session["x"] = deep


def test_what_json_would_change_is_refused_deep_inside_too(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ask(put(cart=[1]))
    answer = world.ask(lambda session: session["cart"].append((1,)))
    assert (answer.status_code, "set-cookie" in answer.headers) == (500, False)
    assert "session['cart'][1] is of tuple" in caplog.text
    assert world.holds() == {"cart": [1]}


def test_a_session_shows_no_values() -> None:
    session = Session(_NoKeeper(), None, _Place())
    assert repr(session) == "<Session unread>"
    session["password"] = "hunter2"
    assert repr(session) == "<Session of 1 keys>"
    assert SECRET not in repr(SessionMiddleware(SECRET, old_cookie=OldCookie("hunter2")))
    assert "hunter2" not in repr(OldCookie("hunter2"))


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_session_that_nobody_asks_sends_nothing(world: World) -> None:
    world.ask(put(user=7))
    for path in ("/unread", "/unread/response", "/unread/error", "/nowhere"):
        answer = world.ask(path=path)
        assert {"set-cookie", "vary", "cache-control"}.isdisjoint(answer.headers)


def test_a_session_that_nobody_asks_is_not_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ask(put(user=7))
    monkeypatch.setattr(hmac, "digest", lambda *args: 1 / 0)
    assert world.ask(path="/unread").status_code == 200


@pytest.mark.case(75)
@pytest.mark.parametrize(
    "read",
    [
        lambda session: session.get("user"),
        lambda session: session["user"],
        lambda session: "user" in session,
        len,
        list,
        bool,
        lambda session: session.flashes(),
        lambda session: session.id,
        lambda session: session == {},
    ],
)
def test_reading_varies_by_cookie_and_sets_none(world: World, read: Work) -> None:
    world.ask(put(user=7))
    answer = world.ask(lambda session: [read(session)])
    assert (answer.status_code, answer.headers["vary"]) == (200, "cookie")
    assert answer.headers["cache-control"] == "private"
    assert "set-cookie" not in answer.headers


@pytest.mark.case(75)
def test_writing_sets_the_cookie_once_and_keeps_caches_away(world: World) -> None:
    def work(session: Session) -> None:
        session["a"] = 1
        session["b"] = 2
        session.flash("done")

    answer = world.ask(work)
    assert len(answer.headers.get_list("set-cookie")) == 1
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("cookie", "no-store")


@both
@pytest.mark.case(75)
def test_an_answer_s_own_cache_control_and_cookies_stay(interface: str) -> None:
    world = World(interface)

    def work(session: Session) -> Response:
        session["a"] = 1
        answer = Response("x", headers={"cache-control": "max-age=5", "vary": "accept"})
        answer.set_cookie("theme", "dark")
        return answer

    answer = world.ask(work)
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("max-age=5", "accept, cookie")
    assert [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")] == ["theme", NAME]


def test_putting_in_what_is_there_sets_no_cookie(world: World) -> None:
    world.ask(put(user=7))
    assert "set-cookie" not in world.ask(put(user=7)).headers


def test_a_session_that_stays_empty_sets_no_cookie(world: World) -> None:
    def work(session: Session) -> None:
        session["a"] = 1
        del session["a"]
        session.regenerate()

    assert "set-cookie" not in world.ask(work).headers


@both
@pytest.mark.case(76)
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, f"{NAME}=V; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"https_only": False}, "session=V; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax"),
        ({"same_site": "strict"}, f"{NAME}=V; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Strict"),
        ({"same_site": "none"}, f"{NAME}=V; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=None"),
        (
            {"path": "/admin", "idle_timeout": 60},
            "__Secure-session=V; Max-Age=60; Path=/admin; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            {"domain": "example.com", "max_age": 90},
            "__Secure-session=V; Max-Age=90; Domain=example.com; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            {"session_cookie": "__Host-sid"},
            "__Host-sid=V; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
    ],
    ids=str,
)
def test_the_cookie_has_these_attributes(interface: str, options: dict[str, Any], line: str) -> None:
    answer = World(interface, **options).ask(put(a=1))
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert f"{name}=V;{rest.partition(';')[2]}" == line


def filled(world: World, size: int) -> Any:
    return world.ask(put(x="x" * size))


@pytest.mark.case(73)
def test_a_cookie_of_4096_bytes_is_sent_and_a_larger_one_is_an_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    lengths = {}
    for size in range(2900, 2930):
        answer = filled(world, size)
        lengths[size] = len(answer.headers.get("set-cookie", "")) if answer.status_code < 300 else 0
    sent = [length for length in lengths.values() if length]
    # base64 goes in steps: of three bytes more, the text has four.
    assert 4092 < max(sent) <= 4096
    refused = [size for size, length in lengths.items() if not length]
    assert refused and refused == list(range(min(refused), 2930))
    answer = filled(world, 5000)
    assert (answer.status_code, answer.text) == (500, '{"detail":"Internal Server Error"}')
    assert "the session takes 5,0" in caplog.text
    assert "the largest keys: 'x' 5,002" in caplog.text
    assert "SessionMiddleware(..., storage=...)" in caplog.text


@pytest.mark.parametrize("status", [500, 503, 599])
@pytest.mark.case(77)
def test_an_answer_of_500_or_more_saves_nothing(world: World, status: int) -> None:
    world.ask(put(user=7))

    def fail(session: Session) -> Response:
        session["user"] = 8
        session.flash("never seen")
        return Response(None, status)

    answer = world.ask(fail)
    assert (answer.status_code, answer.headers["vary"]) == (status, "cookie")
    assert "set-cookie" not in answer.headers
    assert world.ask(lambda session: [session["user"], session.flashes()]).json() == [7, []]


@pytest.mark.case(77)
def test_an_exception_after_a_write_saves_nothing_and_an_http_exception_does(world: World) -> None:
    def fail(session: Session) -> None:
        session["tries"] = session.get("tries", 0) + 1
        raise LookupError if session["tries"] == 2 else HTTPException(401)

    statuses = [world.ask(fail).status_code for _ in range(3)]
    assert statuses == [401, 500, 500]
    assert world.holds() == {"tries": 1}


def test_a_logout_that_fails_leaves_the_session(world: World) -> None:
    world.ask(put(user=7))

    def fail(session: Session) -> None:
        session.clear()
        raise LookupError

    assert world.ask(fail).status_code == 500
    assert world.holds() == {"user": 7}


@both
def test_a_change_after_the_headers_are_made_is_an_error_and_not_lost_in_silence(interface: str) -> None:
    world = World(interface)
    seen: list[str] = []

    def work(session: Session) -> StreamingResponse:
        session["a"] = 1

        async def rows() -> Any:
            yield str(session["a"])
            for change in (lambda: session.update(a=2), session.clear, session.regenerate):
                try:
                    change()  # type: ignore[operator]
                except RuntimeError as exc:
                    seen.append(str(exc))

        return StreamingResponse(rows())

    assert world.ask(work).text == "1"
    assert len(seen) == 3
    assert all("change the session before the endpoint returns" in text for text in seen)


@pytest.mark.case(75)
@both
@pytest.mark.parametrize(
    "middleware", [[], [CompressionMiddleware(minimum_size=1)]], ids=["plain", "compressed"]
)
def test_a_stream_may_ask_for_the_session_first_and_is_kept_by_no_cache(
    interface: str, middleware: list[Any]
) -> None:
    world = World(interface)
    world.ask(put(user=7))

    @world.app.get("/stream", middleware=middleware)
    async def stream(session: Session) -> StreamingResponse:
        async def rows() -> Any:
            yield str(session["user"])

        return StreamingResponse(rows())

    answer = world.ask(path="/stream")
    assert answer.text == "7"
    assert "cookie" in answer.headers["vary"].lower()
    assert answer.headers["cache-control"] == "private"


@both
def test_the_first_change_after_the_headers_are_made_is_an_error_too(interface: str) -> None:
    world = World(interface)
    seen: list[str] = []

    def change(session: Session) -> None:
        try:
            session["a"] = 1
        except RuntimeError as exc:
            seen.append(str(exc))

    @world.app.get("/stream")
    async def stream(session: Session) -> StreamingResponse:
        async def rows() -> Any:
            change(session)
            yield "x"

        return StreamingResponse(rows())

    @world.app.get("/task")
    async def task(session: Session, later: BackgroundTasks) -> dict[str, int]:
        later.add_task(change, session)
        return {"a": 1}

    @world.app.get("/task/empty")
    async def empty(session: Session, later: BackgroundTasks) -> None:
        later.add_task(change, session)

    for number, path in enumerate(["/stream", "/task", "/task/empty"], 1):
        assert world.ask(path=path).status_code < 300
        assert len(seen) == number, path
    assert all("change the session before the endpoint returns" in text for text in seen)


# -- its life ----------------------------------------------------------------------------------------------------------


def test_clear_asks_the_browser_to_forget_the_cookie(world: World) -> None:
    world.ask(put(user=7))
    answer = world.ask(Session.clear)
    assert answer.headers["set-cookie"] == f"{NAME}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert answer.headers["cache-control"] == "no-store"
    assert world.holds() == {}


def test_clear_without_a_session_sends_nothing(world: World) -> None:
    assert "set-cookie" not in world.ask(Session.clear).headers


def test_clear_drops_a_bad_cookie_and_reading_leaves_it(world: World) -> None:
    world.cookie = "bad"
    assert "set-cookie" not in world.ask(dict).headers
    assert "Max-Age=0" in world.ask(Session.clear).headers["set-cookie"]


def test_taking_the_last_key_out_ends_the_session(world: World) -> None:
    world.ask(put(user=7))
    assert "Max-Age=0" in world.ask(lambda session: session.pop("user") and None).headers["set-cookie"]


def test_what_is_put_in_after_clear_is_another_session(world: World) -> None:
    world.ask(put(user=7))
    first = world.ask(lambda session: session.id).text

    def out(session: Session) -> None:
        session.clear()
        session.flash("bye")

    world.ask(out)
    second = world.ask(lambda session: session.id).text
    assert first and second and first != second
    assert world.ask(lambda session: [dict(session), session.flashes()]).json() == [{}, [["bye", "message"]]]


@pytest.mark.case(70)
def test_regenerate_keeps_the_content_under_another_id_and_with_a_new_lifetime(world: World) -> None:
    world.ask(put(user=7))
    first, cookie = world.ask(lambda session: session.id).text, world.cookie
    world.clock.now += 5 * HOUR
    world.ask(Session.regenerate)
    assert world.cookie != cookie
    assert world.ask(lambda session: session.id).text != first
    assert world.holds() == {"user": 7}
    # A cookie cannot be taken back (docs/sessions.md says so): the first one is good until it has expired.
    assert world.holds(cookie) == {"user": 7}


def test_an_id_is_random_and_none_before_the_session_is_saved(world: World) -> None:
    assert world.ask(lambda session: [session.id]).json() == [None]
    ids = set()
    for _ in range(20):
        world.cookie = None
        world.ask(put(a=1))
        ids.add(world.ask(lambda session: session.id).text)
    assert len(ids) == 20
    assert all(len(id) == 24 for id in ids)


@pytest.mark.case(69)
def test_it_ends_when_it_was_idle_too_long(world: World) -> None:
    world.ask(put(user=7))
    world.clock.now = NOW + 12 * HOUR
    assert world.holds() == {"user": 7}
    world.clock.now += 1
    assert world.holds() == {}


@pytest.mark.case(69)
def test_reading_it_now_and_then_keeps_it_until_max_age(world: World) -> None:
    world.ask(put(user=7))
    renewals = 0
    while world.ask(dict).json():
        world.clock.now += HOUR
        answer = world.ask(dict)
        renewals += "set-cookie" in answer.headers
        assert world.clock.now < NOW + 8 * 24 * HOUR
    assert world.clock.now == NOW + 7 * 24 * HOUR
    assert renewals == 7 * 24 / 2 - 1


@pytest.mark.case(69)
def test_the_cookie_ends_with_the_session(world: World) -> None:
    world.ask(put(user=7))
    for _ in range(15):
        world.clock.now += 11 * HOUR
        world.ask(dict)
    answer = world.ask(put(user=8))
    assert f"Max-Age={3 * HOUR};" in answer.headers["set-cookie"]


@pytest.mark.case(69)
def test_reading_it_all_the_time_writes_it_only_now_and_then(world: World) -> None:
    world.ask(put(user=7))
    world.clock.now += 1.2 * HOUR
    assert "set-cookie" not in world.ask(dict).headers
    world.clock.now += 1
    assert "set-cookie" in world.ask(dict).headers
    assert "set-cookie" not in world.ask(dict).headers


@pytest.mark.case(69)
def test_a_cookie_from_the_future_is_none_however_the_clock_goes(world: World) -> None:
    world.ask(put(user=7))
    world.clock.now -= HOUR
    assert world.holds() == {}
    world.clock.now += HOUR
    assert world.holds() == {"user": 7}


def test_flashes_are_shown_once_in_their_order(world: World) -> None:
    def leave(session: Session) -> None:
        session.flash("saved")
        session.flash("no disk left", "error")

    world.ask(leave)
    show: Work = lambda session: session.flashes()  # noqa: E731
    answer = world.ask(show)
    assert answer.json() == [["saved", "message"], ["no disk left", "error"]]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert world.ask(show).json() == []


def test_flashes_may_be_taken_by_category_and_the_rest_waits(world: World) -> None:
    def leave(session: Session) -> None:
        for number in range(3):
            session.flash(str(number), "even" if number % 2 == 0 else "odd")

    world.ask(leave)
    assert [text for text, _ in world.ask(lambda session: session.flashes("even")).json()] == ["0", "2"]
    assert [text for text, _ in world.ask(lambda session: session.flashes()).json()] == ["1"]


def test_flashes_are_bounded_and_text() -> None:
    session = Session(_NoKeeper(), None, _Place())
    for number in range(MAX_FLASHES + 5):
        session.flash(str(number))
    kept = session.flashes()
    assert [flash.message for flash in kept] == [str(n) for n in range(5, MAX_FLASHES + 5)]
    with pytest.raises(TypeError, match="a flash is a text"):
        session.flash(7)  # type: ignore[arg-type]


def test_save_has_nothing_to_do_for_a_session_in_a_cookie(world: World) -> None:
    @world.app.get("/save")
    async def save(session: Session) -> None:
        with pytest.raises(RuntimeError, match=r"leave out session.save\(\)"):
            await session.save()

    assert world.ask(path="/save").status_code == 204


# -- what is not let in ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["asgi", "rsgi"])
def lasting(request: pytest.FixtureRequest) -> World:
    """One for all draws of a property."""
    world = World(request.param)
    world.ask(put(user=7))
    return world


@pytest.mark.case(67)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.data())
def test_a_cookie_with_any_byte_changed_is_an_empty_session(lasting: World, data: st.DataObject) -> None:
    good = lasting.cookie or ""
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=';"\\,'))
    changed = good[:place] + letter + good[place + 1 :]
    answer = lasting.ask(dict, cookie=f"{NAME}={changed}")
    assert (answer.status_code, answer.json()) == (200, {} if changed != good else {"user": 7})
    assert "set-cookie" not in answer.headers


@pytest.mark.case(68)
@both
def test_what_was_signed_for_something_else_is_an_empty_session(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(interface)
    good = signed([ID, NOW, {"user": 7}, []])
    assert world.holds(good) == {"user": 7}
    body, issued, mac = good.split(".")
    spoilt = [
        good[:-1],
        f"{good}A",
        f"{good}=",
        good.replace(".", ":"),
        f"{body}.{mac}",
        f".{issued}.{mac}",
        mac,
        "..",
        "",
        "a",
        signed([ID, NOW, {"user": 7}, []], "session in cookie other"),
        signed([ID, NOW, {"user": 7}, []], f"session id in cookie {NAME}"),
        Signer(OTHER, f"session in cookie {NAME}", clock=world.clock).sign(b"[]"),
    ]
    with caplog.at_level(logging.DEBUG):
        assert [world.holds(cookie) for cookie in spoilt] == [{}] * len(spoilt)
    assert [record for record in caplog.records if record.name.startswith("velocipy")] == []


@pytest.mark.case(74)
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        [ID, NOW, [], []],
        [ID, NOW, {"a": 1}],
        [ID, "now", {"a": 1}, []],
        [None, NOW, {"a": 1}, []],
        [ID, NOW, {"a": 1}, [["one"]]],
        [ID, NOW, {"a": 1}, [[1, 2]]],
        [ID, NOW, {"a": 1}, ["ab"]],
        b'["A",%d,{"a":NaN},[]]' % NOW,
        b'["A",%d,{"a":Infinity},[]]' % NOW,
        b'["A",%d,{"a":"\\ud800"},[]]' % NOW,
        b'["A",%d,{"a":' % NOW + b"[" * 1000 + b"]" * 1000 + b"},[]]",
        b"[" * 2900,
        b'["A",' + b"9" * 2000 + b',{"a":1},[]]',
        [ID, NOW - 8 * 24 * HOUR, {"a": 1}, []],
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_signed_and_no_session_is_an_empty_one(world: World, value: Any) -> None:
    assert world.holds(signed(value)) == {}


@pytest.mark.case(71)
@both
def test_secrets_are_changed_without_logging_anybody_out(interface: str) -> None:
    world = World(interface)
    world.ask(put(user=7))
    old = world.cookie or ""
    both_secrets = World(interface, [OTHER, SECRET])
    assert both_secrets.holds(old) == {"user": 7}
    both_secrets.cookie = old
    both_secrets.ask(put(user=8))
    new = both_secrets.cookie or ""
    assert World(interface, OTHER).holds(new) == {"user": 8}
    assert World(interface, OTHER).holds(old) == {}
    assert world.holds(new) == {}


@pytest.mark.case(73)
def test_a_cookie_of_a_megabyte_is_not_even_hashed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmac, "digest", lambda *args: 1 / 0)
    long = "a" * 1_000_000
    assert world.holds(long) == {}
    lines: Any = _Lines(f"{NAME}={long}")
    assert find_cookie(lines, NAME) == long
    assert within(0.005, lambda: find_cookie(lines, NAME))


class _Lines:
    def __init__(self, line: str) -> None:
        self.line = line

    def get_all(self, name: str) -> list[str]:
        return [self.line]


def test_a_cookie_without_the_prefix_is_another_cookie(world: World) -> None:
    world.ask(put(user=7))
    assert world.ask(dict, cookie=f"session={world.cookie}").json() == {}
    assert world.ask(dict, cookie=f"x{NAME}={world.cookie}; {NAME}x={world.cookie}").json() == {}
    assert world.ask(dict, cookie=f"a=1; {NAME}={world.cookie}; b=2").json() == {"user": 7}


def test_of_two_cookies_the_first_counts(world: World) -> None:
    world.ask(put(user=7))
    first = world.cookie
    world.ask(put(user=8))
    assert world.ask(dict, cookie=f"{NAME}={first}; {NAME}={world.cookie}").json() == {"user": 7}
    assert world.ask(dict, cookie=f"{NAME}=bad; {NAME}={world.cookie}").json() == {}


# -- cookies of 0.3.0 --------------------------------------------------------------------------------------------------

OLD_SECRET = "an-old-secret-of-0.3.0"
OLD = (
    "eyJkIjp7InVzZXIiOiJ6b1x1MDBlYiIsIm4iOlsxLHsiYSI6bnVsbH1dfSwidCI6MTc5NTY5Mjg0Ni4zMTc2NTF9"
    ".ubkIrdmOlJ_pJWYZCleJ0N1zEjbClsUaMTsmOCedsnU"
)
"""What the published 0.3.0 set with that secret at this time."""
OLD_NOW = 1795692846.317651
OLD_DATA = {"user": "zoë", "n": [1, {"a": None}]}


@pytest.fixture(params=["asgi", "rsgi"])
def migrating(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param, old_cookie=OldCookie(OLD_SECRET))
    world.clock.now = OLD_NOW + 3600
    yield world


def test_a_cookie_of_0_3_0_is_read_and_replaced(migrating: World) -> None:
    answer = migrating.ask(dict, cookie=f"session={OLD}")
    assert answer.json() == OLD_DATA
    new, old = answer.headers.get_list("set-cookie")
    assert new.startswith(f"{NAME}=")
    assert old == "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    migrating.clock.now += 12 * HOUR - 1
    assert migrating.holds() == OLD_DATA


def test_a_cookie_of_0_3_0_ends_as_it_did_there(migrating: World) -> None:
    migrating.clock.now += 1
    assert migrating.ask(dict, cookie=f"session={OLD}").json() == {}
    migrating.clock.now = OLD_NOW - 61
    assert migrating.ask(dict, cookie=f"session={OLD}").json() == {}


def test_a_cookie_of_0_3_0_is_read_only_when_it_is_asked_for(world: World) -> None:
    world.clock.now = OLD_NOW
    assert world.ask(dict, cookie=f"session={OLD}").json() == {}


def test_a_new_cookie_counts_before_an_old_one_and_clear_drops_both(migrating: World) -> None:
    migrating.ask(put(user=7))
    two = f"session={OLD}; {NAME}={migrating.cookie}"
    assert migrating.ask(dict, cookie=two).json() == {"user": 7}
    lines = migrating.ask(Session.clear, cookie=two).headers.get_list("set-cookie")
    assert [line.partition(";")[0] for line in lines] == [f"{NAME}=", "session="]


def test_clear_of_a_session_of_0_3_0_drops_its_cookie(migrating: World) -> None:
    lines = migrating.ask(Session.clear, cookie=f"session={OLD}").headers.get_list("set-cookie")
    assert "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax" in lines


@pytest.mark.case(67)
@given(st.data())
def test_a_cookie_of_0_3_0_with_any_byte_changed_is_none(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(OLD) - 1))
    letter = data.draw(st.characters(max_codepoint=255))
    changed = OLD[:place] + letter + OLD[place + 1 :]
    found = OldCookie(OLD_SECRET).read(changed, OLD_NOW)
    assert (found is None) == (changed != OLD)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"d": []},
        {"d": {}, "t": None},
        {"d": {}, "t": "1"},
        {"t": OLD_NOW},
        {"d": {"a": 1}, "t": OLD_NOW - 3601},
    ],
    ids=str,
)
def test_what_0_3_0_would_not_have_written_is_none(value: Any) -> None:
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    mac = base64.urlsafe_b64encode(hmac.digest(b"k", body, "sha256")).rstrip(b"=")
    assert OldCookie("k").read(f"{body.decode()}.{mac.decode()}", OLD_NOW) is None


@both
def test_the_new_cookie_may_have_the_old_one_s_name(interface: str) -> None:
    world = World(interface, https_only=False, old_cookie=OldCookie(OLD_SECRET))
    world.clock.now = OLD_NOW
    answer = world.ask(dict, cookie=f"session={OLD}")
    assert answer.json() == OLD_DATA
    (line,) = answer.headers.get_list("set-cookie")
    assert world.ask(dict, cookie=line.partition(";")[0]).json() == OLD_DATA


# -- where there is none, and on WebSockets ----------------------------------------------------------------------------


def test_without_the_middleware_a_parameter_is_an_error_at_registration() -> None:
    app = VelociPy()

    async def endpoint(session: Session) -> None:
        return None

    with pytest.raises(BindingError) as caught:
        app.get("/x")(endpoint)
    assert "no velocipy.middleware.SessionMiddleware stands around GET /x" in str(caught.value)
    assert "app.add_middleware(...) it before the route is declared" in str(caught.value)


def test_a_parameter_needs_the_middleware_on_its_outside() -> None:
    class Wants:
        def before(self, session: Session) -> bool:
            return "user" in session

        header_name = "x-user"

        def header(self, token: bool) -> str:
            return str(token)

    async def endpoint() -> None:
        return None

    VelociPy(middleware=[SessionMiddleware(SECRET), Wants()]).get("/")(endpoint)
    with pytest.raises(BindingError, match="on the outside"):
        VelociPy(middleware=[Wants(), SessionMiddleware(SECRET)]).get("/")(endpoint)


@both
def test_a_parameter_is_filled_behind_wrapping_middleware_too(interface: str) -> None:
    world = World(interface)

    async def wrap(request: Request, call_next: Any) -> Response:
        request.session["seen"] = 1
        response: Response = await call_next(request)
        request.session["left"] = 2
        return response

    world.app.add_middleware(wrap)
    assert world.ask(lambda session: dict(session)).json() == {"seen": 1}
    assert world.holds() == {"seen": 1, "left": 2}


@both
def test_without_the_middleware_request_session_is_an_error(interface: str) -> None:
    app = VelociPy()

    @app.get("/x")
    async def endpoint(request: Request) -> str:
        with pytest.raises(RuntimeError, match="no SessionMiddleware stands around GET /x"):
            request.session  # noqa: B018
        return "raised"

    assert TestClient(app, interface=interface).get("/x").text == "raised"


@both
@pytest.mark.case(78)
def test_a_websocket_reads_a_session_in_a_cookie_and_does_not_change_it(interface: str) -> None:
    world = World(interface)
    world.ask(put(user=7))
    said: list[str] = []

    @world.app.websocket("/ws")
    async def endpoint(websocket: WebSocket, session: Session) -> None:
        await websocket.accept()
        await websocket.send_json([session["user"], websocket.session is session])
        for change in (
            lambda: session.update(user=8),
            session.clear,
            session.regenerate,
            lambda: session.flash("a"),
        ):
            with pytest.raises(RuntimeError) as caught:
                change()
            said.append(str(caught.value))
        with pytest.raises(RuntimeError) as caught:
            await session.save()
        said.append(str(caught.value))
        await websocket.send_json(dict(session))

    with world.client.websocket_connect("/ws", headers={"cookie": f"{NAME}={world.cookie}"}) as ws:
        assert ws.receive_json() == [7, True]
        assert ws.receive_json() == {"user": 7}
    assert len(said) == 5
    assert all("SessionMiddleware(..., storage=...), and await session.save()" in text for text in said)


@both
@pytest.mark.case(101)
def test_another_site_opens_no_websocket_with_the_session_s_cookie(interface: str) -> None:
    world = World(interface)
    world.ask(put(user=7))

    @world.app.websocket("/ws")
    async def endpoint(websocket: WebSocket, session: Session) -> None:
        await websocket.accept()
        await websocket.send_json(dict(session))

    cookie = {"cookie": f"{NAME}={world.cookie}"}
    with pytest.raises(WebSocketDenied):
        world.client.websocket_connect("/ws", headers={**cookie, "origin": "https://evil.test"}).__enter__()
    with world.client.websocket_connect("/ws", headers={**cookie, "origin": "http://testserver"}) as ws:
        assert ws.receive_json() == {"user": 7}


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["session", "__Host-session"])
def test_two_that_write_one_cookie_are_an_error_where_a_route_is_declared(other: str) -> None:
    app = VelociPy(middleware=[SessionMiddleware(SECRET)])

    @app.get("/")
    async def hello() -> None: ...

    for register in (
        lambda: app.add_middleware(SessionMiddleware(OTHER, session_cookie=other)),
        lambda: app.get("/shop", middleware=[SessionMiddleware(SECRET, session_cookie=other)])(hello),
        lambda: app.mount("/shop", _with_sessions(other)),
    ):
        with pytest.raises(
            ConfigurationError, match=r"both stand around GET .*, and both write the cookie '__Host-session'"
        ):
            register()
    app.add_middleware(SessionMiddleware(SECRET, session_cookie="other"))
    assert TestClient(app).get("/").status_code == 204


def _with_sessions(cookie: str) -> VelociPy:
    app = VelociPy(middleware=[SessionMiddleware(SECRET, session_cookie=cookie)])
    app.get("/")(_unread_response)
    return app


@pytest.mark.case(72)
@pytest.mark.parametrize("secret", [None, "", "short", b"", "change-me", [], ["short"], "x" * 64])
def test_a_secret_that_can_be_guessed_is_an_error_where_it_is_given(secret: Any) -> None:
    with pytest.raises(ConfigurationError, match="secret"):
        SessionMiddleware(secret)


@pytest.mark.case(76)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"same_site": "lax; Domain=evil.test"}, "samesite is 'lax'"),
        ({"same_site": None}, "same_site is 'lax', 'strict' or 'none'"),
        ({"same_site": "none", "https_only": False}, "needs secure=True"),
        ({"path": "admin"}, "cookie path"),
        ({"path": "/;x"}, "cookie path"),
        ({"domain": "a b"}, "cookie domain"),
        ({"session_cookie": "a b"}, "is not a token"),
        ({"session_cookie": ""}, "cookie"),
        ({"session_cookie": None}, "is not a token"),
        ({"session_cookie": "__Host-a", "domain": "example.com"}, "__Host- promises"),
        ({"session_cookie": "__Host-a", "https_only": False}, "__Host- promises"),
        ({"session_cookie": "__Secure-a", "https_only": False}, "needs secure=True"),
        ({"max_age": 0}, "max_age is a whole number of seconds above 0"),
        ({"max_age": 1.5}, "max_age is a whole number"),
        ({"idle_timeout": -1}, "idle_timeout is a whole number"),
        ({"idle_timeout": True}, "idle_timeout is a whole number"),
        ({"idle_timeout": 700_000}, "idle_timeout=700000 never comes"),
        ({"storage": 7}, "is no storage"),
    ],
    ids=str,
)
def test_settings_that_are_unsafe_or_senseless_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        SessionMiddleware(SECRET, **options)


@pytest.mark.parametrize("secret", ["", b"", None, 7])
def test_an_old_cookie_needs_its_secret(secret: Any) -> None:
    with pytest.raises(ConfigurationError, match="OldCookie needs the secret"):
        OldCookie(secret)
