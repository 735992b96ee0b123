"""`hatch run idle`: what a WebSocket that says nothing costs a worker. Knows the command line, starts servers and their clients.

10,000 connections are opened to one worker by a process of their own; the worker says what it holds before and after. JSON goes to
stdout. Exit status: 0 measured, 1 a connection was refused, lost or not answered, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "conformance")]

from measure import report_of  # noqa: E402  # after the path is set: this is a script
from servers import RunningServer, serve  # noqa: E402
from visitors import Fault, frame, open_socket, read_frame  # noqa: E402

OPTIONS = {
    "granian-rsgi": ("--backlog", "16384", "--backpressure", "20000"),
    "granian-asgi": ("--backlog", "16384", "--backpressure", "20000"),
    "uvicorn-httptools": ("--backlog", "16384"),
}
"""Granian serves 1,024 exchanges at once unless it is told otherwise, and an open WebSocket is one."""

AT_ONCE = 50
"""Handshakes under way."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def raise_file_limit() -> int:
    """The most files that this process and those that it starts may open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


async def hold(port: int, count: int) -> None:
    """Open so many, say so, and hold them until a line comes; then have each of them answer. Raises Fault."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> Streams:
        async with turn:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
            await open_socket(reader, writer)
            return reader, writer

    async def ask(streams: Streams) -> None:
        async with turn:
            streams[1].write(frame(1, b"still there?"))
            if await asyncio.wait_for(read_frame(streams[0]), 20) != (1, b"still there?"):
                raise Fault("a WebSocket sent back something else")

    held = await asyncio.gather(*(one() for _ in range(count)))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(ask(streams) for streams in held))
    print("answered", flush=True)


async def measure(server: RunningServer, count: int) -> dict[str, object]:
    """What a server holds without and with so many connections. Raises Fault."""
    for _ in range(50):  # what is loaded at first use is loaded then
        await asyncio.to_thread(report_of, server.port)
    before = await asyncio.to_thread(report_of, server.port)
    arguments = [str(HERE / "idle.py"), "--hold", str(server.port), str(count)]
    pipe = asyncio.subprocess.PIPE
    client = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    assert client.stdin is not None and client.stdout is not None
    try:
        if await client.stdout.readline() != b"open\n":
            raise Fault(f"{server.kind} did not take {count:,} connections:\n{server.tail()}")
        after = await asyncio.to_thread(report_of, server.port)
        client.stdin.write(b"\n")
        if await client.stdout.readline() != b"answered\n":
            raise Fault(f"{server.kind} did not answer on each of {count:,} connections:\n{server.tail()}")
    finally:
        if client.returncode is None:
            client.kill()
        await client.wait()
    return {
        "server": server.kind,
        "connections": after["sockets"],
        "rss_before": before["rss"],
        "rss_after": after["rss"],
        "bytes_each": round((after["rss"] - before["rss"]) / count),
        "tasks_each": round((after["tasks"] - before["tasks"]) / count, 2),
        "files_each": round((after["files"] - before["files"]) / count, 2),
    }


def measured(kind: str, count: int) -> dict[str, object]:
    """The same, with a server that is started for it."""
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    with serve(kind, "soak_app:app", cwd=HERE, env={"PYTHONPATH": paths}, options=OPTIONS[kind]) as server:
        return asyncio.run(measure(server, count))


def main(arguments: list[str] | None = None) -> int:
    """One server after the other."""
    parser = argparse.ArgumentParser(prog="hatch run idle", description=__doc__)
    parser.add_argument(
        "--servers", nargs="*", choices=list(OPTIONS), default=["granian-rsgi", "uvicorn-httptools"]
    )
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--hold", nargs=2, type=int, metavar=("PORT", "COUNT"), help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    limit = raise_file_limit()
    if args.hold:
        asyncio.run(hold(*args.hold))
        return 0
    if args.connections + 200 > limit:
        parser.error(f"a process may open {limit:,} files here, too few for {args.connections:,} connections")
    try:
        print(json.dumps([measured(kind, args.connections) for kind in args.servers], indent=1))
    except Fault as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
