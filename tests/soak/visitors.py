"""Clients that ask for everything and leave when they like. Knows HTTP/1.1 and WebSocket frames as far as they need; no server.

Each visit is one request on a connection that is kept while all goes well. A visitor that leaves tears its connection down after
having sent a part of its request, or having read a part of the answer.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 20.0
"""Seconds after which an answer is given up, which is a fault."""

TEXT: Final = b"velocipy" * 20
FORM: Final = (
    b'--edge\r\ncontent-disposition: form-data; name="title"\r\n\r\nclaw\r\n'
    b'--edge\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    + b"y" * 3_000
    + b"\r\n--edge--\r\n"
)


class Fault(Exception):
    """An answer that is not what it should be."""


class Left(Exception):
    """The visitor has left, as it wanted to."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One kind of request: its bytes, how often it is made among others, and the status that answers it."""

    weight: int
    request: bytes
    status: int = 200


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nhost: a\r\n\r\n".encode()


def _post(target: str, kind: str, body: bytes) -> bytes:
    head = f"POST {target} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunked(target: str, body: bytes) -> bytes:
    head = f"POST {target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    pieces = [body[at : at + 1_000] for at in range(0, len(body), 1_000)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


VISITS: Final = {
    "json": Visit(30, _get("/json/7?page=3")),
    "invalid": Visit(4, _get("/json/7?page=many"), 422),
    "missing": Visit(6, _get("/nowhere"), 404),
    "refused": Visit(2, _get("/body"), 405),
    "body": Visit(12, _post("/body", "application/json", b'{"name":"claw","price":1.5,"tags":["a","b"]}')),
    "broken": Visit(2, _post("/body", "application/json", b'{"name":'), 400),
    "large": Visit(3, _post("/small", "application/octet-stream", b"z" * 5_000), 413),
    "larger": Visit(2, _chunked("/small", b"z" * 5_000), 413),
    "chunks": Visit(4, _chunked("/chunks", b"z" * 20_000)),
    "form": Visit(6, _post("/form", "multipart/form-data; boundary=edge", FORM)),
    "stream": Visit(8, _get("/stream/5/0")),
    "pauses": Visit(4, _get("/stream/4/0.001")),
    "blocking": Visit(2, _get("/blocking")),
    "events": Visit(2, _get("/events")),
    "file": Visit(6, _get("/file")),
    "slow": Visit(2, _get("/slow")),
    "fail": Visit(1, _get("/fail"), 500),
}
SOCKETS: Final = 4
"""How often a WebSocket is opened, as the weights of VISITS."""


class Visitor:
    """One client: visits one after the other, on one connection as long as it lasts."""

    def __init__(self, port: int, seed: int, leaving: float, seen: Counter[str]) -> None:
        self._port = port
        self._random = random.Random(seed)
        self._leaving = leaving
        self._seen = seen
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def visit(self, count: int) -> None:
        """Make so many visits. Raises Fault for an answer that is wrong, TimeoutError for one that does not come."""
        names = [*VISITS, "websocket"]
        weights = [*(visit.weight for visit in VISITS.values()), SOCKETS]
        for name in self._random.choices(names, weights, k=count):
            leaves = self._random.random() < self._leaving
            self._seen[name] += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    await (self._socket(leaves) if name == "websocket" else self._ask(VISITS[name], leaves))
            except Left:
                self._seen["left"] += 1
                self.leave()
            except (ConnectionError, asyncio.IncompleteReadError) as exc:
                if name not in ("large", "larger"):  # a server may hang up on who still sends
                    raise Fault(f"{name}: {exc!r}") from exc
                self.leave()
            except TimeoutError:
                raise Fault(f"{name}: no answer within {PATIENCE} s") from None
        self.leave()

    def leave(self) -> None:
        """Tear the connection down, without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.leave()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer

    async def _ask(self, visit: Visit, leaves: bool) -> None:
        reader, writer = await self._connect()
        if leaves and self._random.random() < 0.4:
            await self._part(writer, visit.request)
        writer.write(visit.request)
        if leaves:
            await self._glance(reader)
        head = await reader.readuntil(b"\r\n\r\n")
        status, fields = int(head[9:12]), _fields(head)
        if status != visit.status:
            raise Fault(f"{visit.request[:40]!r} was answered {status}, not {visit.status}")
        await _body(reader, fields)
        if fields.get(b"connection") == b"close" or status == 413:
            self.leave()

    async def _part(self, writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(request[: self._random.randrange(1, len(request))])
        await asyncio.sleep(self._random.random() * 0.003)
        raise Left

    async def _glance(self, reader: asyncio.StreamReader) -> None:
        if self._random.random() < 0.5:
            await reader.read(self._random.randrange(1, 400))
        else:
            await asyncio.sleep(self._random.random() * 0.005)
        raise Left

    async def _socket(self, leaves: bool) -> None:
        self.leave()
        reader, writer = await self._connect()
        await open_socket(reader, writer)
        for _ in range(3):
            writer.write(frame(1, TEXT))
            if leaves and self._random.random() < 0.5:
                raise Left
            if await read_frame(reader) != (1, TEXT):
                raise Fault("a WebSocket sent back something else")
        if leaves:
            raise Left
        writer.write(frame(8, b"\x03\xe8"))
        if (await read_frame(reader))[0] != 8:
            raise Fault("a WebSocket was not closed")
        self.leave()


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = head.lower().split(b"\r\n")[1:-2]
    return {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}


async def _body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> None:
    if b"content-length" in fields:
        await reader.readexactly(int(fields[b"content-length"]))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)


async def open_socket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The handshake of RFC 6455 section 4.1, to `/ws`. Raises Fault when it is refused."""
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"GET /ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: " + key + b"\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head[:14]:
        raise Fault(f"a WebSocket was refused: {head[:40]!r}")


def frame(opcode: int, data: bytes) -> bytes:
    """A masked frame of at most 65,535 bytes (RFC 6455 section 5.2); a mask of zeros leaves data as they are."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
    return bytes([0x80 | opcode]) + size + b"\0\0\0\0" + data


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """(opcode, data) of a whole frame that is not masked."""
    first, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2))
    return first & 0x0F, await reader.readexactly(size)


async def visit_all(
    port: int, visits: int, clients: int, leaving: float, seed: int, seen: Counter[str]
) -> None:
    """So many visits by so many clients at once. Raises the first Fault, when all have ended."""
    share, rest = divmod(visits, clients)
    visitors = [Visitor(port, seed * 10_000 + number, leaving, seen) for number in range(clients)]
    work = [visitor.visit(share + (number < rest)) for number, visitor in enumerate(visitors)]
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
