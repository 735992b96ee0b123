"""Gives every request an id: the client's, if it is harmless, or a new one; and gives it to the records of the log. Knows no endpoint."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from inspect import Parameter, Signature
from os import urandom
from typing import ClassVar

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.hooks import the_token
from velocipy.handlers.markers import Header
from velocipy.middleware.base import Middleware
from velocipy.protocols import RequestHeaders

_HARMLESS = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

_FIELDS = r"-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TRACEPARENT = re.compile(rf"00{_FIELDS}|(?!00|ff)[0-9a-f]{{2}}{_FIELDS}(?:-.*)?")
"""W3C Trace Context section 3.2.2: version 00 ends with the flags, and of later versions more may follow."""

_current: ContextVar[str | None] = ContextVar("velocipy.request_id", default=None)


def current_request_id() -> str | None:
    """The id of the request that is being served here, in its tasks and threads too; None outside of one."""
    return _current.get()


def trace_id_of(traceparent: str | None) -> str | None:
    """`00-<trace id>-<parent id>-<flags>` -> the 32 hex digits of the trace id; None for a header that is not valid."""
    matched = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    return None if matched is None else matched[1] or matched[2]


class RequestIDMiddleware(Middleware):
    """Echoes `x-request-id`, or makes one; handlers find it in `request.state.request_id`, log records by RequestIDFilter.

    An id of the client's counts if it has 1 to 128 letters, digits and `._:/+=@-`; anything else is replaced, so that nothing
    of a client's reaches logs and headers unseen. A new id is 32 hex digits. With `traceparent=True` the trace id of a valid
    `traceparent` (W3C Trace Context) is the id, before any `x-request-id`. Raises ConfigurationError for what is no header name.
    """

    state_key: str | None = "request_id"
    header_is_safe = True

    def __init__(self, header_name: str = "x-request-id", *, traceparent: bool = False) -> None:
        if not re.fullmatch(r"[A-Za-z0-9-]+", header_name):
            raise ConfigurationError(
                f"{header_name!r} is not a name for a request id header: use letters, digits and -, as in 'x-request-id'"
            )
        name = header_name.lower()
        self.header_name: str | None = name
        before = _before(name)
        self.before: Callable[..., str] = _before_traced(before, name) if traceparent else before

    header: ClassVar[Callable[[str], str]] = staticmethod(the_token)


def _before(name: str) -> Callable[[str | None], str]:
    """The hook, with all that it looks up in reach; it is given the header as a parameter is, which costs no call."""
    is_harmless, enter = _HARMLESS.fullmatch, _current.set

    def before(sent: str | None) -> str:
        if sent is None or is_harmless(sent) is None:
            sent = urandom(16).hex()
        enter(sent)
        return sent

    before.__signature__ = _takes(_sent(name))  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
    return before


def _before_traced(untraced: Callable[[str | None], str], name: str) -> Callable[..., str]:
    def before(headers: RequestHeaders, sent: str | None) -> str:
        lines = headers.get_all("traceparent")
        trace_id = trace_id_of(lines[0]) if len(lines) == 1 else None  # of two, neither counts
        if trace_id is None:
            return untraced(sent)
        _current.set(trace_id)
        return trace_id

    headers = Parameter("headers", Parameter.POSITIONAL_OR_KEYWORD, annotation=RequestHeaders)
    before.__signature__ = _takes(headers, _sent(name))  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
    return before


def _sent(name: str) -> Parameter:
    """The header of that name, which is no matter of an endpoint's documentation."""
    marker = Header(None, alias=name, include_in_schema=False)
    return Parameter("sent", Parameter.POSITIONAL_OR_KEYWORD, default=marker, annotation=str | None)


def _takes(*parameters: Parameter) -> Signature:
    return Signature(parameters, return_annotation=str)


class RequestIDFilter(logging.Filter):
    """Gives every record a `request_id` for formatters: `%(request_id)s`. Add it to handlers; it lets all records pass.

    `default` stands in records that no request is behind.
    """

    def __init__(self, default: str = "-") -> None:
        super().__init__()
        self.default = default

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; a `request_id` that the record has already stays."""
        if not hasattr(record, "request_id"):
            record.request_id = _current.get() or self.default
        return True
