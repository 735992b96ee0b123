"""Fuzz target: any request to an app that has one of everything is answered alike over ASGI and RSGI. Knows both ends, not what is right.

What may differ, and is left out of the comparison:
- Content-Length and Connection: on RSGI the server writes them. A Content-Length is held against the body instead.
- The value of X-Request-ID where the client sent none that is taken, a boundary of multipart/byteranges, and the content of a session's
  cookie: all are random.
- Whether an answer that fails in the middle is cut or ends in order: RSGI has no way to cut one. What was sent by then is the same.

What is not drawn: header values that are not visible ASCII, which Granian takes away over RSGI (see the deployment page).
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import re
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from drawing import cuts, mutated, unhurried
from everything import make_app
from hypothesis import event, example, given
from hypothesis import strategies as st

from velocipy.testing import AsyncTestClient
from velocipy.testing.exchange import HTTPExchange

Headers = list[tuple[str, str]]


class Drawn(NamedTuple):
    """A request; `borders` are where its body is cut into chunks."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    declared: bool
    borders: list[int]


# -- requests ----------------------------------------------------------------------------------------------------------

GETS = [
    *(
        "/users/me",
        "/users/7",
        "/users/-1",
        "/users/x",
        "/users/x/y/z",
        "/users/caf%C3%A9/%2e%2e/a%2Fb",
        "/users/a%20b/",
        "/files/a.tar.gz",
    ),
    *(
        "/scalars",
        "/scalars",
        "/scalars",
        "/spread",
        "/headers",
        "/headers",
        "/request",
        "/request",
        "/optional",
    ),
    *(
        "/answer/text",
        "/answer/either",
        "/answer/either",
        "/answer/version",
        "/answer/version",
        "/answer/bytes",
        "/answer/none",
        "/answer/long",
        "/answer/made",
        "/answer/json",
        "/answer/away",
        "/answer/stream",
    ),
    *(
        "/answer/yielded",
        "/answer/blocking",
        "/answer/events",
        "/answer/file",
        "/error/http/404",
        "/error/http/500",
        "/error/http/7",
    ),
    *(
        "/error/unhandled",
        "/error/handled",
        "/error/result",
        "/session/read",
        "/mounted/a/b",
        "/mounted",
        "/mounted/",
    ),
    *("/", "/nowhere", "//users/me", "/users//x", "*"),
]
POSTS = {
    "json": ["/item", "/item", "/both", "/raw", "/point"],
    "form": ["/form", "/form", "/upload"],
    "other": ["/bytes", "/chunks", "/session/write", "/item", "/form"],
}
PATH_PIECES = [
    "/",
    "//",
    "%2F",
    "%",
    "%zz",
    "%FF",
    "%C3",
    "%00",
    "%0d%0a",
    "..",
    ".",
    "\\",
    ";",
    "+",
    "%E2%82%AC",
    "a",
    "1",
    "@",
    ":",
]
METHODS = st.sampled_from(
    ["GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "FOO", "get"]
)

FIELDS = {
    "number": ["1", "-5", "9999999", "x", "", "1.0", "\u0661"], "ratio": ["1e3", "nan", "1e999"], "price": ["1.10", "x"],
    "day": ["2026-01-31", "2026-02-30"], "key": ["0" * 32, "x"], "color": ["red", "RED", "2"], "flag": ["on", "2", ""],
    "tags": ["a", "b", "toolong"], "ids": ["1", "2", "x"], "page": ["2", "x"], "size": ["0"], "sort": ["up", "x"],
    "q": ["a b", "\u20ac", "\x00"], "count": ["0", "5", "x"], "fail": ["0", "1"], "status": ["200", "204", "205", "304", "404", "302", "x"],
    "to": ["/x?y=\u00e9", "//evil", "https://a.example/", "a\nb"], "value": ["v", "\u20ac"], "scale": ["2"],
}  # fmt: skip
PAIRS = st.sampled_from([(name, value) for name, values in FIELDS.items() for value in values])
QUERIES = mutated(
    st.lists(PAIRS, max_size=4).map(urlencode),
    ["&", "=", "%", "%zz", "%FF", "+", ";", "&&", "a=1", "number=1", "?", "%C3%A9"],
)

HEADERS = {
    "x-version": ["1", "2", "3", "", "1, 2"],
    "accept": ["application/json", "application/msgpack", "application/vnd.msgpack;q=0.9, */*;q=0.1", "text/html;q=0.5, */*", "*/*;q=0", ","], "accept-encoding": ["gzip", "gzip;q=0", "identity;q=0", "*"],
    "content-type": ["application/json", "application/json; charset=latin1", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "multipart/form-data", "application/x+json", ""],
    "content-encoding": ["identity", "gzip"], "cookie": ["theme=dark; a=1", "theme", 'theme="x"; theme=2', ";;=", "session=x"],
    "x-token": ["t", "", "a, b"], "x-count": ["3", "x", "-1"], "x-list": ["a", "b,c"], "origin": ["https://a.example", "https://evil.example", "null"],
    "access-control-request-method": ["GET", "PUT", "x"], "access-control-request-headers": ["x-a", "x-b"], "range": ["bytes=0-4", "bytes=0-1,-2", "bytes=99999-", "x"],
    "if-none-match": ["*", '"x"'], "if-modified-since": ["Sun, 06 Nov 1994 08:49:37 GMT"], "if-match": ['"x"'], "if-range": ['"x"'],
    "last-event-id": ["7", ""], "x-request-id": ["abc", "a" * 300, "b c"], "x-forwarded-for": ["1.2.3.4"], "x-forwarded-proto": ["https"],
    "authorization": ["Basic x"], "expect": ["100-continue"], "te": ["trailers"],
}  # fmt: skip
HOSTS = [
    ["a.test:8000"],
    ["[::1]:80"],
    ["evil.example"],
    [],
    [""],
    ["testserver", "testserver"],
    ["a b"],
    ["testserver:99999"],
]
LINES = st.sampled_from([(name, value) for name, values in HEADERS.items() for value in values])

JSON = [
    *(
        '{"name":"claw","price":1.5,"tags":["a"],"made":"2026-01-31"}',
        '{"name":"claw"}',
        '{"name":1}',
        '{"x":1,"y":2,"inner":{"a":1}}',
        '{"x":"1"}',
    ),
    *(
        '{"item":{"name":"claw"},"count":3}',
        "[]",
        "null",
        "",
        "{",
        '{"name":"\\ud800"}',
        "NaN",
        '{"a":1,"a":2}',
        "9" * 30,
        "[" * 200,
    ),
]
FORM = ["name=claw&age=3", "name=a+b%20c", "age=3", "name=%FF", "name=a&name=b", ""]
PART = '--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
MULTIPART = [
    PART % ("title", "t")
    + '--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\ndata\r\n--b--\r\n',
    PART % ("name", "claw") + PART % ("age", "3") + "--b--",
    PART % ("title", "t"),
]
BODIES = {
    "json": st.sampled_from([("application/json", text) for text in JSON]),
    "form": st.sampled_from([("application/x-www-form-urlencoded", text) for text in FORM])
    | st.sampled_from([("multipart/form-data; boundary=b", text) for text in MULTIPART]),
    "other": st.sampled_from(
        [("", ""), ("text/plain", "x" * 64), ("application/octet-stream", "x" * 30_000)]
    ),
}
ENDPOINTS = st.tuples(st.just("GET"), st.sampled_from(GETS), st.just(("", ""))) | st.sampled_from(
    list(POSTS)
).flatmap(
    lambda kind: st.tuples(
        st.sampled_from(["POST", "POST", "PUT"]), st.sampled_from(POSTS[kind]), BODIES[kind]
    )
)


@st.composite
def requests(draw: st.DrawFn) -> Drawn:
    """What an endpoint takes, and in one of three something that is wrong with it."""
    method, path, (kind, text) = draw(ENDPOINTS)
    hosts, body, query = ["testserver"], text.encode(), draw(st.lists(PAIRS, max_size=4).map(urlencode))
    wrong = draw(st.sampled_from(["method", "path", "query", "host", "body", "type", *[""] * 10]))
    if wrong == "method":
        method = draw(METHODS)
    elif wrong == "path":
        path = draw(mutated(st.just(path), PATH_PIECES))
    elif wrong == "query":
        query = draw(QUERIES)
    elif wrong == "host":
        hosts = draw(st.sampled_from(HOSTS))
    elif wrong == "body":
        body = draw(mutated(st.just(body), [b'"', b"}", b"\xff", b"\r\n", b"\x00"]))
    elif wrong == "type":
        kind, _ = draw(BODIES["json"] | BODIES["form"] | BODIES["other"])
    headers = [
        *(("host", host) for host in hosts),
        *[("content-type", kind)] * bool(kind),
        *draw(st.lists(LINES, max_size=4)),
    ]
    return Drawn(
        method,
        path,
        query,
        headers,
        body,
        draw(st.booleans()),
        draw(st.lists(st.integers(0, 999), max_size=3)),
    )


# -- answers -----------------------------------------------------------------------------------------------------------


class World:
    """The app on one protocol, in a loop that both share."""

    def __init__(self, runner: asyncio.Runner, interface: str) -> None:
        self.interface = interface
        self.client = AsyncTestClient(make_app(), interface=interface, raise_server_exceptions=False)
        runner.run(self.client.__aenter__())

    async def answer(self, drawn: Drawn) -> HTTPExchange:
        """The whole exchange, once the app is done."""
        framing = (
            ("content-length", str(len(drawn.body))) if drawn.declared else ("transfer-encoding", "chunked")
        )
        headers = [*drawn.headers, framing] if drawn.body or not drawn.declared else drawn.headers
        target = drawn.path + (f"?{drawn.query}" if drawn.query else "")
        exchange = self.client.exchange(drawn.method, target, headers=headers, body=None)
        for chunk in cuts(drawn.body, drawn.borders):
            exchange.feed(chunk)
        exchange.end()
        await exchange.wait_app(30)
        return exchange


@cache
def worlds() -> tuple[asyncio.Runner, World, World]:
    """One loop and an app on each protocol, for all examples."""
    runner = asyncio.Runner()
    made = runner, World(runner, "asgi"), World(runner, "rsgi")

    def end() -> None:
        for world in made[1:]:
            runner.run(world.client.aclose())
        runner.close()

    atexit.register(end)
    return made


def shown(exchange: HTTPExchange, drawn: Drawn) -> dict[str, Any]:
    """What is compared of an answer; see the top of this file."""
    head = exchange.response
    assert exchange.fault is None, exchange.fault
    assert head is not None and exchange.stopped
    body = b"".join(exchange.download)
    headers = sorted((name.decode(), value.decode("ascii")) for name, value in head.headers)
    lengths = [int(value) for name, value in headers if name == "content-length"]
    whole = exchange.error is None
    if drawn.method != "HEAD" and head.status != 304 and whole:
        assert lengths in ([], [len(body)])
    sent = dict(drawn.headers)
    kept = []
    for name, value in headers:
        if name == "x-request-id" and value != sent.get(name):
            value = re.sub("[0-9a-f]{32}", "random", value)
        if name == "set-cookie":
            value = re.sub("^session=[^;]+", "session=random", value)
        boundary = re.fullmatch("multipart/byteranges; boundary=([0-9a-f]{32})", value)
        if boundary:
            body, value = body.replace(boundary[1].encode(), b"random"), "multipart/byteranges"
        if name not in ("content-length", "connection"):
            kept.append((name, value))
    return {"status": head.status, "headers": kept, "body": body, "raised": type(exchange.error).__name__}


def compare(drawn: Drawn) -> None:
    """Send it to both, and hold the answers against each other."""
    runner, *both = worlds()
    logging.disable(logging.CRITICAL)
    try:
        asgi, rsgi = (shown(runner.run(world.answer(drawn)), drawn) for world in both)
    finally:
        logging.disable(logging.NOTSET)
    assert asgi == rsgi
    event(f"{asgi['status']}")
    assert (
        asgi["status"] < 500
        or "error" in drawn.path
        or "status=" in drawn.query
        or asgi["status"] in (501, 507)
    ), asgi
    if dict(asgi["headers"]).get("content-type", "").startswith(
        "application/json"
    ) and "content-encoding" not in dict(asgi["headers"]):
        assert not asgi["body"] or json.loads(asgi["body"]) is not ...


PLAIN = [("host", "testserver")]


@unhurried
@given(st.lists(requests(), min_size=1, max_size=3))
@example([Drawn("GET", "/users/caf%C3%A9/a%2Fb%FF", "", PLAIN, b"", True, [])])
@example([Drawn("HEAD", "/answer/stream", "count=2", PLAIN, b"", True, [])])
@example([Drawn("GET", "/answer/stream", "count=3&fail=1", PLAIN, b"", True, [])])
@example(
    [
        Drawn(
            "GET",
            "/request",
            "a=%FF&b=+%2B",
            [*PLAIN, ("cookie", "a=1"), ("cookie", "b=2"), ("x-a", "")],
            b"",
            True,
            [],
        )
    ]
)
@example([Drawn("POST", "/bytes", "", PLAIN, b"x" * 65, False, [64])])
@example([Drawn("OPTIONS", "*", "", PLAIN, b"", True, [])])
def test_any_request_is_answered_alike_on_both_protocols(drawn: list[Drawn]) -> None:
    for one in drawn:
        compare(one)
