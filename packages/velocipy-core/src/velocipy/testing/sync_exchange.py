"""An exchange in the hands of a synchronous test. Knows the portal; the exchange itself does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from velocipy.testing.transports import cut, end, feed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from velocipy.testing.exchange import HTTPExchange, Reply, ResponseHead
    from velocipy.testing.portal import Portal


class SyncExchange:
    """One hand-made request: send the body in pieces, cut it, leave; read head, chunks or the whole reply."""

    def __init__(self, portal: Portal, exchange: HTTPExchange) -> None:
        self._portal = portal
        self.inner = exchange

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._portal.call(self.inner.close)

    def feed(self, chunk: bytes) -> bool:
        """Sends a piece of the body; False says that the app will not read on."""
        return self._portal.call(feed, self.inner, chunk)

    def end(self) -> None:
        """The body is complete."""
        self._portal.call(end, self.inner)

    def cut(self) -> None:
        """The connection is lost in the middle of the body; returns when the app ended or had its moment."""
        self._portal.call(cut, self.inner)

    def leave(self) -> None:
        """The client goes away; returns when the app ended or had its moment."""
        self._portal.call(self.inner.close)

    def head(self) -> ResponseHead:
        return self._portal.call(self.inner.head)

    def chunk(self) -> bytes | None:
        """The next piece of the answer, None at its end."""
        return self._portal.call(self.inner.chunk)

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self.chunk()) is not None:
            yield chunk

    def reply(self) -> Reply:
        """The whole answer, once the app is done as well."""
        return self._portal.call(self.inner.reply)
