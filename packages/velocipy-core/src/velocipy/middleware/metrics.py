"""Counts requests for Prometheus, by route template. Knows templates, statuses and the text format; knows no storage and no other worker.

metrics = MetricsMiddleware()
app.add_middleware(metrics)
app.get("/metrics", dependencies=[Depends(internal)])(metrics.endpoint)
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import Annotated

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Depends
from velocipy.handlers.signature import return_annotation
from velocipy.http.response import Response
from velocipy.middleware.base import Middleware
from velocipy.protocols import RequestMethod
from velocipy.routing.route import Route

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the duration histogram in seconds: those of Prometheus' own clients."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})
"""Methods with a label of their own; a client may send any word, and all others are OTHER."""

UNMATCHED = "(unmatched)"
"""The route of what no route takes: 404, 405 and answers to OPTIONS, whatever path was asked for."""

TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Series:
    """What is known of one method of one route."""

    __slots__ = ("buckets", "bytes", "seconds", "sized", "statuses", "usual")

    def __init__(self, usual: int, bounds: int) -> None:
        self.usual: int = usual
        """The status of results that are no Response."""
        self.statuses: dict[int, int] = {}
        self.buckets: list[int] = [0] * (bounds + 1)
        self.seconds: float = 0.0
        self.sized: int = 0
        self.bytes: int = 0


class InFlight:
    """One request between its first hook and its answer; one that is cancelled there is no longer in flight either."""

    __slots__ = ("is_open", "metrics", "series", "started")

    def __init__(self, metrics: MetricsMiddleware, series: Series) -> None:
        self.metrics: MetricsMiddleware = metrics
        self.series: Series = series
        self.is_open: bool = True
        self.started: float = perf_counter()

    def __del__(self) -> None:
        if self.is_open:
            self.metrics.in_flight -= 1


class MetricsMiddleware(Middleware):
    """Requests, durations, sizes and WebSockets of this process as Prometheus text; `endpoint` is to be routed, and guarded, by you.

    Labels are the method, the route's template and the status, of all of which there are only so many. Durations end when the
    answer is made, before it is sent; sizes are those of bodies that are there in full. `prefix` begins every name. Raises
    ConfigurationError for a prefix that is no metric name and for buckets that do not ascend.
    """

    def __init__(self, *, prefix: str = "http", buckets: Sequence[float] = BUCKETS) -> None:
        if not re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", prefix):
            raise ConfigurationError(
                f"prefix begins names of Prometheus' metrics, which {prefix!r} cannot: use letters, digits and _"
            )
        if not buckets or sorted({float(bound) for bound in buckets}) != [float(bound) for bound in buckets]:
            raise ConfigurationError(f"buckets are ascending seconds, not {buckets!r}")
        self.prefix = prefix
        self.buckets: tuple[float, ...] = tuple(float(bound) for bound in buckets)
        self.in_flight: int = 0
        self._series: dict[tuple[str, str], Series] = {}
        self._of: dict[tuple[Route, str], Series] = {}
        self._sockets: dict[str, int] = {}
        self.before_websocket: object = self._make_before_websocket()

    def before(self, route: Route, method: RequestMethod) -> InFlight:
        """Begin to count a request."""
        self.in_flight += 1
        return InFlight(self, self._of.get((route, method)) or self._find(route, method))

    def finishes(self, token: InFlight, size: int) -> bool:
        """The usual answer: counted here, and never finished. It is asked for once, before any other is made."""
        self._count(token, token.series.usual, size)
        return False

    def finish(self, token: InFlight, response: Response) -> Response:
        """Any other answer, which may stand in for the usual one that was counted."""
        if token.is_open:
            self._count(token, response.status_code, None if response.streams else len(response.body))
        return response

    def _count(self, token: InFlight, status: int, size: int | None) -> None:
        token.is_open = False
        self.in_flight -= 1
        series = token.series
        seconds = perf_counter() - token.started
        series.statuses[status] = series.statuses.get(status, 0) + 1
        series.buckets[bisect_left(self.buckets, seconds)] += 1
        series.seconds += seconds
        if size is not None:
            series.sized += 1
            series.bytes += size

    def _find(self, route: Route, method: str) -> Series:
        method = method if method in METHODS else "OTHER"
        key = (method, UNMATCHED if route.is_ours else route.path)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(_usual_status(route), len(self.buckets))
        if not route.is_ours and method != "OTHER":
            self._of[route, method] = series
        return series

    def _make_before_websocket(self) -> object:
        def counted(route: Route) -> Iterator[None]:
            self._sockets[route.path] = self._sockets.get(route.path, 0) + 1
            try:
                yield
            finally:
                self._sockets[route.path] -= 1

        def before_websocket(counted: Annotated[None, Depends(counted)]) -> None:
            """Nothing: what it depends on lasts as long as the WebSocket."""

        before_websocket.__annotations__ = {"counted": Annotated[None, Depends(counted)], "return": None}
        return before_websocket

    # -- the text --------------------------------------------------------------------------------------------------

    async def endpoint(self) -> Response:
        """All metrics, for a route of your own."""
        return Response(self.render(), 200, {"cache-control": "no-store"}, TEXT)

    def render(self) -> str:
        """All metrics in Prometheus' text format 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        name = self.prefix
        series = [
            (_labels(method=method, route=route), found) for (method, route), found in self._series.items()
        ]
        yield from _head(f"{name}_requests_total", "counter", "Requests that were answered")
        for labels, found in series:
            for status, count in sorted(found.statuses.items()):
                yield f'{name}_requests_total{{{labels},status="{status}"}} {count}'
        yield from _head(f"{name}_request_duration_seconds", "histogram", "Seconds until the answer was made")
        for labels, found in series:
            yield from self._histogram(f"{name}_request_duration_seconds", labels, found)
        yield from _head(f"{name}_response_size_bytes", "summary", "Bytes of bodies that are no streams")
        for labels, found in series:
            yield f"{name}_response_size_bytes_sum{{{labels}}} {found.bytes}"
            yield f"{name}_response_size_bytes_count{{{labels}}} {found.sized}"
        yield from _head(f"{name}_requests_in_flight", "gauge", "Requests whose answer is being made")
        yield f"{name}_requests_in_flight {self.in_flight}"
        yield from _head("websocket_connections", "gauge", "WebSockets that are open")
        for route, count in self._sockets.items():
            yield f"websocket_connections{{{_labels(route=route)}}} {count}"

    def _histogram(self, name: str, labels: str, series: Series) -> Iterator[str]:
        total = 0
        for bound, count in zip((*map(repr, self.buckets), "+Inf"), series.buckets, strict=True):
            total += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{name}_sum{{{labels}}} {series.seconds!r}"
        yield f"{name}_count{{{labels}}} {total}"


def _usual_status(route: Route) -> int:
    """What a result that is no Response is sent with."""
    if route.options.status_code is not None:
        return route.options.status_code
    return 204 if return_annotation(route.endpoint) in (None, type(None)) else 200


def _head(name: str, kind: str, about: str) -> Iterable[str]:
    return (f"# HELP {name} {about}.", f"# TYPE {name} {kind}")


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
