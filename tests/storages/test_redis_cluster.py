"""A real Redis Cluster of three masters and their replicas: the same promises, slots that move, a master that is lost. Case 136."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from durations import loop_seconds
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from limit_machine import Clock, LimitMachine
from redis_cluster import Cluster, is_master
from redis_server import Server, free_port

from velocipy import Request, VelociPy
from velocipy.limiter import RateLimitAlgorithm, RateLimitRule
from velocipy.limiter.verdict import Verdict
from velocipy.middleware import SessionMiddleware
from velocipy.redis import RedisStorage, RedisUnavailable
from velocipy.redis.hash_slots import SLOTS, slot_of
from velocipy.storage import Storage
from velocipy.testing import TestClient
from velocipy.testing.storages import StorageContract

T = TypeVar("T")
pytestmark = [pytest.mark.servers, pytest.mark.case(136)]

ALGORITHMS = list(RateLimitAlgorithm)
ALL = tuple(RateLimitRule(kind, 20, 3600, algorithm=kind) for kind in ALGORITHMS)
PATIENCE = 0.5
IN_TIME = 0.3 + PATIENCE
"""Seconds that the loop had."""
BACK_WITHIN = 20.0
_numbers = count()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def storage_of(cluster: Cluster, clock: Clock | None = None, deadline: float = 5) -> Any:
    """A storage whose keys nobody else has; with a clock it goes by that one."""
    storage = RedisStorage(cluster.url, prefix=f"c{next(_numbers)}:", deadline=deadline)
    if clock is not None:
        storage.limits._time = lambda: str(clock.now)
    return storage


def key_of(storage: Any, identity: str) -> str:
    """One of an identity's keys."""
    limits = storage.limits
    key: str = limits._keys(limits._plan(ALL), identity)[0]
    return key


class TestOnACluster(StorageContract):
    """The contract of all storages of keys."""

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: Cluster) -> None:
        self.url = cluster.url

    def make(self) -> Storage:
        return RedisStorage(self.url, deadline=5)


# -- what is promised ----------------------------------------------------------------------------------------------


def test_all_keys_of_an_identity_are_in_one_slot_and_identities_are_spread(cluster: Cluster) -> None:
    async def main() -> None:
        async with storage_of(cluster) as storage:
            for number in range(60):
                assert (await storage.decide(ALL, f"user {number}")).allowed
            limits = storage.limits
            slots = [
                {slot_of(key) for key in limits._keys(limits._plan(ALL), f"user {number}")}
                for number in range(60)
            ]
            assert {len(one) for one in slots} == {1}
            assert len({cluster.master_of(key_of(storage, f"user {number}")) for number in range(60)}) == 3

    asyncio.run(main())


@pytest.mark.case(113)
def test_800_callers_of_4_storages_are_admitted_exactly_100_times(cluster: Cluster) -> None:
    rules = tuple(RateLimitRule(kind, 100, 3600, algorithm=kind) for kind in ALGORITHMS)

    async def main() -> None:
        storages = [RedisStorage(cluster.url, prefix="many:", deadline=30) for _ in range(4)]
        told = await asyncio.gather(
            *(storage.decide(rules, "everybody") for storage in storages for _ in range(200))
        )
        assert sum(verdict.allowed for verdict in told) == 100
        for storage in storages:
            await storage.close()

    asyncio.run(main())


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_session_is_found_by_another_worker(cluster: Cluster, interface: str) -> None:
    def worker() -> VelociPy:
        app = VelociPy(plugins=False)
        secret, storage = "a secret of enough letters " * 2, RedisStorage(cluster.url, deadline=5)
        app.add_middleware(SessionMiddleware(secret, storage=storage, https_only=False))

        @app.get("/")
        async def count_visits(request: Request) -> int:
            request.session["n"] = request.session.get("n", 0) + 1
            number: int = request.session["n"]
            return number

        return app

    with TestClient(worker(), interface=interface) as first:
        assert [first.get("/").json() for _ in range(2)] == [1, 2]
        cookies = dict(first.cookies)
    with TestClient(worker(), interface=interface, cookies=cookies) as second:
        assert second.get("/").json() == 3


def test_a_server_of_a_cluster_that_is_named_alone_is_said_to_be_one(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with RedisStorage(cluster.servers[0].url, deadline=5) as storage:
            key = next(
                key
                for key in map(str, count())
                if cluster.master_of(f"velocipy:{key}") is not cluster.servers[0]
            )
            for said in ("MovedError", r"write redis\+cluster://"):
                with pytest.raises(RedisUnavailable, match=said):
                    await storage.get(key)

    asyncio.run(main())
    (line,) = [message for message in caplog.messages if "out of order" in message]
    assert "until the app is configured anew" in line


def test_a_cluster_that_is_set_up_later_is_used_as_far_as_it_is(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--save", "")

    async def used(storage: Any, key: str) -> None:
        ends = time.monotonic() + BACK_WITHIN
        while True:
            try:
                await storage.set(key, b"1")
                return
            except RedisUnavailable:
                assert time.monotonic() < ends
                await asyncio.sleep(0.05)

    async def main() -> None:
        with Server(tmp_path, *options, "--cluster-port", str(free_port())) as server:
            async with RedisStorage(f"redis+cluster://127.0.0.1:{server.port}", deadline=5) as storage:
                last = slot_of("velocipy:last")
                for _ in range(4):
                    with pytest.raises(RedisUnavailable, match="not set up yet"):
                        await storage.get("first")
                others = ("0", str(last - 1), str(last + 1), str(SLOTS - 1))
                assert server.ask("CLUSTER", "ADDSLOTSRANGE", *others) == b"+OK"
                await used(storage, "first")
                with pytest.raises(RedisUnavailable, match=f"no server of the cluster has slot {last}"):
                    await storage.get("last")
                assert server.ask("CLUSTER", "ADDSLOTS", str(last)) == b"+OK"
                await used(storage, "last")
                assert (await storage.health()).usable

    asyncio.run(main())


# -- slots that move -----------------------------------------------------------------------------------------------


def move(key: str, old: Server, new: Server) -> None:
    """One key, as a resharding moves it."""
    assert old.ask("MIGRATE", "127.0.0.1", str(new.port), key, "0", "5000") == b"+OK"


def test_counts_follow_a_slot_that_moves_to_another_master(cluster: Cluster) -> None:
    """ASK, TRYAGAIN and MOVED, from the servers themselves."""

    async def main() -> None:
        async with storage_of(cluster) as storage:
            one, two = (RateLimitRule("one", 5, 3600),), ALL[1:3]
            plan = storage.limits._plan
            key, first, second = (
                storage.limits._keys(plan(rules), "moving")[place]
                for rules, place in ((one, 0), (two, 0), (two, 1))
            )
            old = cluster.master_of(key)
            new = next(server for server in cluster.servers if is_master(server) and server is not old)
            assert [(await storage.decide(one, "moving")).remaining for _ in range(2)] == [4, 3]
            assert (await storage.decide(two, "moving")).allowed

            slot = str(slot_of(key))
            assert new.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", old.name()) == b"+OK"
            assert old.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", new.name()) == b"+OK"
            assert (await storage.decide(one, "moving")).remaining == 2  # the key is here still
            move(key, old, new)
            assert (await storage.decide(one, "moving")).remaining == 1  # ASK
            move(first, old, new)
            async with loop_seconds() as took:
                for _ in range(5):
                    with pytest.raises(RedisUnavailable, match="do not agree"):  # TRYAGAIN
                        await storage.decide(two, "moving")
                assert took() < 5 * IN_TIME  # that it does not wait for its deadline, which would be 25 s
            move(second, old, new)
            assert (await storage.decide(two, "moving")).remaining == 18

            for server in (new, old):
                assert server.ask("CLUSTER", "SETSLOT", slot, "NODE", new.name()) == b"+OK"
            assert (await storage.decide(one, "moving")).remaining == 0  # MOVED
            assert not (await storage.decide(one, "moving")).allowed
            assert (await storage.health()).usable

    asyncio.run(main())


# -- a master that is lost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_who_calls_while_a_master_is_lost_is_answered_in_time_and_not_admitted_twice(
    cluster: Cluster, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A limit of 20 by four rules, 24 identities, callers without a pause: one limit more at most, and only where a server was lost."""
    identities = [f"caller {number}" for number in range(24)]
    admitted: Counter[str] = Counter()
    unanswered: Counter[str] = Counter()
    slowest = 0.0

    async def call(storage: Any, identity: str) -> bool:
        nonlocal slowest
        async with loop_seconds() as took:
            try:
                admitted[identity] += (await storage.decide(ALL, identity)).allowed
                return True
            except RedisUnavailable:
                unanswered[identity] += 1
                return False
            finally:
                slowest = max(slowest, took())

    async def main() -> set[str]:
        storage = storage_of(cluster, deadline=0.25)
        lost = cluster.master_of(key_of(storage, identities[0]))
        theirs = {one for one in identities if cluster.master_of(key_of(storage, one)) is lost}
        stop = asyncio.Event()

        async def keep_calling(identity: str) -> None:
            while not stop.is_set():
                await call(storage, identity)
                await asyncio.sleep(0.02)

        ends = time.monotonic() + BACK_WITHIN
        while not all([await call(storage, identity) for identity in identities]):  # its first connections
            assert time.monotonic() < ends
        callers = [asyncio.create_task(keep_calling(identity)) for identity in identities]
        await asyncio.sleep(0.1)
        lost.stop() if how == "killed" else lost.freeze()
        try:
            await asyncio.to_thread(cluster.until_replaced, lost, key_of(storage, identities[0]))
            began = time.monotonic()
            while not all([await call(storage, identity) for identity in identities]):
                await asyncio.sleep(0.05)
                assert time.monotonic() - began < BACK_WITHIN
            for identity in identities * 20:
                await call(storage, identity)
        finally:
            stop.set()
            await asyncio.gather(*callers)
            await asyncio.to_thread(lost.start if how == "killed" else lost.thaw)
            await storage.close()
        await asyncio.to_thread(cluster.until_well)
        return theirs

    theirs = asyncio.run(main())
    gc.collect()
    assert slowest < IN_TIME
    for one in identities:  # a decision whose reply was lost may be counted, and admits nobody
        assert 20 - unanswered[one] <= admitted[one] <= (40 if one in theirs else 20), one
    check_changes([record.getMessage() for record in caplog.records if record.name == "velocipy.redis"])
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def check_changes(lines: list[str]) -> None:
    """Of each server first that it is out of order, then that it is back or gone, and so on.

    A machine that is busy at the end may have answered too late: that is said last then, since nobody tries any more.
    """
    servers = {line.split(",")[0] for line in lines}
    assert 1 <= len(servers) <= 4
    told = [["out of order" in line for line in lines if line.startswith(server)] for server in servers]
    for said in told:
        assert said == ([True, False] * len(said))[: len(said)], lines
    assert [True, False] in [said[:2] for said in told], lines


@pytest.mark.case(111)
def test_every_promise_is_kept_over_a_failover(cluster: Cluster) -> None:
    """The 60th decision finds its master killed, whose replica has everything: no count is lost, none is made twice."""
    decisions = count()

    with asyncio.Runner() as loop:

        class Machine(LimitMachine):
            algorithms = tuple(ALGORITHMS)

            def make_storage(self, clock: Clock) -> Any:
                return storage_of(cluster, clock, deadline=0.25)

            def run(self, asked: Coroutine[Any, Any, T]) -> T:
                return loop.run(asked)

            def decide(self, identity: str, cost: int | None) -> Verdict:
                if next(decisions) == 60:
                    limits = self.storage.limits
                    key = limits._keys(limits._plan(self.limits), identity)[0]
                    lost.append(cluster.master_of(key))
                    cluster.lose(lost[0])
                ends = time.monotonic() + 20
                while True:
                    try:
                        return super().decide(identity, cost)
                    except RedisUnavailable:
                        assert time.monotonic() < ends
                        time.sleep(0.05)

        lost: list[Server] = []
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine,
            settings=settings(
                max_examples=8,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    (gone,) = lost
    gone.start()
    cluster.until_well()
