"""What is asked of every app, as a table. Knows requests and what must be equal; does not know servers, clients or clocks.

    WORKLOADS["items"].timed -> Ask("GET", "/items/42?q=raptor&page=3&size=50")

A workload is one timed request and, beside it, requests that are only compared: `right` ones that an app answers with its
result, `wrong` ones that it must refuse, and `ours` in which frameworks differ without being wrong, so that only our app must
agree with raw. Two apps are timed against each other after all of them agreed, so a speed that was bought by leaving a check
out is not measured at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JSON: Final = (("content-type", "application/json"),)
UPGRADE: Final = (
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
"""The handshake of RFC 6455 section 1.3."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP/1.1 request. `target` is what stands in the request line; Host and Content-Length are the client's to add."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.target}" + (f" {self.body[:80]!r}" if self.body else "")


@dataclass(frozen=True, slots=True)
class Workload:
    """A row of the table: what is timed, with which status, and what is compared before."""

    name: str
    title: str
    timed: Ask
    status: int = 200
    budget: float = 0.95
    """Least share of raw's requests/s."""
    message: bytes | None = None
    """Of a WebSocket that `timed` opens: the text that is sent over and over, and must come back each time."""
    right: tuple[Ask, ...] = ()
    wrong: tuple[Ask, ...] = ()
    ours: tuple[Ask, ...] = ()


def _item(target: str) -> Ask:
    return Ask("GET", f"/items/{target}")


def _post(body: bytes, headers: tuple[tuple[str, str], ...] = JSON, target: str = "/body") -> Ask:
    return Ask("POST", target, headers, body)


def _armored(*changed: tuple[str, str]) -> Ask:
    """What a browser's script sends: every one of the eight middlewares has something to look at, and lets it pass."""
    headers = {
        "origin": "https://app.example",
        "accept-encoding": "gzip, deflate, br",
        "x-request-id": "01HF-raptor-7",
        "cookie": "theme=dark; lang=en",
        **dict(changed),
    }
    return Ask("GET", "/armored", tuple(headers.items()))


_TABLE: Final = (
    Workload(
        name="plain",
        title="plain text",
        timed=Ask("GET", "/"),
        wrong=(Ask("POST", "/"),),
    ),
    Workload(
        name="json",
        title="JSON object",
        timed=Ask("GET", "/json"),
        wrong=(Ask("DELETE", "/json"),),
    ),
    Workload(
        name="items",
        title="four typed parameters",
        timed=_item("42?q=raptor&page=3&size=50"),
        right=(
            _item("7"),
            _item("123456789?size=100"),
            _item("8?q=sickle+claw%20%26%20feather&page=2"),
            _item("8?q=%C3%A9toile&unknown=1"),
        ),
        wrong=(
            _item("abc"),
            _item("42?page=0"),
            _item("42?page=-3&size=101"),
            _item("42?size=many"),
            Ask("PUT", "/items/42"),
        ),
        ours=(
            _item("0?page=1&size=1&q="),
            _item("9?page=0010"),
            _item("4.5?page=1"),
            _item("42?page=1_0"),
            _item("42?page=%D9%A3"),
        ),
    ),
    Workload(
        name="body",
        title="validated JSON body",
        timed=_post(b'{"name":"hoodie","price":49.99,"tags":["warm","feathered"]}'),
        right=(
            _post(b'{"name":"claw","price":1}'),
            _post(b' {"price": 2.5, "name": "\\u00e9toile", "other": null}\n'),
            _post(
                b'{"name":"x","price":0.1,"tags":[]}', (("content-type", "application/json; charset=utf-8"),)
            ),
        ),
        wrong=(
            _post(b'{"name":"hoodie"'),
            _post(b""),
            _post(b'{"name":"hoodie","price":"dear"}'),
            _post(b'{"price":1}'),
        ),
        ours=(_post(b'{"name":"hoodie","price":1}', (("content-type", "text/plain"),)),),
    ),
    Workload(
        name="pydantic",
        title="the same with a pydantic model",
        timed=_post(b'{"name":"hoodie","price":49.99,"tags":["warm","feathered"]}', target="/pydantic"),
        right=(
            _post(b'{"name":"claw","price":1}', target="/pydantic"),
            _post(b' {"price": 2.5, "name": "\\u00e9toile", "other": null}\n', target="/pydantic"),
        ),
        wrong=(
            _post(b'{"name":"hoodie"', target="/pydantic"),
            _post(b'{"name":"hoodie","price":"dear"}', target="/pydantic"),
            _post(b'{"price":1}', target="/pydantic"),
        ),
    ),
    Workload(
        name="rows",
        title="1,000 pydantic models as a list",
        timed=Ask("GET", "/rows"),
        wrong=(Ask("POST", "/rows"),),
    ),
    Workload(
        name="deps",
        title="three nested dependencies",
        timed=Ask("GET", "/deps?level=7"),
        right=(Ask("GET", "/deps"), Ask("GET", "/deps?level=0")),
        wrong=(Ask("GET", "/deps?level=high"), Ask("GET", "/deps?level=-1")),
    ),
    Workload(
        name="stream",
        title="three chunks of an async generator",
        timed=Ask("GET", "/stream"),
        wrong=(Ask("POST", "/stream"),),
    ),
    Workload(
        name="chunks",
        title="a hundred chunks of 1 KiB",
        timed=Ask("GET", "/chunks"),
        wrong=(Ask("POST", "/chunks"),),
    ),
    Workload(
        name="file",
        title="a file of 1 MiB",
        timed=Ask("GET", "/file"),
        wrong=(Ask("POST", "/file"),),
        ours=(
            Ask("GET", "/file", (("range", "bytes=100-299"),)),
            Ask("GET", "/file", (("range", "bytes=1048000-"),)),
            Ask("GET", "/file", (("range", "bytes=-7"),)),
        ),
    ),
    Workload(
        name="echo",
        title="a WebSocket that sends back",
        timed=Ask("GET", "/echo", UPGRADE),
        status=101,
        message=b"raptor claw ",
        ours=(Ask("GET", "/echo"), Ask("GET", "/json/echo", UPGRADE)),
    ),
    Workload(
        name="empty",
        title="204, no body",
        timed=Ask("DELETE", "/empty"),
        status=204,
        wrong=(Ask("GET", "/empty"),),
    ),
    Workload(
        name="armored",
        title="eight middlewares",
        budget=0.9,
        timed=_armored(),
        right=(
            _armored(("origin", "https://evil.example")),
            _armored(("accept-encoding", "br")),
            Ask("GET", "/armored", (("x-request-id", "r-1"),)),
        ),
        wrong=(Ask("GET", "/armored/none"),),
        ours=(_armored(("host", "evil.example")),),
    ),
    Workload(
        name="missing",
        title="404",
        timed=Ask("GET", "/nowhere/at/all"),
        status=404,
        wrong=(Ask("GET", "/jso"), Ask("POST", "/nowhere"), Ask("GET", "/items/1/more")),
    ),
)

WORKLOADS: Final[dict[str, Workload]] = {workload.name: workload for workload in _TABLE}
"""Every workload by name, in the order of the report."""
