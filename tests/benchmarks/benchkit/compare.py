"""Whether two servers answer alike. Knows status, headers and body; does not know who they are or how fast.

Three rules, from strict to loose:

* `exact`   raw against itself, and the standard for ours: status, headers and every byte of the body; a length may stand where
            chunks were expected, which a server gives to a stream that came to it whole;
* `worded`  ours: as `exact`, but a 400, 413, 415 or 422 may put it in its own words, so of its body counts which places are
            at fault (422) or that it gives a text, and Content-Length does not count;
* `loose`   peers: status, and the body as a JSON value where it is one. Their refusals are their own: only "4xx" is asked for.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchkit.chatter import client_frame, opened, server_frame
from benchkit.load import request_bytes
from benchkit.workloads import Ask, Workload

VOLATILE: Final = frozenset({"date", "server", "connection", "server-timing"})
"""The server's own, and what a clock says. A server closes a connection or keeps it by how much of a refused body has arrived already: a race."""

CHUNKED: Final = ("transfer-encoding", "chunked")
WORDED: Final = frozenset({400, 413, 415, 422})
TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `headers` are (lower-case name, value), sorted, without the server's own."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


Rule = Callable[[Answer, Answer], list[str]]


def fetch(port: int, ask: Ask) -> Answer:
    """The answer to one request on a connection of its own. Raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.putrequest(ask.method, ask.target, skip_accept_encoding=True)
        for name, value in ask.headers:
            connection.putheader(name, value)
        if ask.method in ("POST", "PUT"):
            connection.putheader("content-length", str(len(ask.body)))
        connection.endheaders(ask.body or None)
        response = connection.getresponse()
        return Answer(response.status, _headers(response.getheaders()), response.read())
    finally:
        connection.close()


def _headers(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    kept = [(name.lower(), value) for name, value in pairs if name.lower() not in VOLATILE]
    return tuple(sorted((name, _in_order(value) if name == "allow" else value) for name, value in kept))


def _in_order(allow: str) -> str:
    """RFC 9110 section 10.2.1: Allow is a set, its order means nothing."""
    return ", ".join(sorted(part.strip() for part in allow.split(",")))


def exact(expected: Answer, got: Answer) -> list[str]:
    """What differs, one line each; an empty list when nothing does."""
    headers = _framed(expected, got)
    found = _differ("status", expected.status, got.status)
    found += _differ("headers", dict(expected.headers), dict(headers))
    if len(expected.headers) != len(headers):
        found.append(f"number of headers: {len(expected.headers)} expected, {len(headers)} came")
    return found + _differ("body", expected.body, got.body)


def _framed(expected: Answer, got: Answer) -> list[tuple[str, str]]:
    """The headers that came, with the framing that was expected where the other one says the same."""
    length = ("content-length", str(len(got.body)))
    if CHUNKED not in expected.headers or length not in got.headers:
        return list(got.headers)
    return sorted(CHUNKED if pair == length else pair for pair in got.headers)


def worded(expected: Answer, got: Answer) -> list[str]:
    if expected.status not in WORDED or expected.status != got.status:
        return exact(expected, got)
    headers = _differ("headers", _unsized(expected), _unsized(got))
    return headers + _differ("faults", places(expected.body), places(got.body))


def loose(expected: Answer, got: Answer) -> list[str]:
    if expected.status >= 400:
        return _differ("status", "4xx", f"{got.status // 100}xx")
    return _differ("status", expected.status, got.status) + _differ(
        "body", _value(expected.body), _value(got.body)
    )


def _differ(what: str, expected: object, got: object) -> list[str]:
    return [] if expected == got else [f"{what}: {_shown(expected)} expected, {_shown(got)} came"]


def _shown(value: object) -> str:
    """Its beginning: a body may have 50 KB, and stands in a table."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text):,} characters)"


def _unsized(answer: Answer) -> list[tuple[str, str]]:
    return [pair for pair in answer.headers if pair[0] != "content-length"]


def _value(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body


def places(body: bytes) -> list[list[str]]:
    """The `loc` of each fault, sorted; none for a plain text; a body of another shape is its own single place, so it differs."""
    try:
        detail = json.loads(body)["detail"]
        return (
            []
            if isinstance(detail, str)
            else sorted([str(part) for part in fault["loc"]] for fault in detail)
        )
    except (ValueError, KeyError, TypeError):
        return [[repr(body)]]


def asks(workload: Workload, rule: Rule) -> Iterator[Ask]:
    """Everything that is compared before the workload is timed."""
    yield workload.timed
    yield from workload.right
    yield from workload.wrong
    if rule is not loose:
        yield from workload.ours


def differences(workload: Workload, base: int, port: int, rule: Rule) -> list[str]:
    """The server on `port` against the one on `base`: one text per request that is answered differently."""
    found = []
    for ask in asks(workload, rule):
        lines = _compare(ask, base, port, rule)
        if lines:
            found.append(f"{workload.name}: {ask}\n" + "\n".join(f"    {line}" for line in lines))
    if workload.message is not None:
        found += _unechoed(workload.timed, workload.message, port)
    return found + _wrong_status(workload, base)


def _unechoed(ask: Ask, message: bytes, port: int) -> list[str]:
    """Whether texts come back, and in order. What else could come of them the load generator finds out, at each message."""
    try:
        with opened(port, request_bytes(ask, port)) as connection:
            connection.sendall(client_frame(message) + client_frame(b"and again"))
            due = server_frame(message) + server_frame(b"and again")
            got = b""
            while len(got) < len(due) and (piece := connection.recv(len(due) - len(got))):
                got += piece
    except (OSError, ValueError) as exc:
        return [f"{ask}: no WebSocket: {exc}"]
    return [] if got == due else [f"{ask}: {got!r} came back"]


def lacks(workload: Workload, port: int) -> bool:
    """Whether an app has no such route: it was not written for it, which is no difference of answers."""
    try:
        return workload.status != 404 and fetch(port, workload.timed).status == 404
    except (OSError, http.client.HTTPException):
        return False


def _compare(ask: Ask, base: int, port: int, rule: Rule) -> list[str]:
    expected = fetch(base, ask)
    try:
        return rule(expected, fetch(port, ask))
    except (OSError, http.client.HTTPException) as exc:
        return [f"no answer: {type(exc).__name__}: {exc}"]


def _wrong_status(workload: Workload, base: int) -> list[str]:
    """The base itself must answer what the table says: two apps that agree on a 500 measure nothing."""
    status = fetch(base, workload.timed).status
    return (
        []
        if status == workload.status
        else [f"{workload.name}: the base answers {status}, not {workload.status}"]
    )
