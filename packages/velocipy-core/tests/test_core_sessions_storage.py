"""Sessions in a storage: real logout, no fixation, late writers, WebSockets and streams. Time is a number here."""

import asyncio
from typing import Any

import pytest
from session_world import HOUR, NAME, NOW, OTHER, SECRET, Clock, SessionWorld, Work, put

from velocipy import (
    AsyncTestClient,
    BackgroundTasks,
    MemoryStorage,
    Request,
    Response,
    Session,
    SessionMiddleware,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ClientDisconnected
from velocipy.middleware.session import OldCookie
from velocipy.signing import Signer

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Counting(MemoryStorage):
    """Notes what it is asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.asked: list[str] = []

    async def get(self, key: str) -> bytes | None:
        self.asked.append("get")
        return await super().get(key)

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self.asked.append(f"set {ttl}")
        await super().set(key, value, ttl)

    async def delete(self, key: str) -> None:
        self.asked.append("delete")
        await super().delete(key)

    async def atomic_update(self, key: str, function: Any, ttl: float | None = None) -> bytes | None:
        self.asked.append(f"update {ttl}")
        return await super().atomic_update(key, function, ttl)

    def since(self) -> list[str]:
        """What it was asked since it was asked for this."""
        asked, self.asked = self.asked, []
        return asked


class World(SessionWorld):
    """With a storage that notes what it is asked, on the world's own clock, and an endpoint that does not ask for the session."""

    def __init__(self, interface: str, **options: Any) -> None:
        clock = Clock()
        self.storage = Counting(clock)
        super().__init__(interface, clock=clock, **{"storage": self.storage, **options})
        self.app.get("/unread")(_unread)


async def _unread(request: Request) -> str:
    return request.path


@pytest.fixture(params=["asgi", "rsgi"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


# -- what is kept where ------------------------------------------------------------------------------------------------


def test_the_cookie_holds_an_id_and_the_storage_the_rest(world: World) -> None:
    world.ask(put(user=7, cart=["x" * 10_000]))
    assert world.cookie and len(world.cookie) < 100
    assert world.holds() == {"user": 7, "cart": ["x" * 10_000]}
    (key,) = world.storage._entries
    assert key == f"session:{world.ask(lambda session: session.id).text}"


def test_without_a_cookie_the_storage_is_not_asked(world: World) -> None:
    world.ask(path="/unread")
    world.ask(dict)
    world.cookie = "bad"
    world.ask(dict)
    assert world.storage.since() == []


def test_a_session_that_nobody_changes_is_read_and_not_written(world: World) -> None:
    world.ask(put(user=7))
    assert world.storage.since() == ["set 43200"]
    answer = world.ask(dict)
    assert (answer.headers["vary"], "set-cookie" in answer.headers) == ("cookie", False)
    assert {"vary", "set-cookie", "cache-control"}.isdisjoint(world.ask(path="/unread").headers)
    assert world.storage.since() == ["get", "get"]


def test_changes_deep_inside_are_saved(world: World) -> None:
    world.ask(put(cart=[{"n": 1}]))
    world.ask(lambda session: session["cart"][0].update(n=2))
    assert world.holds() == {"cart": [{"n": 2}]}


@pytest.mark.case(77)
def test_a_request_whose_client_has_left_saves_nothing(world: World) -> None:
    world.ask(put(user=7))

    def work(session: Session) -> None:
        session["half"] = 1
        raise ClientDisconnected

    world.ask(work)
    assert world.holds() == {"user": 7}


@pytest.mark.case(77)
def test_an_answer_of_500_or_more_saves_nothing(world: World) -> None:
    world.ask(put(user=7))
    world.storage.since()

    def fail(session: Session) -> None:
        session.clear()
        session["user"] = 8
        raise LookupError

    assert world.ask(fail).status_code == 500
    assert world.storage.since() == ["get"]
    assert world.holds() == {"user": 7}


def test_more_than_a_megabyte_is_an_error(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ask(put(user=7))
    assert world.ask(put(x="x" * 1024 * 1024)).status_code == 500
    assert "the largest keys: 'x' 1,048,578, 'user' 1" in caplog.text
    assert world.holds() == {"user": 7}


def test_a_storage_that_fails_is_a_500_and_no_stranger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ask(put(user=7))
    monkeypatch.setattr(world.storage, "get", lambda key: 1 / 0)
    assert world.ask(dict).status_code == 500


@both
def test_a_storage_may_be_named(interface: str) -> None:
    world = World(interface, storage="memory")
    world.ask(put(user=7))
    assert world.holds() == {"user": 7}


# -- the end of sessions -----------------------------------------------------------------------------------------------


@pytest.mark.case(70)
def test_clear_ends_it_for_every_copy_of_the_cookie(world: World) -> None:
    world.ask(put(user=7))
    copy = world.cookie
    answer = world.ask(Session.clear)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert len(world.storage) == 0
    assert world.holds(copy) == {}


@pytest.mark.case(70)
def test_after_regenerate_the_cookie_from_before_is_worth_nothing(world: World) -> None:
    world.ask(put(cart=["mug"]))
    planted = world.cookie

    def login(session: Session) -> None:
        session.regenerate()
        session["user"] = 7

    world.ask(login)
    assert world.cookie != planted
    assert world.holds(planted) == {}
    assert world.holds() == {"cart": ["mug"], "user": 7}


def test_what_is_put_in_after_clear_is_another_session(world: World) -> None:
    world.ask(put(user=7))
    first = world.cookie

    def out(session: Session) -> None:
        session.clear()
        session.flash("bye")

    world.ask(out)
    assert world.holds(first) == {}
    assert world.ask(lambda session: session.flashes()).json() == [["bye", "message"]]
    assert len(world.storage) == 0


@pytest.mark.case(70)
def test_an_id_that_nobody_has_given_out_begins_no_session(world: World) -> None:
    """Whoever has the secret could sign one; the storage does not know it, so it is not taken over."""
    signer = Signer(SECRET, f"session id in cookie {NAME}", clock=world.clock)
    world.cookie = mine = signer.sign(b"M" * 24)
    world.ask(put(user=7))
    assert world.cookie != mine
    assert world.holds(mine) == {}


@pytest.mark.case(68)
def test_what_was_signed_for_something_else_is_an_empty_session(world: World) -> None:
    world.ask(put(user=7))
    id = world.ask(lambda session: session.id).content
    good = world.cookie or ""
    for purpose in (f"session in cookie {NAME}", "session id in cookie session", "x"):
        assert world.holds(Signer(SECRET, purpose, clock=world.clock).sign(id)) == {}
    assert world.holds(Signer(OTHER, f"session id in cookie {NAME}", clock=world.clock).sign(id)) == {}
    assert world.holds(id.decode()) == {}
    for place in range(len(good)):
        letter = "A" if good[place] != "A" else "B"
        assert world.holds(good[:place] + letter + good[place + 1 :]) == {}


@pytest.mark.case(69)
def test_it_ends_when_it_was_idle_too_long_and_the_storage_forgets_it(world: World) -> None:
    world.ask(put(user=7))
    world.clock.now += 12 * HOUR - 1
    assert world.holds() == {"user": 7}
    world.clock.now += 12 * HOUR + 1
    assert world.holds() == {}
    assert world.storage.sweep() == 1


@pytest.mark.case(69)
def test_reading_it_now_and_then_keeps_it_until_max_age(world: World) -> None:
    world.ask(put(user=7))
    while world.ask(dict).json():
        world.clock.now += HOUR
        assert world.clock.now < NOW + 8 * 24 * HOUR
    assert world.clock.now == NOW + 7 * 24 * HOUR
    assert len(world.storage) == 0


@pytest.mark.case(69)
def test_a_storage_that_keeps_what_has_ended_changes_nothing(world: World) -> None:
    world.ask(put(user=7))
    (key,) = world.storage._entries
    payload = world.storage._entries[key].value
    world.clock.now += 7 * 24 * HOUR
    asyncio.run(world.storage.set(key, payload))
    signer = Signer(SECRET, f"session id in cookie {NAME}", clock=world.clock)
    assert world.holds(signer.sign(key.removeprefix("session:").encode())) == {}


@pytest.mark.case(74)
@pytest.mark.parametrize("payload", [b"", b"{}", b"not JSON", b"[" * 1000, b'["a",1,[],[]]', b"\xff"])
def test_what_is_no_session_in_the_storage_is_an_empty_one(world: World, payload: bytes) -> None:
    world.ask(put(user=7))
    (key,) = world.storage._entries
    asyncio.run(world.storage.set(key, payload))
    assert world.holds() == {}


# -- at the same time --------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(78)
def test_of_two_requests_that_write_the_last_wins(interface: str) -> None:
    asyncio.run(_two_requests(interface, Session.update, {"b": 2}, {"user": 7, "a": 1}))


@both
@pytest.mark.case(70)
def test_a_request_that_ends_late_does_not_undo_a_logout(interface: str) -> None:
    asyncio.run(_two_requests(interface, Session.clear, None, {}))


@both
@pytest.mark.case(70)
def test_a_request_that_ends_late_does_not_undo_a_regenerate(interface: str) -> None:
    asyncio.run(_two_requests(interface, Session.regenerate, None, {}))


def _log_in(session: Session) -> None:
    session.regenerate()
    session["user"] = 8


def _begin_anew(session: Session) -> None:
    session.clear()
    session["b"] = 2


@both
@pytest.mark.case(70)
@pytest.mark.parametrize("quick", [Session.clear, _begin_anew])
def test_a_regenerate_that_ends_late_does_not_undo_a_logout(interface: str, quick: Any) -> None:
    asyncio.run(_two_requests(interface, quick, None, {}, slow=_log_in))


@both
@pytest.mark.case(78)
def test_a_request_that_only_reads_and_renews_undoes_no_change(interface: str) -> None:
    left = {"user": 7, "b": 2}
    asyncio.run(_two_requests(interface, Session.update, {"b": 2}, left, slow=dict, after=2 * HOUR))


async def _two_requests(
    interface: str,
    quick: Any,
    argument: Any,
    left: dict[str, Any],
    slow: Work = lambda session: session.update(a=1),
    after: int = 0,
) -> None:
    """`after` seconds a slow request begins; while it works, a quick one does something else. Then the first cookie holds `left`."""
    app, clock, work = VelociPy(), Clock(), slow
    app.add_middleware(SessionMiddleware(SECRET, storage=MemoryStorage(clock=clock), clock=clock))
    loaded, go_on = asyncio.Event(), asyncio.Event()

    @app.get("/login")
    async def login(session: Session) -> None:
        session["user"] = 7

    @app.get("/slow")
    async def work_slowly(session: Session) -> None:
        work(session)
        loaded.set()
        await go_on.wait()

    @app.get("/quick")
    async def endpoint(session: Session) -> None:
        quick(session, argument) if argument else quick(session)

    @app.get("/")
    async def show(session: Session) -> dict[str, Any]:
        return dict(session)

    async with AsyncTestClient(app, interface=interface) as client:
        answer = await client.get("/login")
        cookie = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        client.cookies.clear()
        clock.now += after
        late = asyncio.create_task(client.get("/slow", headers=cookie))
        await loaded.wait()
        assert (await client.get("/quick", headers=cookie)).status_code == 204
        client.cookies.clear()
        go_on.set()
        answer = await late
        assert answer.status_code == 204
        if not left:
            assert "set-cookie" not in answer.headers
        client.cookies.clear()
        assert (await client.get("/", headers=cookie)).json() == left


@both
@pytest.mark.case(70)
@pytest.mark.parametrize(
    ("works", "ends"),
    [
        pytest.param((_log_in, Session.clear), {0}, id="one regenerate"),
        pytest.param((_log_in, _log_in, Session.clear), {0, 1}, id="two at once"),
        pytest.param((_begin_anew, Session.clear), set(), id="a session that began anew is another one"),
    ],
)
def test_a_logout_that_was_at_work_ends_what_others_have_made_of_the_session(
    interface: str, works: tuple[Work, ...], ends: set[int]
) -> None:
    """All have loaded the session before the first is done; they end in their order."""
    storage = MemoryStorage()

    async def talk() -> None:
        app = VelociPy()
        app.add_middleware(SessionMiddleware(SECRET, storage=storage))
        loaded, go_on = [[asyncio.Event() for _ in works] for _ in range(2)]

        @app.get("/{number:int}")
        async def work(number: int, session: Session) -> None:
            session.setdefault("seen", number)
            loaded[number].set()
            await go_on[number].wait()
            works[number](session)

        @app.get("/")
        async def show(session: Session) -> dict[str, Any]:
            return dict(session) or {"user": session.setdefault("user", 7)}

        async with AsyncTestClient(app, interface=interface) as client:
            first = (await client.get("/")).headers["set-cookie"].partition(";")[0]
            client.cookies.clear()
            asked = [
                asyncio.create_task(client.get(f"/{number}", headers={"cookie": first}))
                for number in range(len(works))
            ]
            for event in loaded:
                await event.wait()
            cookies = []
            for event, task in zip(go_on, asked, strict=True):
                event.set()
                cookies.append((await task).headers["set-cookie"].partition(";")[0])
            for number, cookie in enumerate(cookies[:-1]):
                client.cookies.clear()
                found = (await client.get("/", headers={"cookie": cookie})).json()
                assert (found == {"user": 7}) == (number in ends)

    asyncio.run(talk())


def test_an_old_id_is_no_session_and_is_forgotten() -> None:
    world = World("asgi")
    world.ask(put(user=7))
    before = world.cookie
    for _ in range(3):
        world.ask(Session.regenerate)
    assert world.holds() == {"user": 7}
    assert world.holds(before) == {}
    assert len(world.storage) == 4
    world.clock.now += 301
    world.storage.sweep()
    assert len(world.storage) == 1


# -- where no answer saves it ------------------------------------------------------------------------------------------


@both
@pytest.mark.case(78)
def test_a_websocket_changes_a_session_with_save(interface: str) -> None:
    world = World(interface)
    world.ask(put(user=7))

    @world.app.websocket("/ws")
    async def endpoint(websocket: WebSocket, session: Session) -> None:
        await websocket.accept()
        session["seen"] = ["a"]
        await session.save()
        await websocket.send_json(dict(session))
        session["seen"].append("b")
        await session.save()
        with pytest.raises(RuntimeError, match="begin or regenerate the session in an HTTP request"):
            session.regenerate()
        session["unsaved"] = 1
        await websocket.send_text("done")

    with world.client.websocket_connect("/ws", headers=world.headers) as ws:
        assert ws.receive_json() == {"user": 7, "seen": ["a"]}
        assert ws.receive_text() == "done"
    assert world.holds() == {"user": 7, "seen": ["a", "b"]}


@both
def test_a_websocket_can_end_a_session_and_cannot_begin_one(interface: str) -> None:
    world = World(interface)
    world.ask(put(user=7))

    @world.app.websocket("/ws")
    async def endpoint(websocket: WebSocket, session: Session) -> None:
        await websocket.accept()
        session.clear()
        await session.save()
        session["user"] = 8
        with pytest.raises(RuntimeError, match="a WebSocket has no answer to set a cookie with"):
            await session.save()
        await websocket.send_text("done")

    with world.client.websocket_connect("/ws", headers=world.headers) as ws:
        assert ws.receive_text() == "done"
    assert world.holds() == {}
    with world.client.websocket_connect("/ws") as ws:
        assert ws.receive_text() == "done"
    assert len(world.storage) == 0


@both
def test_save_keeps_what_a_failing_request_has_done_so_far(interface: str) -> None:
    world = World(interface)

    @world.app.get("/steps")
    async def steps(session: Session, fail: bool = False) -> None:
        session["step"] = 1
        await session.save()
        session["step"] = 2
        if fail:
            raise LookupError

    assert "set-cookie" in world.ask(path="/steps").headers
    assert world.holds() == {"step": 2}
    assert world.ask(path="/steps?fail=1").status_code == 500
    assert world.holds() == {"step": 1}


@both
def test_a_session_that_was_saved_by_hand_has_its_cookie_set(interface: str) -> None:
    world = World(interface)

    @world.app.get("/save")
    async def save(session: Session) -> Response:
        session["a"] = 1
        await session.save()
        return Response("x")

    assert "set-cookie" in world.ask(path="/save").headers
    assert world.holds() == {"a": 1}
    assert world.storage.since() == ["set 43200", "get"]


@both
def test_a_stream_and_a_background_task_save_by_hand(interface: str) -> None:
    world = World(interface)
    world.ask(put(user=7))

    @world.app.get("/stream")
    async def stream(session: Session, later: BackgroundTasks) -> StreamingResponse:
        async def rows() -> Any:
            session["row"] = 1
            await session.save()
            yield "row"

        async def after() -> None:
            session["after"] = 1
            await session.save()

        later.add_task(after)
        return StreamingResponse(rows())

    assert world.ask(path="/stream").text == "row"
    assert world.holds() == {"user": 7, "row": 1, "after": 1}


@both
def test_a_cookie_of_0_3_0_moves_into_the_storage(interface: str) -> None:
    world = World(interface, old_cookie=OldCookie("an-old-secret-of-0.3.0"))
    world.clock.now = 1795692846.5
    body = "eyJkIjp7InVzZXIiOiJ6b1x1MDBlYiIsIm4iOlsxLHsiYSI6bnVsbH1dfSwidCI6MTc5NTY5Mjg0Ni4zMTc2NTF9"
    old = f"session={body}.ubkIrdmOlJ_pJWYZCleJ0N1zEjbClsUaMTsmOCedsnU"
    answer = world.client.get("/", headers={"cookie": old})
    assert answer.json() == {"user": "zoë", "n": [1, {"a": None}]}
    new, gone = answer.headers.get_list("set-cookie")
    assert gone == "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    world.cookie = new.partition(";")[0].partition("=")[2]
    assert world.holds() == {"user": "zoë", "n": [1, {"a": None}]}
