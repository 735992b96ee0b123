"""What a test client raises of its own. Knows what each fault means; does not know how they are found."""

from __future__ import annotations


class ServerFault(AssertionError):
    """The app did what no server survives or delivers; it reaches the test whatever the app catches."""


class ServerCrashed(ServerFault):
    """This call ends a Granian worker process, and without respawn the server (measured on 2.8.7)."""


class WireDesync(ServerFault):
    """A client would read these bytes as part of the next response (RFC 9112 section 6.3)."""


class ResponseNeverEnds(ServerFault):
    """The client of a real server would wait for ever: bytes that were promised do not come."""


class UnreadOverflow(ServerFault):
    """More was sent than a test should hold in memory while nobody read it."""


class AppStillRunning(ServerFault):
    """The exchange is over for the client, the app is not; see `app_timeout` of the client."""


class ServerClosed(ConnectionError):
    """The server closed the connection before the answer was whole: httpx2.RemoteProtocolError at the client."""


class EventStreamEnded(Exception):
    """The app ended a stream of events in order, and there is no other event."""


class EventStreamDenied(Exception):
    """The app answered with something that no browser reads events from.

    `status_code`, `headers` (lower-case name, value) and `body` are those of the answer.
    """

    def __init__(
        self, status_code: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.body = body
        kind = dict(headers).get("content-type", "no content type")
        super().__init__(f"the answer is no stream of events: status {status_code}, {kind}, {body[:200]!r}")


class WebSocketDenied(Exception):
    """The app refused the WebSocket handshake with a plain HTTP answer.

    `status_code`, `headers` (lower-case name, value) and `body` are those of the answer.
    """

    def __init__(
        self, status_code: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.body = body
        super().__init__(f"the WebSocket handshake was refused with status {status_code}")
