"""A real Redis Cluster on free ports of 127.0.0.1: three masters, a replica of each. Knows servers; knows no storages.

with Cluster(tmp_path) as cluster: cluster.url; cluster.master_of("a key").stop()
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from redis_server import Server, free_port

from velocipy.redis.hash_slots import SLOTS, slot_of

SHARE = SLOTS // 3 + 1


class Cluster:
    """Six servers. A master that is silent for `node_timeout` milliseconds is replaced by its replica."""

    def __init__(self, folder: Path, node_timeout: int = 1000) -> None:
        self.servers = [
            Server(
                folder / str(number),
                *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
                *("--cluster-node-timeout", str(node_timeout), "--cluster-replica-validity-factor", "0"),
                *("--save", "", "--repl-diskless-sync-delay", "0"),
            )
            for number in range(6)
        ]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in self.servers[:3])

    def start(self) -> None:
        """Returns when every server knows of all, and every replica has what its master has."""
        for server in self.servers:
            server.start()
        masters, replicas = self.servers[:3], self.servers[3:]
        for number, server in enumerate(masters):
            first, last = SHARE * number, min(SHARE * (number + 1), SLOTS) - 1
            assert server.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == b"+OK"
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for server in self.servers[1:]:
            met = self.servers[0].ask(
                *("CLUSTER", "MEET", "127.0.0.1", str(server.port), server.option("--cluster-port"))
            )
            assert met == b"+OK"
        until(lambda: all(b"cluster_known_nodes:6" in one.reply("CLUSTER", "INFO") for one in self.servers))
        for master, replica in zip(masters, replicas, strict=True):
            until(partial(_follows, replica, master.name()))
        self.until_well()

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def until_well(self) -> None:
        """Three masters have all slots, and three replicas all keys."""
        until(lambda: all(b"cluster_state:ok" in one.reply("CLUSTER", "INFO") for one in self.servers))
        until(lambda: sum(b"master_link_status:up" in _replication(one) for one in self.servers) == 3)

    def master_of(self, key: str) -> Server:
        """Who has its slot now."""
        found = _master_of(key, self.servers)
        assert found is not None
        return found

    def lose(self, master: Server) -> None:
        """Kill a master whose replica has all that it wrote."""
        assert master.ask("WAIT", "1", "5000") == b":1"
        master.stop()

    def until_replaced(self, lost: Server, key: str) -> None:
        """Another server is master of a key that the lost one had, and the others know it."""
        others = [one for one in self.servers if one is not lost]
        until(lambda: _master_of(key, others) is not None)
        until(lambda: all(b"cluster_state:ok" in one.reply("CLUSTER", "INFO") for one in others))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def is_master(server: Server) -> bool:
    return b"role:master" in _replication(server)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that comes by itself."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)


def _follows(replica: Server, name: str) -> bool:
    """False as long as it does not know that master."""
    return replica.ask("CLUSTER", "REPLICATE", name) == b"+OK"


def _replication(server: Server) -> bytes:
    return server.reply("INFO", "replication")


def _master_of(key: str, servers: list[Server]) -> Server | None:
    slot = slot_of(key)
    for server in servers:
        for line in server.reply("CLUSTER", "NODES").decode().splitlines():
            if "myself,master" in line and _has(line.split()[8:], slot):
                return server
    return None


def _has(ranges: list[str], slot: int) -> bool:
    ends = [text.partition("-") for text in ranges if not text.startswith("[")]
    return any(int(first) <= slot <= int(last or first) for first, _, last in ends)
