"""RedisStorage as a storage of keys: the contract of all storages on a real server, and what is special about this one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from itertools import count

import pytest
from redis.asyncio import Redis, RedisCluster, SSLConnection
from redis_server import Server

from velocipy import Request, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import SessionMiddleware
from velocipy.redis import Health, RedisStorage, RedisUnavailable
from velocipy.redis.client import Members
from velocipy.redis.hash_slots import Place
from velocipy.storage import Storage, find_storage
from velocipy.testing import TestClient
from velocipy.testing.storages import Check, StorageContract

pytestmark = pytest.mark.servers


class TestOnAServer(StorageContract):
    """The contract, by URL."""

    @pytest.fixture(autouse=True)
    def _server(self, server: Server) -> None:
        self.url = server.url

    def make(self) -> Storage:
        return RedisStorage(self.url, deadline=5)


class TestOnAClient(TestOnAServer):
    """The same through a client of one's own, which stays open when the storage is closed."""

    def make(self) -> Storage:
        self.client = Redis.from_url(self.url)
        return RedisStorage(client=self.client, deadline=5)

    def run(self, check: Check) -> None:
        async def and_close(storage: Storage, key: str) -> None:
            await check(storage, key)
            await storage.close()
            assert await self.client.ping()
            await self.client.aclose()

        super().run(and_close)


def test_updates_of_several_storages_lose_none(server: Server) -> None:
    """As from several processes: nothing but the server stands between them."""

    def add(old: bytes | None) -> bytes:
        return b"%d" % (int(old or b"0") + 1)

    async def main() -> None:
        storages = [RedisStorage(server.url, prefix="several:", deadline=5) for _ in range(4)]
        await asyncio.gather(
            *(storage.atomic_update("n", add, 60) for storage in storages for _ in range(25))
        )
        assert await storages[0].get("n") == b"100"
        for storage in storages:
            await storage.close()

    asyncio.run(main())


def test_an_update_that_others_keep_coming_between_is_given_up(server: Server) -> None:
    async def main() -> None:
        async with RedisStorage(server.url, prefix="between:", deadline=5) as storage:
            numbers = count()

            def overtaken(old: bytes | None) -> bytes:
                assert server.ask("SET", "between:n", str(next(numbers))) == b"+OK"
                return b"mine"

            with pytest.raises(RedisUnavailable, match="32 tries"):
                await storage.atomic_update("n", overtaken, 60)
            assert await storage.get("n") == b"31"

    asyncio.run(main())


def test_a_key_is_text(server: Server) -> None:
    async def main() -> None:
        async with RedisStorage(server.url, deadline=5) as storage:
            with pytest.raises(TypeError, match="not under bytes"):
                await storage.get(b"key")  # type: ignore[arg-type]

    asyncio.run(main())


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_session_lives_in_redis_and_is_found_by_another_worker(server: Server, interface: str) -> None:
    def worker() -> VelociPy:
        app = VelociPy(plugins=False)
        app.add_middleware(
            SessionMiddleware(
                "a secret of enough letters " * 2,
                storage=RedisStorage(server.url, deadline=5),
                https_only=False,
            )
        )

        @app.get("/")
        async def count(request: Request) -> int:
            request.session["n"] = request.session.get("n", 0) + 1
            number: int = request.session["n"]
            return number

        return app

    with TestClient(worker(), interface=interface) as first:
        assert [first.get("/").json() for _ in range(2)] == [1, 2]
        cookies = dict(first.cookies)
    with TestClient(worker(), interface=interface, cookies=cookies) as second:
        assert second.get("/").json() == 3


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_while_redis_is_down_what_needs_it_fails_and_all_else_is_served(interface: str) -> None:
    app = VelociPy(plugins=False)
    storage = RedisStorage("redis://127.0.0.1:1")
    app.add_middleware(SessionMiddleware("a secret of enough letters " * 2, storage=storage))

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    @app.get("/key")
    async def key() -> bool:
        return await storage.get("key") is None

    @app.get("/in")
    async def enter(request: Request) -> str:
        request.session["user"] = 1
        return "in"

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/plain").text == "plain"
        for _ in range(5):
            answer = client.get("/key")
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "1")
            assert client.get("/in").status_code == 500  # a session that could not be kept is no success
        assert client.get("/plain").text == "plain"


def test_a_storage_is_used_from_one_loop_after_another(server: Server) -> None:
    storage = RedisStorage(server.url, deadline=5)

    async def use(number: bytes) -> bytes | None:
        before = await storage.get("loops")
        await storage.set("loops", number, 60)
        await storage.close()
        return before

    asyncio.run(use(b"1"))
    assert asyncio.run(use(b"2")) == b"1"


def test_it_is_found_by_its_name() -> None:
    assert isinstance(find_storage("redis"), RedisStorage)


def test_health_says_how_it_is_and_never_raises(server: Server) -> None:
    async def ask(url: str) -> Health:
        async with RedisStorage(url) as storage:
            return await storage.health()

    well, ill = asyncio.run(ask(server.url)), asyncio.run(ask("redis://127.0.0.1:1"))
    assert (well.usable, well.error, well.seconds < 0.25) == (True, None, True)
    assert not ill.usable
    assert ill.error is not None and ill.error.startswith("ConnectionError")


@pytest.mark.case(136)
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://localhost:26379/main", "Sentinel's master is passed as a client"),
        ("redis+cluster://localhost:7000/1", "no database but 0"),
        ("redis+cluster://localhost:port,localhost:7001", "no URL of a Redis"),
        ("redis+cluster://me:secret@one:7000,me:secret@two:7000", "stand once"),
        ("unix+cluster://localhost", "no URL of a Redis"),
        ("http://localhost", "no URL of a Redis"),
        ("localhost:6379", "no URL of a Redis"),
        ("redis://localhost:port", "no URL of a Redis"),
        ("redis://me:secret@localhost:port/0?password=secret", "'redis://localhost:port/0' is no URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_when_the_storage_is_made(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisStorage(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prefix": "a{b"}, "braces"),
        ({"prefix": "ä"}, "ASCII"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": float("nan")}, "deadline"),
        ({"max_connections": 0}, "max_connections"),
        ({"client": object()}, "no method 'execute_command'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        RedisStorage(**options)  # type: ignore[arg-type]


@pytest.mark.case(136)
def test_a_client_of_a_cluster_is_refused_for_its_url() -> None:
    with pytest.raises(ConfigurationError, match=r"write redis\+cluster://"):
        RedisStorage(client=RedisCluster("localhost"))


@pytest.mark.parametrize(
    ("url", "seeds"),
    [
        ("redis+cluster://one:7000,two:7001", [("one", 7000), ("two", 7001)]),
        (
            "redis+cluster://me:pass%40word@one,[::1]:7001/0?health_check_interval=5",
            [("one", 6379), ("::1", 7001)],
        ),
        ("rediss+cluster://one:7000/", [("one", 7000)]),
    ],
)
def test_a_url_names_some_servers_of_a_cluster(url: str, seeds: list[tuple[str, int]]) -> None:
    members = Members(url, 3)
    assert list(members.seeds) == seeds
    pool = members.connect(Place("three", 7002)).connection_pool
    options = pool.connection_kwargs
    assert (options["host"], options["port"], pool.max_connections) == ("three", 7002, 3)
    assert options.get("password") == ("pass@word" if "pass" in url else None)
    assert issubclass(pool.connection_class, SSLConnection) == url.startswith("rediss")


def test_a_client_that_decodes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="decode_responses"):
        RedisStorage(client=Redis(decode_responses=True))


def test_no_secret_is_shown() -> None:
    shown = repr(RedisStorage("redis://me:secret@localhost:6379/1?password=secret2"))
    assert shown == "<RedisStorage redis://localhost:6379/1>"
    shown = repr(RedisStorage("redis+cluster://me:secret@one:6379,two:6379/?username=@you"))
    assert shown == "<RedisStorage redis+cluster://one:6379,two:6379/>"


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO, "velocipy.redis")
    yield


def test_what_another_program_left_under_a_key_is_an_error_of_that_key_alone(server: Server) -> None:
    async def main() -> None:
        async with RedisStorage(server.url, deadline=5) as storage:
            server.ask("RPUSH", "velocipy:list", "1")
            for _ in range(5):
                with pytest.raises(Exception, match="WRONGTYPE"):
                    await storage.get("list")
            await storage.set("other", b"1", 60)
            assert await storage.get("other") == b"1"
            await storage.delete("list")

    asyncio.run(main())
