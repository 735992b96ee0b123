"""A bare RSGI app that writes down what its server does to it. Knows the protocol alone; each method is one experiment.

`GET /name` runs the experiment `name`; `GET /notes/name` answers what it wrote down, as JSON, and `null` until it ended.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

Notes = list[Any]


def plain(value: Any) -> Any:
    """Something JSON can carry."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return (
        value if value is None or isinstance(value, (str, int, float, list, dict)) else type(value).__name__
    )


async def attempt(work: Callable[[], Any]) -> Any:
    """What a call gives, awaited if need be, or the name of what it raises."""
    try:
        result = work()
        return plain(await result if inspect.isawaitable(result) else result)
    except (Exception, asyncio.CancelledError) as exc:
        return type(exc).__name__


async def bounded(awaitable: Awaitable[Any], seconds: float = 0.5) -> Any:
    async def wait() -> Any:
        return await awaitable

    return await asyncio.wait_for(wait(), seconds)


class ContractApp:
    """Experiments for HTTP and WebSocket."""

    def __init__(self) -> None:
        self.notes: dict[str, Notes] = {}
        self.ended: set[str] = set()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.notes["lifespan"] = [loop.is_running(), loop.run_until_complete(asyncio.sleep(0, "ran"))]
        self.ended.add("lifespan")

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        name, _, rest = scope.path.strip("/").partition("/")
        if name == "notes":
            found = self.notes[rest] if rest in self.ended else None
            protocol.response_str(200, [], json.dumps(found))
            return
        notes = self.notes[name] = []
        self.ended.discard(name)
        try:
            await getattr(self, name)(scope, protocol, notes)
        finally:
            self.ended.add(name)

    # Scope and headers.

    async def scope(self, scope: Any, protocol: Any, notes: Notes) -> None:
        for name in (
            "proto",
            "rsgi_version",
            "http_version",
            "scheme",
            "method",
            "path",
            "query_string",
            "authority",
        ):
            notes.append(getattr(scope, name))
        notes.append([text.count(":") for text in (scope.client, scope.server)])
        protocol.response_empty(200, [])

    async def frozen(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(lambda: setattr(scope, "path", "/x")))
        notes.append(await attempt(lambda: setattr(scope, "user", "x")))
        notes.append(scope.headers is scope.headers)
        protocol.response_empty(200, [])

    async def headers(self, scope: Any, protocol: Any, notes: Notes) -> None:
        headers = scope.headers
        ours = ("x-dup", "x-bad", "x-mixed", "x-tab")
        notes.append([name for name in headers.keys() if name in ours])
        notes.append([list(pair) for pair in headers.items() if pair[0] in ours])
        notes.append([headers.get(name, "default") for name in (*ours, "X-DUP", "x-none", "not a name")])
        notes.append([headers.get_all(name) for name in (*ours, "X-Dup", "x-none")])
        notes.append([await attempt(partial(headers.__getitem__, name)) for name in (*ours, "x-none")])
        notes.append(["X-Bad" in headers, "x-none" in headers, len(headers) == len(headers.keys())])
        notes.append([list(headers) == headers.keys(), len(headers.values()) == len(headers.items())])
        notes.append(await attempt(lambda: headers.get(1)))
        protocol.response_empty(200, [])

    # The request body.

    async def body_call(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(protocol))
        notes.append(await attempt(protocol))
        notes.append(await attempt(protocol.__aiter__))
        protocol.response_empty(200, [])

    async def body_iterate(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append([len(chunk) async for chunk in protocol])
        notes.append(await attempt(protocol.__aiter__))
        notes.append(await attempt(protocol.__anext__))
        notes.append(await attempt(protocol))
        protocol.response_empty(200, [])

    async def body_next_first(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(protocol.__anext__))
        protocol.__aiter__()
        notes.append(await attempt(protocol.__anext__))
        protocol.response_empty(200, [])

    async def body_after_answer(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_empty(200, [])
        notes.append(await attempt(protocol))

    # A client that leaves.

    async def leaves_early(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect(), 2)))
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect())))
        notes.append(await attempt(lambda: protocol.response_str(200, [], "x")))

    async def leaves_unread(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect())))
        notes.append(await attempt(lambda: bounded(protocol())))
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect())))

    async def leaves_unread_whole(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect())))
        notes.append([len(chunk) async for chunk in protocol])
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect(), 2)))

    async def leaves_unread_piece(self, scope: Any, protocol: Any, notes: Notes) -> None:
        await self.leaves_unread_whole(scope, protocol, notes)

    async def leaves_before_asked(self, scope: Any, protocol: Any, notes: Notes) -> None:
        await asyncio.sleep(0.4)
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect())))

    async def leaves_stream(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = protocol.response_stream(200, [])
        notes.append(await attempt(lambda: transport.send_bytes(b"one")))
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect(), 2)))
        notes.append(await attempt(lambda: transport.send_bytes(b"two")))
        notes.append(await attempt(lambda: transport.send_str("three")))

    async def cut_call(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(await attempt(lambda: bounded(protocol(), 2)))
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect())))

    async def never_leaves(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_empty(200, [])
        notes.append(await attempt(lambda: bounded(protocol.client_disconnect(), 0.3)))

    async def awaitables(self, scope: Any, protocol: Any, notes: Notes) -> None:
        loop = asyncio.get_running_loop()
        notes.append(await attempt(lambda: loop.create_task(protocol.client_disconnect())))
        task = asyncio.ensure_future(protocol.client_disconnect())
        notes.append(await attempt(lambda: asyncio.wait_for(task, 0.1)))
        protocol.response_empty(200, [])

    # Answers.

    async def second_answer(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_str(200, [("X-First", "1")], "first")
        notes.append(await attempt(lambda: protocol.response_str(201, [], "second")))
        notes.append(await attempt(lambda: protocol.response_empty(202, [])))
        notes.append(await attempt(lambda: protocol.response_file(200, [], __file__)))
        notes.append(await attempt(lambda: protocol.response_stream(200, [])))

    async def wrong_types(self, scope: Any, protocol: Any, notes: Notes) -> None:
        for status in ("200", None, 200.0, -1, 70000):
            notes.append(await attempt(partial(protocol.response_empty, status, [])))
        for headers in ([(b"a", b"b")], [("a", 1)], {"a": "b"}, None, [["a", "b"]], [("a", "\ud800")]):
            notes.append(await attempt(partial(protocol.response_empty, 200, headers)))
        notes.append(await attempt(lambda: protocol.response_bytes(200, [], "text")))
        notes.append(await attempt(lambda: protocol.response_str(200, [], b"bytes")))
        notes.append(await attempt(lambda: protocol.response_file_range(200, [], __file__, 5, 5)))
        notes.append(await attempt(lambda: protocol.response_file_range(200, [], __file__, -1, 5)))
        protocol.response_str(200, (("x-tuple", "fine"),), "after all that")

    async def odd_headers(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_bytes(
            200,
            [
                ("X-Upper", "Value"),
                ("X Bad", "1"),
                ("", "empty"),
                ("x-crlf", "a\r\nb: c"),
                ("x-nul", "a\0b"),
                ("x-del", "\x7f"),
                ("x-unicode", "é☃"),
                ("x-dup", "1"),
                ("x-dup", "2"),
                ("x-empty", ""),
            ],
            bytearray(b"body"),
        )

    async def length(self, scope: Any, protocol: Any, notes: Notes) -> None:
        _, _, how, declared = scope.path.split("/")
        headers = [("content-length", text) for text in declared.split(",")]
        if how == "bytes":
            protocol.response_bytes(200, headers, b"12345")
        elif how == "empty":
            protocol.response_empty(200, headers)
        else:
            transport = protocol.response_stream(200, headers)
            await transport.send_bytes(b"123")
            await transport.send_bytes(b"45")

    async def status(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_empty(int(scope.path.rpartition("/")[2]), [("x-a", "b")])

    async def status_stream(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = protocol.response_stream(int(scope.path.rpartition("/")[2]), [("x-a", "b")])
        await asyncio.sleep(0.1)
        notes.append(await attempt(lambda: transport.send_bytes(b"abc")))

    async def nothing(self, scope: Any, protocol: Any, notes: Notes) -> None:
        return

    async def raises(self, scope: Any, protocol: Any, notes: Notes) -> None:
        raise ValueError("before an answer")

    async def raises_late(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_str(200, [], "whole")
        raise ValueError("after an answer")

    async def raises_in_stream(self, scope: Any, protocol: Any, notes: Notes) -> None:
        length = scope.path.rpartition("/")[2]
        transport = protocol.response_stream(200, [("content-length", length)] if length.isdigit() else [])
        await transport.send_bytes(b"abc")
        del transport
        raise ValueError("in a stream")

    async def works_on(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_str(200, [], "answered")
        await asyncio.sleep(0.05)
        notes.append("worked on")

    async def stream(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = protocol.response_stream(200, [("x-a", "b")])
        notes.append(await attempt(lambda: transport.send_bytes(b"abc")))
        notes.append(await attempt(lambda: transport.send_str("dé")))
        notes.append(await attempt(lambda: transport.send_bytes(b"")))
        notes.append(await attempt(lambda: transport.send_bytes("text")))
        notes.append(await attempt(lambda: transport.send_str(b"bytes")))
        notes.append(await attempt(lambda: transport.send_bytes(memoryview(b"end"))))

    async def stream_held(self, scope: Any, protocol: Any, notes: Notes) -> None:
        async def hand_over(transport: Any) -> None:
            await asyncio.sleep(0.05)
            await transport.send_bytes(b" and after")

        transport = protocol.response_stream(200, [])
        await transport.send_bytes(b"before")
        self.task = asyncio.ensure_future(hand_over(transport))

    async def stream_no_wait(self, scope: Any, protocol: Any, notes: Notes) -> None:
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "the loop turned")
        transport = protocol.response_stream(200, [])
        for _ in range(100):
            await transport.send_bytes(bytes(10_000))
        notes.append(list(turns))

    async def head_stream(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = protocol.response_stream(200, [])
        await asyncio.sleep(0.1)
        notes.append(await attempt(lambda: transport.send_bytes(b"abc")))

    async def file(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_file(200, [("x-a", "b")], __file__)

    async def file_missing(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_file(200, [("x-a", "b")], "/no/such/file")

    async def file_directory(self, scope: Any, protocol: Any, notes: Notes) -> None:
        protocol.response_file(200, [("x-a", "b")], os.path.dirname(__file__))

    async def file_pipe(self, scope: Any, protocol: Any, notes: Notes) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK)
        protocol.response_file(200, [], f"/proc/{os.getpid()}/fd/{reader}")
        os.write(writer, b"one ")
        await asyncio.sleep(0.3)
        os.close(reader)
        os.write(writer, b"two")
        os.close(writer)

    async def file_range(self, scope: Any, protocol: Any, notes: Notes) -> None:
        start, end = map(int, scope.path.rpartition("/")[2].split("-"))
        protocol.response_file_range(206, [], __file__, start, end)

    # WebSockets.

    async def ws_scope(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.extend([scope.proto, scope.scheme, scope.method, scope.headers.get("sec-websocket-protocol")])
        protocol.close()

    async def ws_refuse(self, scope: Any, protocol: Any, notes: Notes) -> None:
        notes.append(protocol.close(int(scope.path.rpartition("/")[2])))
        notes.append(protocol.close(500))
        # Without a pause it is a race: 26 of 900 WebSockets were accepted although they had been refused.
        await asyncio.sleep(0.1)
        notes.append(await attempt(protocol.accept))

    async def ws_return(self, scope: Any, protocol: Any, notes: Notes) -> None:
        return

    async def ws_raise(self, scope: Any, protocol: Any, notes: Notes) -> None:
        raise ValueError("before accept")

    async def ws_accept_return(self, scope: Any, protocol: Any, notes: Notes) -> None:
        await protocol.accept()

    async def ws_accept_twice(self, scope: Any, protocol: Any, notes: Notes) -> None:
        await protocol.accept()
        await protocol.accept()

    async def ws_accept_raise(self, scope: Any, protocol: Any, notes: Notes) -> None:
        await protocol.accept()
        raise ValueError("after accept")

    async def ws_close(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = await protocol.accept()
        notes.append(protocol.close(4000))
        notes.append(protocol.close())
        notes.append(await attempt(lambda: transport.send_str("late")))
        notes.append((await bounded(transport.receive())).kind)
        notes.append(await attempt(lambda: bounded(transport.receive())))

    async def ws_echo(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = await protocol.accept()
        while True:
            try:
                message = await transport.receive()
            except RuntimeError as exc:
                notes.append(type(exc).__name__)
                break
            notes.append([message.kind, plain(getattr(message, "data", None)), hasattr(message, "data")])
            if message.kind == 0:
                break
            await (transport.send_bytes if message.kind == 1 else transport.send_str)(message.data)
        notes.append(await attempt(transport.receive))
        notes.append(await attempt(lambda: transport.send_str("late")))
        notes.append(await attempt(protocol.close))

    async def ws_two_readers(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = await protocol.accept()
        first = asyncio.ensure_future(bounded(transport.receive(), 2))
        await asyncio.sleep(0.1)
        notes.append(await attempt(transport.receive))
        await transport.send_str("go")
        notes.append(plain((await first).data))

    async def ws_cancelled_reader(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = await protocol.accept()
        notes.append(await attempt(lambda: bounded(transport.receive(), 0.1)))
        await transport.send_str("go")
        message = await transport.receive()
        notes.append(message.data)

    async def ws_types(self, scope: Any, protocol: Any, notes: Notes) -> None:
        transport = await protocol.accept()
        notes.append(await attempt(lambda: transport.send_bytes("text")))
        notes.append(await attempt(lambda: transport.send_str(b"bytes")))
        notes.append(await attempt(lambda: transport.send_bytes(bytearray(b"fine"))))


app = ContractApp()
