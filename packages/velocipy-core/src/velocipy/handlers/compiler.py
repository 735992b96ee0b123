"""Lays out a plan as the source of a function. Knows steps and dialects; emits calls to named functions and no logic of its own.

Each segment of a plan becomes one function: segment 0 sends (`handle`), those behind wrapping middleware return a Response. The
functions called are bound as globals; nothing of the user's text reaches the source but through `repr`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from velocipy.exceptions import ValidationError
from velocipy.handlers.bodies import with_body
from velocipy.handlers.names import RESERVED
from velocipy.handlers.plan import (
    Body,
    Call,
    Check,
    Give,
    Hook,
    Next,
    Plan,
    Read,
    Refuse,
    Segment,
    Step,
    Take,
)
from velocipy.handlers.results import (
    ReadyResults,
    add_missed,
    expect_response,
    header_maker,
    merge_given,
    refuse_socket,
    response_maker,
)
from velocipy.handlers.scope import Teardown
from velocipy.handlers.signature import How
from velocipy.handlers.source import Source
from velocipy.http.cookies import parse_cookies
from velocipy.http.delivery import deliver, hook_headers
from velocipy.http.gate import BODYLESS
from velocipy.http.query import parse_query
from velocipy.http.request import Request, cookie_text
from velocipy.http.response import Response
from velocipy.http.url import check_host
from velocipy.json.base import JSONEncoder
from velocipy.protocols import Dialect
from velocipy.routing.route import callable_name
from velocipy.threads import in_thread
from velocipy.websocket import WebSocket

Fail = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What the app lends to its compiled handlers."""

    encoder: JSONEncoder
    fail: Fail
    """`await fail(request, exc)` -> a Response, at the outermost segment."""
    answer: Fail
    """The same inside wrapping middleware: raises again what no exception handler takes."""
    finish_socket: Fail
    fail_socket: Fail
    serial: int
    """The app's number: two apps of one process may have equal routes."""


ENV: dict[str, object] = {
    "Request": Request,
    "Response": Response,
    "Teardown": Teardown,
    "ValidationError": ValidationError,
    "WebSocket": WebSocket,
    "add_missed": add_missed,
    "check_host": check_host,
    "cookie_text": cookie_text,
    "deliver": deliver,
    "expect_response": expect_response,
    "hook_headers": hook_headers,
    "in_thread": in_thread,
    "merge_given": merge_given,
    "refuse_socket": refuse_socket,
    "parse_cookies": parse_cookies,
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
    functions = {f"inner_{number}" for number in range(1, len(plan.segments))}
    source = Source(title, {**ENV, **dialect.env}, RESERVED | functions)
    source.line(f"# {plan.route.title!r} -> {callable_name(plan.route.endpoint)!r}  [{dialect.name}]")
    for number in reversed(range(len(plan.segments))):
        _SegmentWriter(source, plan, dialect, tools, number).write()
    return source.compile("handle"), source.text


class _SegmentWriter:
    """Emits one segment. What a function has already unpacked is in `_ready`, so that each thing is read once."""

    def __init__(self, source: Source, plan: Plan, dialect: Dialect, tools: Tools, number: int) -> None:
        self.source = source
        self.plan = plan
        self.dialect = dialect
        self.tools = tools
        self.number = number
        self.segment: Segment = plan.segments[number]
        self.wraps = isinstance(self.segment.core[-1], Next)
        self.route = source.bind("ROUTE", plan.route)
        self.make_response = source.bind(
            "make_response", response_maker(tools.encoder, plan.route.options.status_code)
        )
        self.given_response = next(
            (
                step.target
                for step in self.segment.steps
                if isinstance(step, Give) and step.what == "response"
            ),
            None,
        )
        self.fail = source.bind("fail", tools.fail)
        self.answer = source.bind("answer", tools.answer)
        self.short = self._short_way()
        self._ready: set[str] = set()
        self._states: list[tuple[str, str]] = []

    def _short_way(self) -> Literal["body", "empty", None]:
        """What this segment can send without making a Response, if it sends at all."""
        if self.wraps or self.number or self.given_response:
            return None
        if self.plan.status in BODYLESS:
            return "empty" if self.plan.result == "empty" else None
        return "body"

    # -- the frame ---------------------------------------------------------------------------------------------

    def write(self) -> None:
        """The whole function."""
        if self.plan.route.is_socket:
            self._write_socket()
        elif self.number:
            self._write_inner()
        else:
            self._write_outer()

    def _write_outer(self) -> None:
        with self._function("handle", (*self.dialect.args, "values")):
            self._prologue()
            if self.plan.enters:
                self.source.line("teardown = Teardown()")
                with self.source.block("try:"):
                    self._answer_and_send()
                self._abandon()
                self.source.line("await teardown.after_send(broken)")
            else:
                self._answer_and_send()

    def _answer_and_send(self) -> None:
        with self.source.block("try:"):
            self._body_of_try()
        with self.source.block("except Exception as exc:"):
            if self.wraps:
                # Middleware inside of a wrapping one was passed by the exception; its headers count all the same.
                self.source.line(f"request = {self._request_or_new()}")
                failed = f"await {self.fail}(request, {self._thrown()})"
                self.source.line(f"response = add_missed(request.missed, {failed})")
            else:
                self.source.line(f"response = await {self.fail}({self._request_or_new()}, {self._thrown()})")
        self._merge_given()
        self._send()

    def _write_inner(self) -> None:
        with self._function(f"inner_{self.number}", ("request",)):
            self.source.line(f"request.enter({self.number})")
            self.source.line("connection = request.connection")
            for line in self.dialect.unpack:
                self.source.line(line)
            self.source.line("values = request.values")
            self._ready.add("request")
            self._prologue()
            if self.plan.enters:
                self.source.line("teardown = request.teardown")
            for local in self.segment.carried:
                self.source.line(f"{local} = request.carried[{local!r}]")
            with self.source.block("try:"):
                self._body_of_try()
            defaults = self._defaults()
            adds_headers = defaults != "()" or self.given_response is not None
            with self.source.block("except Exception as exc:"):
                if adds_headers:
                    self.source.line(
                        f"request.missed = (*request.missed, ({self.given_response}, {defaults}))"
                    )
                self.source.line(f"response = await {self.answer}(request, {self._thrown()})")
                if adds_headers:
                    self.source.line("request.missed = ()")
            self._merge_given()
            if defaults != "()":
                self.source.line("response = response.fresh()")
                self.source.line(f"response.add_defaults({defaults})")
            self.source.line("return response")

    def _write_socket(self) -> None:
        with self._function("handle", (*self.dialect.args, "values")):
            self.source.line(f"websocket = WebSocket({self.dialect.connect_socket}, values, {self.route})")
            self._prologue()
            if self.plan.enters:
                self.source.line("teardown = Teardown()")
                with self.source.block("try:"):
                    self._converse()
                self._abandon()
                self.source.line("await teardown.after_send()")
            else:
                self._converse()

    def _converse(self) -> None:
        finish = self.source.bind("finish_socket", self.tools.finish_socket)
        fail = self.source.bind("fail_socket", self.tools.fail_socket)
        with self.source.block("try:"):
            self.source.line(f"check_host({self.dialect.hosts})")
            self._steps()
            if self.plan.enters:
                self.source.line("await teardown.before_send(None)")
            self.source.line(f"await {finish}(websocket)")
        with self.source.block("except Exception as exc:"):
            self.source.line(f"await {fail}(websocket, {self._thrown()})")

    def _thrown(self) -> str:
        """The exception to answer: what it has become in the dependencies that were entered."""
        return "await teardown.throw(exc)" if self.plan.enters else "exc"

    def _abandon(self) -> None:
        with self.source.block("except BaseException as exc:"):
            self.source.line("await teardown.abandon(exc)")
            self.source.line("raise")

    def _function(self, name: str, parameters: tuple[str, ...]) -> Any:
        return self.source.block(f"async def {name}({', '.join(parameters)}):")

    def _prologue(self) -> None:
        """What must exist before anything can fail."""
        self.source.line(f"headers = {self.dialect.headers}")
        if "request" not in self._ready and self._needs_request_local():
            self.source.line("request = None")
        tokens = [hook.token for hook in self.segment.hooks if hook.token]
        if tokens:
            self.source.line(f"{' = '.join(tokens)} = None")
        if self.reads_body_itself():
            self.source.line("received = None")
        if self._hook_headers() and not self.plan.route.is_socket:
            self.source.line("entered = 0")
        if self.given_response:
            self.source.line(f"{self.given_response} = Response()")

    def _needs_request_local(self) -> bool:
        return self.wraps or any(
            isinstance(step, Give) and step.what in ("request", "state") for step in self.segment.steps
        )

    def reads_body_itself(self) -> bool:
        """Whether a body is read past the Request, which then has to be told of it."""
        reads = any(isinstance(step, Body) for step in self.segment.steps)
        return reads and "request" not in self._ready and not self._needs_request_local()

    # -- inside the try ----------------------------------------------------------------------------------------

    def _body_of_try(self) -> None:
        self._hooks(0)
        # What sends leaves too: a hook may have refused, or a wrapping middleware may have answered by itself.
        if self.plan.enters and (not self.wraps or self.number == 0):
            self.source.line("await teardown.before_send(response)")

    def _hooks(self, number: int) -> None:
        """The hooks from `number` on and the core; where a hook may refuse, all that follows stands in an else."""
        if number == len(self.segment.hooks):
            if self.number == 0:  # behind the outermost hooks, so that a 400 has their headers too
                self.source.line(f"check_host({self.dialect.hosts})")
            self._core()
            return
        hook = self.segment.hooks[number]
        self._steps_of(hook.steps)
        if hook.steps and isinstance(hook.steps[-1], Refuse):
            with self.source.block("else:"):
                self._enter(hook, number + 1)
                self._hooks(number + 1)
        else:
            self._enter(hook, number + 1)
            self._hooks(number + 1)

    def _enter(self, hook: Hook, number: int) -> None:
        if self._hook_headers():
            self.source.line(f"entered = {number}")
        if hook.state_key and hook.token:
            if "request" in self._ready:
                self.source.line(f"request.state[{hook.state_key!r}] = {hook.token}")
            self._states.append((hook.state_key, hook.token))

    def _core(self) -> None:
        self._steps_of(self.segment.core)
        if self.wraps:
            return
        if self.short == "body":
            self._find_ready()
        elif self.short == "empty":
            self.source.line(f"response = None if result is None else {self.make_response}(result)")
        else:
            self.source.line(f"response = {self.make_response}(result)")

    def _find_ready(self) -> None:
        table = self.source.bind("READY", _ready_results(self.segment, self.dialect, self.tools))
        self.source.line(f"ready = {table}[result.__class__]")
        with self.source.block("if ready is None:"):
            self.source.line(f"response = {self.make_response}(result)")
        with self.source.block("else:"):
            self.source.line("encode, head = ready")
            self.source.line("body = encode(result)")
            if self._hook_headers():
                self.source.line(f"head = [*head, {self._native_hook_headers()}]")
            self.source.line("response = None")

    def _steps(self) -> None:
        for hook in self.segment.hooks:
            self._steps_of(hook.steps)
            if hook.state_key and hook.token:
                self.source.line(f"websocket.state[{hook.state_key!r}] = {hook.token}")
        self._steps_of(self.segment.core)

    def _steps_of(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            self.emit(step)

    def emit(self, step: Step) -> None:
        """One step, by the table below."""
        EMITTERS[type(step)](self, step)

    # -- sending -----------------------------------------------------------------------------------------------

    def _merge_given(self) -> None:
        if self.given_response:
            self.source.line(f"response = merge_given({self.given_response}, response)")

    def _send(self) -> None:
        connect = f"request.connection if request is not None else {self.dialect.connect}"
        if not self._needs_request_local():
            connect = self.dialect.connect
        defaults = self._defaults()
        deliver_line = f"await deliver({connect}, response{'' if defaults == '()' else ', ' + defaults})"
        if self.plan.enters:
            deliver_line = f"broken = {deliver_line}"
        if self.short is None:
            self.source.line(deliver_line)
            return
        with self.source.block("if response is None:"):
            if self.short == "empty":
                self._send_empty()
            else:
                self._fill(self.dialect.send_body, "head")
            if self.plan.enters:
                self.source.line("broken = None")
        with self.source.block("else:"):
            self.source.line(deliver_line)

    def _send_empty(self) -> None:
        constants = self.source.bind("HEAD", self.dialect.native(self.segment.constants))
        headers = f"[*{constants}, {self._native_hook_headers()}]" if self._hook_headers() else constants
        self._fill(self.dialect.send_empty, headers)

    def _fill(self, lines: tuple[str, ...], headers: str) -> None:
        for line in lines:
            self.source.line(line.format(status=self.plan.status, headers=headers))

    def _hook_headers(self) -> list[tuple[str, str | None, Callable[..., Any]]]:
        return [(name, hook.token, make) for hook in self.segment.hooks for name, make in hook.headers]

    def _native_hook_headers(self) -> str:
        """The hooks' headers where every hook was entered: one checked native pair each, none where making it fails."""
        makers = []
        for name, token, make in self._hook_headers():
            maker = self.source.bind(f"header_{name}", header_maker(name, make, self.dialect.native))
            makers.append(f"*{maker}({token or ''})")
        return ", ".join(makers)

    def _defaults(self) -> str:
        """The headers that middleware of this segment adds to a Response, as an expression."""
        constants = self.segment.constants
        bound = self.source.bind("CONSTANTS", constants) if constants else "()"
        if not self._hook_headers():
            return bound
        table = tuple(
            (number, name, make, hook.token is not None)
            for number, hook in enumerate(self.segment.hooks, 1)
            for name, make in hook.headers
        )
        tokens = ", ".join(token or "None" for _, token, _ in self._hook_headers())
        return f"hook_headers({bound}, entered, {self.source.bind('HOOKS', table)}, ({tokens},))"

    def carried_on(self) -> list[str]:
        """Locals of this segment that those inside use too."""
        wanted = {local for segment in self.plan.segments[self.number + 1 :] for local in segment.carried}
        return sorted(wanted & self.segment.targets)

    # -- things made at most once --------------------------------------------------------------------------------

    def need(self, name: str, expression: str) -> None:
        """Set a local before its first use."""
        if name not in self._ready:
            self._ready.add(name)
            self.source.line(f"{name} = {expression}")

    def need_request(self) -> None:
        """Make the Request, with the state that hooks have left by now."""
        if not self.plan.route.is_socket:
            self.need("request", self._new_request())

    def _new_request(self) -> str:
        state = ", ".join(f"{key!r}: {token}" for key, token in self._states)
        return f"Request({self.dialect.connect}, values, {self.route}{', {' + state + '}' if state else ''})"

    def _request_or_new(self) -> str:
        if self._needs_request_local():
            return f"request or {self._new_request()}"
        return (
            f"with_body({self._new_request()}, received)" if self.reads_body_itself() else self._new_request()
        )


def _ready_results(segment: Segment, dialect: Dialect, tools: Tools) -> ReadyResults:
    """class -> (encode, native headers with the segment's constants): what is sent without a Response being made."""
    own = {name for name, _ in segment.constants}

    def natives(media_type: str) -> Any:
        content_type = [] if "content-type" in own else [("content-type", media_type)]
        return dialect.native([*content_type, *segment.constants])

    return ReadyResults(tools.encoder, natives)


def _emit_take(writer: _SegmentWriter, step: Take) -> None:
    writer.source.line(f"{step.target} = values[{step.index}]")


def _emit_read(writer: _SegmentWriter, step: Read) -> None:
    default = step.parameter.default
    if step.reader is not None:
        reader = writer.source.bind(f"read_{step.parameter.name}", step.reader)
        text = _SOURCES[step.source](writer, step, "")
        writer.need("errors", "[]")
        writer.source.line(f"{step.target} = {reader}({text}, errors)")
    else:
        bound = (
            "" if default is None else ", " + writer.source.bind(f"default_{step.parameter.name}", default)
        )
        writer.source.line(f"{step.target} = {_SOURCES[step.source](writer, step, bound)}")


def _path_text(writer: _SegmentWriter, step: Read, default: str) -> str:
    return f"values[{step.index}]"


def _query_text(writer: _SegmentWriter, step: Read, default: str) -> str:
    writer.need("query", f"parse_query({writer.dialect.query_text})")
    return f"query.get({step.key!r}{default})"


def _header_text(writer: _SegmentWriter, step: Read, default: str) -> str:
    return f"headers.get({step.key!r}{default})"


def _cookie_text(writer: _SegmentWriter, step: Read, default: str) -> str:
    writer.need("cookies", "parse_cookies(cookie_text(headers))")
    return f"cookies.get({step.key!r}{default})"


_SOURCES = {"path": _path_text, "query": _query_text, "header": _header_text, "cookie": _cookie_text}


def _emit_body(writer: _SegmentWriter, step: Body) -> None:
    check = writer.source.bind("check_type", step.check_type)
    decode = writer.source.bind(f"decode_{step.parameter.name}", step.decode)
    writer.source.line(f"{check}(headers.get('content-type'), headers.get('content-encoding'))")
    if writer.reads_body_itself():
        writer.source.line(f"received = await {writer.dialect.read_body.format(limit=step.limit)}")
    else:
        writer.need_request()
        writer.source.line("received = await request.body()")
    writer.need("errors", "[]")
    writer.source.line(f"{step.target} = {decode}(received, errors)")


def _emit_check(writer: _SegmentWriter, step: Check) -> None:
    writer.source.line("if errors: raise ValidationError(errors)")


def _emit_give(writer: _SegmentWriter, step: Give) -> None:
    if step.what == "websocket":
        writer.source.line(f"{step.target} = websocket")
    elif step.what == "request":
        writer.need_request()
        writer.source.line(f"{step.target} = request")
    elif step.what == "state":
        if not writer.plan.route.is_socket:
            writer.need_request()
        writer.source.line(
            f"{step.target} = {'websocket' if writer.plan.route.is_socket else 'request'}.state"
        )


def _emit_call(writer: _SegmentWriter, step: Call) -> None:
    function = writer.source.bind(callable_name(step.function), step.function)
    args = list(step.args)
    if step.keywords:
        args.append("**{" + ", ".join(f"{name!r}: {local}" for name, local in step.keywords) + "}")
    call = _CALLS[step.how].format(
        function=function, args=", ".join(args), comma=", " if args else "", scope=step.scope
    )
    writer.source.line(f"{step.target} = {call}" if step.target else call)


_CALLS = {
    How.AWAIT: "await {function}({args})",
    How.PLAIN: "{function}({args})",
    How.THREAD: "await in_thread({function}{comma}{args})",
    How.ASYNC_GENERATOR: "await teardown.enter({function}({args}), {scope!r})",
    How.ASYNC_CONTEXT: "await teardown.enter({function}({args}), {scope!r})",
    How.GENERATOR: "await teardown.enter_in_thread({function}({args}), {scope!r})",
    How.CONTEXT: "await teardown.enter_in_thread({function}({args}), {scope!r})",
}


def _emit_refuse(writer: _SegmentWriter, step: Refuse) -> None:
    if writer.plan.route.is_socket:
        writer.source.line(f"refuse_socket({step.target})")
    else:
        with writer.source.block(f"if isinstance({step.target}, Response):"):
            writer.source.line(f"response = {step.target}")


def _emit_next(writer: _SegmentWriter, step: Next) -> None:
    writer.need_request()
    if writer.number == 0 and writer.plan.enters:
        writer.source.line("request.teardown = teardown")
    for local in writer.carried_on():
        writer.source.line(f"request.carried[{local!r}] = {local}")
    label = callable_name(step.dispatch)
    dispatch = writer.source.bind(label, step.dispatch)
    writer.source.line(
        f"response = expect_response(await {dispatch}(request, inner_{step.inner}), {label!r})"
    )


EMITTERS: dict[type, Callable[[_SegmentWriter, Any], None]] = {
    Take: _emit_take,
    Read: _emit_read,
    Body: _emit_body,
    Check: _emit_check,
    Give: _emit_give,
    Call: _emit_call,
    Refuse: _emit_refuse,
    Next: _emit_next,
}
"""A function a step kind; a test holds it against `plan.Step`."""
