"""Lays out a plan as the source of a function. Knows steps and dialects; emits calls to named functions and no logic of its own.

Each segment of a plan becomes one function: segment 0 sends (`handle`), those behind wrapping middleware return a Response. The
functions called are bound as globals; nothing of the user's text reaches the source but through `repr`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from velocipy.exceptions import ValidationError
from velocipy.handlers.bodies import with_body
from velocipy.handlers.forms import FormScope, header_items, refuse_unknown
from velocipy.handlers.hooks import add_missed, hook_headers, passed
from velocipy.handlers.markers import MISSING
from velocipy.handlers.names import RESERVED
from velocipy.handlers.plan import Plan
from velocipy.handlers.results import (
    expect_response,
    merge_given,
    refuse_socket,
)
from velocipy.handlers.scope import Teardown
from velocipy.handlers.socket_writer import SocketWriter
from velocipy.handlers.source import Source
from velocipy.handlers.writer import SegmentWriter, Tools
from velocipy.http.cookies import parse_cookies
from velocipy.http.delivery import deliver
from velocipy.http.leaving import cancel_on_disconnect
from velocipy.http.negotiation import preferred
from velocipy.http.query import last_values, parse_query
from velocipy.http.request import Request, cookie_text
from velocipy.http.response import Response
from velocipy.http.url import check_host, known_hosts
from velocipy.http.wording import DETAILS, Wording
from velocipy.messages import about_request
from velocipy.origins import check_origin
from velocipy.protocols import Dialect
from velocipy.routing.route import AllowedMethods, callable_name
from velocipy.socket_headers import SocketHeaders
from velocipy.stopping import of_loop
from velocipy.threads import in_thread
from velocipy.websocket import WebSocket

__all__ = ["Tools", "compile_plan"]

ENV: dict[str, object] = {
    "AllowedMethods": AllowedMethods,
    "FormScope": FormScope,
    "MISSING": MISSING,
    "Request": Request,
    "Response": Response,
    "SocketHeaders": SocketHeaders,
    "Teardown": Teardown,
    "ValidationError": ValidationError,
    "WebSocket": WebSocket,
    "about_request": about_request,
    "add_missed": add_missed,
    "cancel_on_disconnect": cancel_on_disconnect,
    "check_host": check_host,
    "check_origin": check_origin,
    "cookie_text": cookie_text,
    "deliver": deliver,
    "expect_response": expect_response,
    "header_items": header_items,
    "hook_headers": hook_headers,
    "in_thread": in_thread,
    "known_hosts": known_hosts,
    "last_values": last_values,
    "merge_given": merge_given,
    "of_loop": of_loop,
    "refuse_socket": refuse_socket,
    "refuse_unknown": refuse_unknown,
    "parse_cookies": parse_cookies,
    "passed": passed,
    "preferred": preferred,
    "parse_query": parse_query,
    "with_body": with_body,
}
"""Names that generated source may use without binding them."""


def compile_plan(plan: Plan, dialect: Dialect, tools: Tools) -> tuple[Callable[..., Any], str]:
    """(the handler, its source). A handler is called with the dialect's arguments and the values of the path."""
    title = (
        f"<velocipy {plan.route.title} {dialect.name}>"
        if tools.serial == 1
        else (f"<velocipy {plan.route.title} {dialect.name} #{tools.serial}>")
    )
    env = {**ENV, **dialect.env, **_worded(plan.route.wording)}
    functions = {f"inner_{number}" for number in range(1, len(plan.segments))}
    source = Source(title, env, RESERVED | functions)
    source.line(f"# {plan.route.title!r} -> {callable_name(plan.route.endpoint)!r}  [{dialect.name}]")
    writer = SocketWriter if plan.route.is_socket else SegmentWriter
    for number in reversed(range(len(plan.segments))):
        writer(source, plan, dialect, tools, number).write()
    return source.compile("handle"), source.text


def _worded(wording: Wording) -> dict[str, object]:
    """The names of the environment that depend on how errors are worded."""
    return {} if wording is DETAILS else {"deliver": partial(deliver, wording=wording)}
