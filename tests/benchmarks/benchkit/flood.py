"""The bundled load generator: a program of its own, so that it can be pinned. Knows sockets and framing; does not know servers.

    python flood.py '{"port": 8000, "request": "<base64>", "seconds": 1.0, "connections": 64}'
    -> {"requests": 31415, "seconds": 1.0003, "statuses": {"200": 31415}}

N connections with keep-alive, on each of them one request after the other and never two at once. Standard library alone; about
a third of wrk's rate, so a fast server may wait for it: the report shows how busy the server was.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

CONNECT_SECONDS: Final = 5.0


@dataclass(slots=True)
class Tally:
    """What came back so far, and the shape of the usual answer."""

    request: bytes
    statuses: Counter[int] = field(default_factory=Counter)
    usual: int = -1
    opening: bytes = b""
    lost: int = 0
    running: bool = True


def frame(data: bytes) -> tuple[int, int] | None:
    """(status, length of the first response in `data`), or None while it is incomplete. RFC 9112 section 6.3.

    Raises ValueError for what is no response, or one whose end only the end of the connection would tell.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower().split(b"\r\n")
    version, _, rest = head[0].partition(b" ")
    if not version.startswith(b"http/1."):
        raise ValueError(f"not an HTTP/1 response: {data[:60]!r}")
    status = int(rest[:3])
    fields = dict(line.split(b":", 1) for line in head[1:])
    length = _length(data, end + 4, status, fields)
    return None if length is None or len(data) < length else (status, length)


def _length(data: bytes, start: int, status: int, fields: dict[bytes, bytes]) -> int | None:
    if status in (204, 304):
        return start
    if b"content-length" in fields:
        return start + int(fields[b"content-length"])
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return _chunked(data, start)
    raise ValueError(
        "a response without Content-Length and not chunked: its end cannot be seen on a kept connection"
    )


def _chunked(data: bytes, at: int) -> int | None:
    """Where the last chunk ends (RFC 9112 section 7.1, no trailers), or None while it is not there."""
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].partition(b";")[0], 16)
        at = line + 2 + size + 2
        if size == 0:
            return at
    return None


class Connection(asyncio.Protocol):
    """One kept connection: sends, reads one whole response, counts it, sends again."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self) -> None:
        self.transport.write(self.tally.request)

    def data_received(self, data: bytes) -> None:
        tally = self.tally
        if not tally.running:
            return
        # The answer to one request always has one length once it was compared: only another length is read line by line.
        if len(data) == tally.usual and data.startswith(tally.opening) and not self.rest:
            tally.statuses[int(tally.opening[9:12])] += 1
            self.transport.write(tally.request)
        else:
            self.read_slowly(self.rest + data)

    def read_slowly(self, data: bytes) -> None:
        framed = frame(data)
        if framed is None:
            self.rest = data
            return
        status, length = framed
        if length != len(data):
            raise ValueError(f"{len(data) - length} bytes after the response, though one request was sent")
        self.tally.statuses[status] += 1
        self.tally.usual, self.tally.opening, self.rest = length, data[:12], b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.tally.running:
            self.tally.lost += 1


async def flood(port: int, request: bytes, seconds: float, connections: int) -> dict[str, object]:
    """Loads 127.0.0.1:port for `seconds`. Only whole responses within that time count; the clock starts with the first request."""
    tally = Tally(request)
    loop = asyncio.get_running_loop()
    faults: list[str] = []
    loop.set_exception_handler(
        lambda _loop, context: faults.append(str(context.get("exception") or context["message"]))
    )
    opened = [await _connect(loop, tally, port) for _ in range(connections)]
    started = time.perf_counter()
    for connection in opened:
        connection.send()
    await asyncio.sleep(seconds)
    tally.running = False
    elapsed = time.perf_counter() - started
    for connection in opened:
        connection.transport.abort()
    statuses = {str(status): count for status, count in tally.statuses.items()}
    faults += [f"{tally.lost} connections lost"] if tally.lost else []
    return {
        "requests": tally.statuses.total(),
        "seconds": elapsed,
        "statuses": statuses,
        "faults": faults[:3],
    }


async def _connect(loop: asyncio.AbstractEventLoop, tally: Tally, port: int) -> Connection:
    opening = loop.create_connection(lambda: Connection(tally), "127.0.0.1", port)
    _, connection = await asyncio.wait_for(opening, CONNECT_SECONDS)
    return connection


def main(text: str) -> None:
    wanted = json.loads(text)
    request = base64.b64decode(wanted["request"])
    print(json.dumps(asyncio.run(flood(wanted["port"], request, wanted["seconds"], wanted["connections"]))))


if __name__ == "__main__":
    main(sys.argv[1])
