"""What stands between a client and a Redis, and fails on purpose: a TCP proxy, and a server that replies by script. Knows RESP only.

async with Proxy(port) as proxy: proxy.fault = "cut"
async with Scripted(b"-READONLY ...\r\n") as fake: fake.url
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from types import TracebackType
from typing import ClassVar, Self

FAULTS = ("refuse", "black hole", "latency", "reset", "slices", "cut", "garbage")
"""refuse: nobody listens. black hole: bytes go in, none come out. latency: a second. reset: as soon as a command comes.
slices: one byte a packet. cut: after half a reply. garbage: an HTTP answer."""


SLOTS = b"*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"


class Listener:
    """A server on a free port that closes everything at its end."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: set[StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def cluster_url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.port}"

    def slots(self) -> bytes:
        """The reply to CLUSTER SLOTS of a server that has them all, and does not know its own host."""
        return b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:%d\r\n" % self.port

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def deafen(self) -> None:
        """Listen no more, and reset what is connected."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.deafen()


class Proxy(Listener):
    """Passes bytes to a server until `fault` names one of FAULTS; by its `cluster_url` that server is a cluster of one."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target = port
        self.fault: str | None = None
        self.connections = 0

    async def narrowed(self, number: int) -> None:
        """Returns as soon as there are no more connections than that: it sees later than its client that one was given up."""
        async with asyncio.timeout(20):
            while self.connections > number:
                await asyncio.sleep(0.02)

    async def break_(self, fault: str) -> None:
        self.fault = fault
        if fault == "refuse":
            await self.deafen()

    async def mend(self) -> None:
        fault, self.fault = self.fault, None
        if fault == "refuse":
            await self.listen()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        try:
            theirs, to_them = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(self._forth(reader, to_them, writer), self._back(theirs, writer))
            finally:
                to_them.transport.abort()
        finally:
            self.connections -= 1

    async def _forth(self, reader: StreamReader, to_them: StreamWriter, writer: StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.fault == "reset":
                raise ConnectionResetError
            if self.fault == "garbage":
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                continue
            if data.endswith(SLOTS) and self.fault is None:
                writer.write(self.slots())
                continue
            to_them.write(data)
            await to_them.drain()
        raise ConnectionResetError

    async def _back(self, theirs: StreamReader, writer: StreamWriter) -> None:
        while data := await theirs.read(65_536):
            if self.fault == "black hole":
                continue
            if self.fault == "latency":
                await asyncio.sleep(1)
            if self.fault == "cut":
                writer.write(data[: len(data) // 2])
                await writer.drain()
                raise ConnectionResetError
            if self.fault == "slices":
                for index in range(len(data)):
                    writer.write(data[index : index + 1])
                    await writer.drain()
                    await asyncio.sleep(0)
                continue
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


class Scripted(Listener):
    """Replies the same to every command but those by which a connection begins, and notes what it was asked. `%d` is its own port."""

    begins: ClassVar = dict.fromkeys((b"CLIENT", b"SELECT", b"HELLO", b"ASKING"), b"+OK\r\n")

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply
        self.asked: list[bytes] = []

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        while head := await reader.readline():
            words = []
            for _ in range(int(head[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2])
            reply = self.begins.get(words[0].upper())
            if words[:2] == [b"CLUSTER", b"SLOTS"]:
                reply = self.slots()
            if reply is None:
                self.asked.append(words[0].upper())
            writer.write(reply or self.reply.replace(b"%d", b"%d" % self.port))
            await writer.drain()
