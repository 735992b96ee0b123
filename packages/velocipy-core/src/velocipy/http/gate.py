"""The gate before every server: what an answer may look like on the wire. Knows HTTP; knows no server and no app.

Servers differ in what they do with a wrong answer: Granian aborts on a status of 1000, h11 refuses a body on 204, others
send what desynchronises the next request. So nothing passes here that any of them would read differently.
"""

from __future__ import annotations

from velocipy.http.headers import ResponseHeaders

BODYLESS = frozenset({204, 205, 304})
"""Statuses that never carry a body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5)."""

_STATUSES = frozenset(range(200, 600))


def check_status(status: object) -> int:
    """200-599 as a plain int; ValueError for anything else, `"200"`, `200.0` and True included."""
    if type(status) is int:  # as nearly all are, and `isinstance` is a call
        if 200 <= status <= 599:
            return status
    elif isinstance(status, int) and status in _STATUSES:
        return int(status)
    raise ValueError(f"a response status is an int from 200 to 599, not {status!r}")


def length_headers(status: int, headers: ResponseHeaders, length: int) -> list[tuple[str, str]]:
    """The pairs to send with a body of `length` bytes, without Content-Length, which the connection counts itself.

    Raises ValueError where the app declared another length (RFC 9110 section 8.6) or gave a body that `status` forbids.
    """
    if length and status in BODYLESS:
        raise ValueError(f"status {status} has no body, but the response carries {length} bytes")
    declared = headers.get("content-length")
    if declared is None:
        return headers.raw
    if int(declared) != length and not (status == 304 and not length):
        raise ValueError(f"the response declares content-length {declared} and carries {length} bytes")
    return [pair for pair in headers.raw if pair[0] != "content-length"]
