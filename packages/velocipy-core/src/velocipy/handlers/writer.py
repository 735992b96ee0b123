"""Emits one segment of a plan as a function. Knows steps and dialects; emits calls to named functions and no logic of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from velocipy.formats import find_messagepack
from velocipy.handlers.app_scope import AppValues
from velocipy.handlers.emitters import EMITTERS, looks_up_fields, reads_whole_query
from velocipy.handlers.hook_lines import HookLines
from velocipy.handlers.plan import (
    Always,
    Answer,
    Body,
    Give,
    Hook,
    Next,
    Plan,
    Refuse,
    Segment,
    Step,
    emits_request,
)
from velocipy.handlers.results import (
    ReadyResults,
    Results,
    response_maker,
)
from velocipy.handlers.source import Source
from velocipy.handlers.sources import FindBackend
from velocipy.handlers.unpacked import Unpacked
from velocipy.http.gate import BODYLESS
from velocipy.json.base import JSONEncoder
from velocipy.protocols import Dialect

Fail = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What the app lends to its compiled handlers."""

    encoder: JSONEncoder
    find_backend: FindBackend
    app_values: AppValues
    fail: Fail
    """`await fail(request, exc)` -> a Response, at the outermost segment."""
    fail_alone: Fail
    """The same for a Request that was made for this call: what it leaves to be done, the Response takes along."""
    answer: Fail
    """The same inside wrapping middleware: raises again what no exception handler takes."""
    takes_refusals: bool
    """Whether an exception handler takes the 412 or 416 of a file, which is found out when that is sent."""
    finish_socket: Fail
    fail_socket: Fail
    serial: int
    """The app's number: two apps of one process may have equal routes."""


class SegmentWriter(Unpacked):
    """Emits one segment. What it unpacks of the request is read once."""

    def __init__(self, source: Source, plan: Plan, dialect: Dialect, tools: Tools, number: int) -> None:
        super().__init__(source, dialect)
        self.plan = plan
        self.tools = tools
        self.number = number
        self.segment: Segment = plan.segments[number]
        is_whole = len(plan.segments) == 1 and not plan.route.is_socket and not tools.takes_refusals
        late = self.segment.unseen() if is_whole else frozenset[str]()
        self.hooks: HookLines = HookLines(source, self.segment, dialect, plan.route.wording, late)
        self.wraps: bool = isinstance(self.segment.core[-1], Next)
        self.route: str = source.bind("ROUTE", plan.route)
        self.results: list[Results] = [
            Results(
                tools.encoder if format.is_json else find_messagepack(),
                tools.find_backend,
                model,
                format,
            )
            for format, model in zip(plan.route.formats, plan.models, strict=True)
        ]
        self.make_response: str = self._bind_makers()
        self.given_response: str | None = next(
            (
                step.target
                for step in self.segment.steps
                if isinstance(step, Give) and step.what == "response"
            ),
            None,
        )
        self.fail: str = source.bind("fail", tools.fail)
        self.answer: str = source.bind("answer", tools.answer)
        self.short = self._short_way()
        self._states: list[tuple[str, str]] = []

    def _short_way(self) -> Literal["body", "empty", None]:
        """What this segment can send without making a Response, if it sends at all."""
        if self.wraps or self.number or self.given_response or self.plan.route.options.response_class:
            return None
        if self.hooks.always_finishes:
            return None
        if self.plan.status in BODYLESS:
            return "empty" if self.plan.result == "empty" else None
        return "body"

    def _bind_makers(self) -> str:
        """The expression of the function that makes a Response of a result, by the format that was chosen if there are several."""
        options = self.plan.route.options
        makers = [
            response_maker(results, options.status_code, options.response_class, self.plan.items)
            for results in self.results
        ]
        if len(makers) == 1:
            return self.source.bind("make_response", makers[0])
        return f"{self.source.bind('make_response', tuple(makers))}[offer]"

    # -- the frame ---------------------------------------------------------------------------------------------

    def write(self) -> None:
        """The whole function."""
        if self.number:
            self._write_inner()
        else:
            self._write_outer()

    def _write_outer(self) -> None:
        with self.function("handle", (*self.dialect.args, "values")):
            self.prologue()
            if self.plan.enters:
                self.source.line("teardown = Teardown()")
            if self.plan.enters or self._needs_request_local():
                with self.source.block("try:"):
                    self._answer_and_send()
                self.abandon()
            else:
                self._answer_and_send()
            if self.plan.enters:
                with self.source.block("if teardown.is_open:"):
                    self.source.line(f"await teardown.after_send(broken, {self.about()})")
            if self._needs_request_local():
                with self.source.block("if request is not None and request.unfinished:"):
                    self.source.line("await request.finish()")

    def _answer_and_send(self) -> None:
        with self.source.block("try:"):
            self._body_of_try()
        with self.source.block("except Exception as exc:"):
            if self._needs_request_local():
                self.source.line(f"request = {self._request_or_new()}")
                failed = f"await {self.fail}(request, {self.thrown()})"
                # Middleware inside of a wrapping one was passed by the exception; what it does counts all the same.
                self.source.line(
                    f"response = await add_missed(request.missed, {failed})"
                    if self.wraps
                    else f"response = {failed}"
                )
            else:
                self._show_late()
                fail = self.source.bind("fail_alone", self.tools.fail_alone)
                self.source.line(f"response = await {fail}({self._request_or_new()}, {self.thrown()})")
        self._merge_given()
        self.hooks.finish(if_made=self.short is not None)
        self._send()

    def _write_inner(self) -> None:
        with self.function(f"inner_{self.number}", ("request",)):
            self.source.line(f"request.enter({self.number})")
            self.source.line("connection = request.connection")
            for line in self.dialect.unpack:
                self.source.line(line)
            self.source.line("values = request.values")
            self.note("request")
            self.prologue()
            if self.plan.enters:
                self.source.line("teardown = request.teardown")
            for local in self.segment.carried:
                self.source.line(f"{local} = request.carried[{local!r}]")
            with self.source.block("try:"):
                self._body_of_try()
            defaults, unfinished = self.hooks.defaults(), self.hooks.unfinished()
            is_missed = defaults != "()" or self.given_response is not None or bool(unfinished)
            with self.source.block("except Exception as exc:"):
                if is_missed:
                    missed = f"({self.given_response}, {defaults}{f', {unfinished}' if unfinished else ''})"
                    self.source.line(f"request.missed = (*request.missed, {missed})")
                self.source.line(f"response = await {self.answer}(request, {self.thrown()})")
                if is_missed:
                    self.source.line("request.missed = ()")
            self._merge_given()
            self.hooks.finish(if_made=self.short is not None)
            if defaults != "()":
                self.source.line("response = response.fresh()")
                self.source.line(f"response.add_defaults({defaults})")
            self.source.line("return response")

    def thrown(self) -> str:
        """The exception to answer: what it has become in the dependencies that were entered."""
        return "await teardown.throw(exc)" if self.plan.enters else "exc"

    def abandon(self) -> None:
        with self.source.block("except BaseException as exc:"):
            if self.plan.enters:
                self.source.line("await teardown.abandon(exc)")
            if not self.plan.route.is_socket and self._needs_request_local():
                with self.source.block("if request is not None and request.unfinished:"):
                    self.source.line("await request.abandon()")
            self.source.line("raise")

    def function(self, name: str, parameters: tuple[str, ...]) -> Any:
        return self.source.block(f"async def {name}({', '.join(parameters)}):")

    def prologue(self) -> None:
        """What must exist before anything can fail."""
        if not self.has("request") and self._needs_request_local():
            self.source.line("request = None")
        tokens = [hook.token for hook in self.segment.hooks if hook.token]
        if tokens:
            self.source.line(f"{' = '.join(tokens)} = None")
        if self.reads_body_itself():
            self.source.line("received = None")
        if self.hooks.counts and not self.plan.route.is_socket:
            self.source.line("entered = 0")
        if self.given_response:
            self.source.line(f"{self.given_response} = Response()")

    def _needs_request_local(self) -> bool:
        return any(map(emits_request, self.segment.steps))

    def reads_body_itself(self) -> bool:
        """Whether a body is read past the Request, which then has to be told of it."""
        reads = any(isinstance(step, Body) for step in self.segment.steps)
        return reads and not self.has("request") and not self._needs_request_local()

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
                self.check_host()
            self._core()
            return
        self._steps_of_hook(self.hooks.steps_now(self.segment.hooks[number]), number)

    def _steps_of_hook(self, steps: tuple[Step, ...], number: int) -> None:
        for at, step in enumerate(steps, 1):
            self.emit(step)
            if isinstance(step, (Refuse, Answer)):
                with self.source.block("else:"):
                    self._steps_of_hook(steps[at:], number)
                return
        self._enter(self.segment.hooks[number], number + 1)
        self._hooks(number + 1)

    def _show_late(self) -> None:
        """What nobody saw, the Request shows to exception handlers: what it is made of may not have been read by now."""
        late = [pair for pair in enumerate(self.segment.hooks, 1) if pair[1].token in self.hooks.late]
        for number, hook in late:
            with self.source.block(f"if entered >= {number}:"), self.read_apart(anew=True):
                self.steps_of(hook.steps)

    def _enter(self, hook: Hook, number: int) -> None:
        if self.hooks.counts:
            self.source.line(f"entered = {number}")
        if hook.state_key and hook.token:
            if self.has("request"):
                self.source.line(f"request.state[{hook.state_key!r}] = {hook.token}")
            self._states.append((hook.state_key, hook.token))

    def check_host(self) -> None:
        """Refuse a Host field that is none; one that was seen before costs two comparisons (90 ns less than to call)."""
        known = self.dialect.knows_host
        if known and not self.has("hosts") and any(map(looks_up_fields, self.segment.steps)):
            self._need_fields()
            self.source.line(f"if not ({known}): check_host({self.dialect.hosts_of_fields})")
            return
        self.need_hosts()
        self.source.line("if len(hosts) != 1 or hosts[0] not in known_hosts: check_host(hosts)")

    def _core(self) -> None:
        self.steps_of(self.segment.core)
        if self.wraps:
            return
        if len(self.results) > 1:
            self.need_headers()
            offers = self.source.bind(
                "offers", tuple(format.media_types for format in self.plan.route.formats)
            )
            self.source.line(f"offer = preferred(', '.join(headers.get_all('accept')), {offers})")
        last = self.segment.core[-1]
        if isinstance(last, Always):
            self._send_always(last)
        elif self.short == "body":
            self._find_ready()
        elif self.short == "empty":
            self.source.line(f"response = None if result is None else {self.make_response}(result)")
            if asks := self.hooks.asks("0"):
                with self.source.block(f"if response is None and ({asks}):"):
                    self.source.line(f"response = {self.make_response}(None)")
        else:
            self.source.line(f"response = {self.make_response}(result)")

    def _find_ready(self) -> None:
        tables = [ReadyResults(results, self.hooks.natives()) for results in self.results]
        table = self.source.bind("READY", tables[0] if len(tables) == 1 else tuple(tables))
        chosen = table if len(tables) == 1 else f"{table}[offer]"
        self.source.line(f"ready = {chosen}[result.__class__]")
        with self.source.block("if ready is None:"):
            self.source.line(f"response = {self.make_response}(result)")
        with self.source.block("else:"):
            self.source.line("encode, head = ready")
            self.source.line("body = encode(result)")
            self._ready_or_finished(f"{chosen}.media_type(result.__class__)")

    def _ready_or_finished(self, media_type: str) -> None:
        """What is in `body` and `head` is sent so, unless a hook asks to finish it."""
        asks = self.hooks.asks("len(body)")
        if not asks:
            self._add_hook_headers()
            self.source.line("response = None")
            return
        with self.source.block(f"if {asks}:"):
            self.source.line(f"response = Response(body, {self.plan.status}, None, {media_type})")
        with self.source.block("else:"):
            self._add_hook_headers()
            self.source.line("response = None")

    def _send_always(self, step: Always) -> None:
        """What is answered to everybody is there already, in `body`, and its length is known."""
        if self.short is None:
            self.source.line(f"response = Response(body, {self.plan.status}, None, {step.media_type!r})")
            return
        counted = (("content-length", str(len(step.content))),) if self.dialect.send_counted else ()
        natives = self.hooks.natives(counted)(step.media_type)
        self.source.line(f"head = {self.source.bind('HEAD', natives)}")
        self._ready_or_finished(repr(step.media_type))

    def _add_hook_headers(self) -> None:
        if self.hooks.has_headers:
            self.source.line(f"head = [*head, {self.hooks.native_headers(of_result=True)}]")

    def steps_of(self, steps: tuple[Step, ...]) -> None:
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
        defaults = self.hooks.defaults()
        more = (
            "" if defaults == "()" and self._request_id() == "None" else f", {defaults}, {self._request_id()}"
        )
        if self.tools.takes_refusals and not self.plan.route.is_socket:
            more += f", refuse=lambda exc: {self._fail_late()}({self._request_or_new()}, exc)"
        deliver_line = f"await deliver({connect}, response, {self.plan.route.path!r}{more})"
        if self.plan.enters:
            deliver_line = f"broken = {deliver_line}"
        if self.short is None:
            self.source.line(deliver_line)
            return
        with self.source.block("if response is None:"):
            if self.short == "empty":
                self._send_empty()
            else:
                always = isinstance(self.segment.core[-1], Always)
                counted = self.dialect.send_counted if always else ()
                self._fill(counted or self.dialect.send_body, "head")
            if self.plan.enters:
                self.source.line("broken = None")
        with self.source.block("else:"):
            self.source.line(deliver_line)

    def _fail_late(self) -> str:
        """What answers an exception once the answer is on its way."""
        return (
            self.fail
            if self._needs_request_local()
            else self.source.bind("fail_alone", self.tools.fail_alone)
        )

    def _request_id(self) -> str:
        """The local in which a hook of this segment has left the request's id, for the log."""
        tokens = (hook.token for hook in self.segment.hooks if hook.state_key == "request_id")
        return next((token for token in tokens if token), "None")

    def about(self) -> str:
        """What a record of the log says of this request, as an expression."""
        socket = self.plan.route.is_socket
        method = "'WEBSOCKET'" if socket else self.dialect.method
        return f"about_request({method}, {self.plan.route.path!r}, {self.dialect.path}, {self._request_id()})"

    def _send_empty(self) -> None:
        constants = self.source.bind("HEAD", self.dialect.native(self.segment.constants))
        made = self.hooks.native_headers(of_result=False)
        headers = f"[*{constants}, {made}]" if made else constants
        self._fill(self.dialect.send_empty, headers)

    def _fill(self, lines: tuple[str, ...], headers: str) -> None:
        for line in lines:
            self.source.line(line.format(status=self.plan.status, headers=headers))

    def carried_on(self) -> list[str]:
        """Locals of this segment that those inside use too."""
        wanted = {local for segment in self.plan.segments[self.number + 1 :] for local in segment.carried}
        return sorted(wanted & self.segment.targets)

    # -- things made at most once --------------------------------------------------------------------------------

    def need_query(self) -> None:
        """Get the query as a mapping: of every value where a step asks for more than the last one under a name."""
        parse = "parse_query" if any(map(reads_whole_query, self.segment.steps)) else "last_values"
        self.need("query", f"{parse}({self.dialect.query_text})")

    def need_request(self) -> None:
        """Make the Request, with the state that hooks have left by now. No step of a WebSocket's needs one."""
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
