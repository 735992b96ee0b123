"""Between httpx2 and an in-process server. Knows requests and responses; does not know ASGI or RSGI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from velocipy.testing.errors import ServerClosed
from velocipy.testing.exchange import RawRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from velocipy.testing.exchange import HTTPExchange, ResponseHead
    from velocipy.testing.portal import Portal
    from velocipy.testing.server import Server

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Started:
    """An answer that has begun: its head, the chunks that are there, and whether that is all."""

    head: ResponseHead
    chunks: list[bytes]
    whole: bool


def raw_request(request: httpx2.Request, client: tuple[str, int]) -> RawRequest:
    """What httpx2 would have put on the wire; its extension `target` replaces path and query."""
    url = request.url
    return RawRequest(
        method=request.method,
        target=request.extensions.get("target", url.raw_path),
        headers=tuple((name.lower(), value) for name, value in request.headers.raw),
        scheme=url.scheme,
        server=("127.0.0.1", url.port or DEFAULT_PORTS.get(url.scheme, 80)),
        client=client,
    )


async def feed(exchange: HTTPExchange, chunk: bytes) -> bool:
    """Sends a piece of the body; False says that the app will not read on."""
    exchange.feed(chunk)
    await exchange.drained()
    return not (exchange.over or exchange.stopped)


async def started(exchange: HTTPExchange, timeout: float | None) -> Started:
    """Waits for the head. Raises httpx2.ReadTimeout, httpx2.RemoteProtocolError or what the app raised."""
    try:
        head = await asyncio.wait_for(exchange.head(), timeout)
        if not exchange.completed:
            return Started(head, [], False)
        chunks = await exchange.take()
        await exchange.finish()
    except ServerClosed as exc:
        raise httpx2.RemoteProtocolError(str(exc)) from None
    except TimeoutError:
        if exchange.response is not None or exchange.error is not None:
            raise
        await exchange.close()
        raise httpx2.ReadTimeout("the app did not answer in time") from None
    return Started(head, chunks, True)


async def taken(exchange: HTTPExchange, timeout: float | None) -> list[bytes]:
    """The next chunks, an empty list at the end. Raises as `started` does."""
    try:
        return await asyncio.wait_for(exchange.take(), timeout)
    except ServerClosed as exc:
        raise httpx2.RemoteProtocolError(str(exc)) from None
    except TimeoutError:
        if exchange.error is not None:
            raise
        raise httpx2.ReadTimeout("the app sent nothing more in time") from None


def read_timeout(request: httpx2.Request) -> float | None:
    """Seconds that the client waits for each piece of an answer; None is for ever."""
    timeout: float | None = request.extensions.get("timeout", {}).get("read")
    return timeout


def response(
    request: httpx2.Request, answer: Started, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream
) -> httpx2.Response:
    """The client's response of an answer that has begun; its body comes as it is read."""
    return httpx2.Response(
        answer.head.status,
        headers=list(answer.head.headers),
        stream=stream,
        request=request,
        extensions={"http_version": b"HTTP/1.1"},
    )


class SyncTransport(httpx2.BaseTransport):
    """Carries requests of a synchronous client over its portal."""

    def __init__(self, server: Server, portal: Portal, client: tuple[str, int]) -> None:
        self._server = server
        self._portal = portal
        self._client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        raw, timeout = raw_request(request, self._client), read_timeout(request)
        if isinstance(request.stream, httpx2.ByteStream):
            exchange, answer = self._portal.call(self._whole, raw, b"".join(request.stream), timeout)
        else:
            exchange = self._portal.call(self._open, raw)
            self._send_body(exchange, request.stream)
            answer = self._portal.call(started, exchange, timeout)
        return response(request, answer, SyncStream(self._portal, exchange, answer, timeout))

    async def _open(self, raw: RawRequest) -> HTTPExchange:
        return self._server.open(raw)

    async def _whole(
        self, raw: RawRequest, body: bytes, timeout: float | None
    ) -> tuple[HTTPExchange, Started]:
        exchange = self._server.open(raw)
        exchange.feed(body)
        exchange.end()
        return exchange, await started(exchange, timeout)

    def _send_body(self, exchange: HTTPExchange, stream: httpx2.SyncByteStream) -> None:
        """A body whose iteration fails leaves the app with a cut body."""
        try:
            for chunk in stream:
                if not self._portal.call(feed, exchange, chunk):
                    return
        except BaseException:
            self._portal.call(cut, exchange)
            raise
        self._portal.call(end, exchange)


class AsyncTransport(httpx2.AsyncBaseTransport):
    """Carries requests of an asynchronous client in the running loop."""

    def __init__(self, server: Server, client: tuple[str, int]) -> None:
        self._server = server
        self._client = client

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        exchange = self._server.open(raw_request(request, self._client))
        timeout = read_timeout(request)
        try:
            async for chunk in request.stream:
                if not await feed(exchange, chunk):
                    break
            else:
                exchange.end()
            answer = await started(exchange, timeout)
        except BaseException:
            exchange.break_off()
            raise
        return response(request, answer, AsyncStream(exchange, answer, timeout))


async def cut(exchange: HTTPExchange) -> None:
    """The client leaves, and the app is waited for."""
    exchange.cut()
    await exchange.close()


async def end(exchange: HTTPExchange) -> None:
    """The request's body is complete."""
    exchange.end()


class SyncStream(httpx2.SyncByteStream):
    """The body of an answer, chunk by chunk as the app sends it. Closing early is the client leaving."""

    def __init__(
        self, portal: Portal, exchange: HTTPExchange, answer: Started, timeout: float | None
    ) -> None:
        self._portal = portal
        self._exchange = exchange
        self._answer = answer
        self._timeout = timeout
        self._ended = answer.whole

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.chunks
        while not self._ended:
            chunks = self._portal.call(taken, self._exchange, self._timeout)
            self._ended = not chunks
            yield from chunks

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._portal.call(self._exchange.close)


class AsyncStream(httpx2.AsyncByteStream):
    """The body of an answer, chunk by chunk as the app sends it. Closing early is the client leaving."""

    def __init__(self, exchange: HTTPExchange, answer: Started, timeout: float | None) -> None:
        self._exchange = exchange
        self._answer = answer
        self._timeout = timeout
        self._ended = answer.whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._answer.chunks:
            yield chunk
        while not self._ended:
            chunks = await taken(self._exchange, self._timeout)
            self._ended = not chunks
            for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            await self._exchange.close()
