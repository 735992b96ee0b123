"""Source for each kind of step. Knows what a step does and how the writer names things; does not know what stands around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from velocipy.handlers.plan import (
    Always,
    Answer,
    AppValue,
    Body,
    Call,
    Check,
    Constant,
    Form,
    Give,
    Given,
    Next,
    Only,
    Read,
    Refuse,
    Spread,
    Step,
    Take,
)
from velocipy.handlers.signature import How
from velocipy.routing.route import callable_name

if TYPE_CHECKING:
    from velocipy.handlers.writer import SegmentWriter


def reads_whole_query(step: Step) -> bool:
    """Whether the step asks a query for more than the last value under a name."""
    if isinstance(step, Read):
        return step.source == "query" and (step.many or not step.key)
    return isinstance(step, (Only, Spread)) and step.source == "query"


def looks_up_fields(step: Step) -> bool:
    """Whether the step asks for lines of the request's head other than Host, for which a table of them is made."""
    if isinstance(step, Read):
        return step.source in ("header", "cookie")
    return isinstance(step, Body) or (isinstance(step, Give) and step.what == "headers")


def _emit_take(writer: SegmentWriter, step: Take) -> None:
    writer.source.line(f"{step.target} = values[{step.index}]")


def _emit_read(writer: SegmentWriter, step: Read) -> None:
    default = step.parameter.default
    if step.reader is not None:
        reader = writer.source.bind(f"read_{step.parameter.name}", step.reader)
        found = _found(writer, step, "")
        writer.need("errors", "[]")
        writer.source.line(f"{step.target} = {reader}({found}, errors)")
    else:
        bound = "" if default is None else writer.source.bind(f"default_{step.parameter.name}", default)
        writer.source.line(f"{step.target} = {_found(writer, step, bound)}")


def _no_text(writer: SegmentWriter) -> None:
    """What the path gives, and the object of several body parameters, is there already."""


def _query(writer: SegmentWriter) -> None:
    writer.need_query()


def _headers(writer: SegmentWriter) -> None:
    writer.need_headers()


def _cookies(writer: SegmentWriter) -> None:
    writer.need_headers()
    writer.need("cookies", "parse_cookies(cookie_text(headers))")


_PREPARE: dict[str, Callable[[SegmentWriter], None]] = {
    "path": _no_text,
    "query": _query,
    "header": _headers,
    "cookie": _cookies,
    "form": _no_text,
    "file": _no_text,
    "body": _no_text,
}
"""What must stand before a source can be read."""

_LOOKUPS = {
    "query": ("query.get", "query.getlist"),
    "header": ("headers.get", "header_items(headers)"),
    "cookie": ("cookies.get", "None"),
    "form": ("form.get", "form.getlist"),
    "file": ("form.file", "form.files"),
}
"""The functions that find one value, and all values, of a key."""


def _found(writer: SegmentWriter, step: Read, default: str) -> str:
    """The expression of what a source has under a step's key; `default` is the local of what stands for nothing, or no text."""
    if step.source == "header" and not step.many:
        return writer.field_text(step.key, default or "None", joined=step.joined)
    _PREPARE[step.source](writer)
    if step.source == "path":
        return f"values[{step.index}]"
    if step.source == "body":
        return f"fields.get({step.key!r}, MISSING)"
    one, many = _LOOKUPS[step.source]
    return f"{many}({step.key!r})" if step.many else f"{one}({step.key!r}{default and f', {default}'})"


def _emit_spread(writer: SegmentWriter, step: Spread) -> None:
    read = writer.source.bind(f"read_{step.parameter.name}", step.read)
    get, getlist = _LOOKUPS[step.source]
    _PREPARE[step.source](writer)
    writer.need("errors", "[]")
    writer.source.line(f"{step.target} = {read}({get}, {getlist}, errors)")


def _emit_only(writer: SegmentWriter, step: Only) -> None:
    keys = writer.source.bind(f"{step.source}_keys", step.keys)
    _PREPARE[step.source](writer)
    writer.need("errors", "[]")
    writer.source.line(f"refuse_unknown({step.source}, {keys}, {step.source!r}, errors)")


def _emit_body(writer: SegmentWriter, step: Body) -> None:
    types = "headers.get('content-type'), headers.get('content-encoding')"
    if step.choose is not None:
        writer.need_headers()
        decode = "decode"
        writer.source.line(f"decode = {writer.source.bind('choose_decoder', step.choose)}({types})")
    else:
        decode = writer.source.bind(f"decode_{step.parameter.name}", step.decode)
        check = f"{writer.source.bind('check_type', step.check_type)}({types})"
        usual = writer.dialect.field_value("application/json")
        kind, coding = writer.field("content-type"), writer.field("content-encoding")
        with writer.source.block(f"if {kind} != {usual} or {coding} is not None:"):  # 90 ns less than to call
            if not writer.has("headers"):
                writer.source.line(f"headers = {writer.dialect.headers}")
            writer.source.line(check)
    if writer.reads_body_itself():
        length, seconds = writer.field("content-length"), writer.plan.route.app.body_timeout
        reading = writer.dialect.read_body.format(length=length, limit=step.limit, seconds=seconds)
        writer.need("received", f"await {reading}")
    else:
        writer.need_request()
        writer.source.line("received = await request.body()")
    writer.need("errors", "[]")
    writer.source.line(f"{step.target} = {decode}(received, errors)")


def _emit_form(writer: SegmentWriter, step: Form) -> None:
    writer.need_request()
    limits = writer.source.bind("form_limits", step.limits)
    writer.source.line(f"form = await teardown.enter(FormScope(request, {limits}), 'request')")


def _emit_check(writer: SegmentWriter, step: Check) -> None:
    writer.source.line("if errors: raise ValidationError(errors)")


def _emit_give(writer: SegmentWriter, step: Give) -> None:
    if step.what != "response":
        writer.source.line(f"{step.target} = {_GIVEN[step.what](writer)}")


def _request(writer: SegmentWriter) -> str:
    writer.need_request()
    return "request"


def _state(writer: SegmentWriter) -> str:
    return "websocket.state" if writer.plan.route.is_socket else f"{_request(writer)}.state"


def _raw_headers(writer: SegmentWriter) -> str:
    writer.need_headers()
    return "headers"


def _allowed(writer: SegmentWriter) -> str:
    allowed = writer.plan.route.allowed
    return "AllowedMethods(values[0])" if allowed is None else writer.source.bind("ALLOWED", allowed)


def _method(writer: SegmentWriter) -> str:
    return "'GET'" if writer.plan.route.is_socket else writer.dialect.method


def _path(writer: SegmentWriter) -> str:
    return writer.dialect.path


def _root_path(writer: SegmentWriter) -> str:
    return writer.dialect.root_path


def _query_text(writer: SegmentWriter) -> str:
    return writer.dialect.query_text


def _scheme(writer: SegmentWriter) -> str:
    if writer.plan.route.is_socket:
        return "websocket.scheme"
    if writer.plan.route.proxies is not None:
        return f"{_request(writer)}.scheme"
    return writer.dialect.scheme or f"{writer.dialect.connect}.scheme"


def _hosts(writer: SegmentWriter) -> str:
    if writer.plan.route.is_socket:
        return "hosts"
    writer.need_hosts()
    return "hosts" if writer.plan.route.proxies is None else f"{_request(writer)}.forwarded_hosts(hosts)"


_GIVEN: dict[Given, Callable[[SegmentWriter], str]] = {
    "request": _request,
    "websocket": lambda writer: "websocket",
    "form": lambda writer: "form",
    "background": lambda writer: f"{_request(writer)}.background",
    "state": _state,
    "headers": _raw_headers,
    "route": lambda writer: writer.route,
    "allowed": _allowed,
    "method": _method,
    "scheme": _scheme,
    "path": _path,
    "root": _root_path,
    "query": _query_text,
    "hosts": _hosts,
    "nothing": lambda writer: "None",
}
"""The expression of what `Give` gives; the response to be stands in its local from the beginning."""


def _emit_constant(writer: SegmentWriter, step: Constant) -> None:
    value = writer.source.bind(f"given_{step.parameter.name}", step.value)
    writer.source.line(f"{step.target} = {value}")


def _emit_call(writer: SegmentWriter, step: Call) -> None:
    function = writer.source.bind(callable_name(step.function), step.function)
    args = list(step.args)
    if step.keywords:
        args.append("**{" + ", ".join(f"{name!r}: {local}" for name, local in step.keywords) + "}")
    call = _CALLS[step.how].format(
        function=function, args=", ".join(args), comma=", " if args else "", scope=step.scope
    )
    if step.while_there:
        writer.need_request()
        call = f"await cancel_on_disconnect(request.connection, {call.removeprefix('await ')})"
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


def _emit_app_value(writer: SegmentWriter, step: AppValue) -> None:
    values = writer.source.bind("app_values", writer.tools.app_values)
    call = writer.source.bind(callable_name(step.call.function), step.call)
    writer.source.line(f"{step.target} = await {values}.value({call})")


def _emit_always(writer: SegmentWriter, step: Always) -> None:
    writer.source.line(f"body = {writer.source.bind('CONSTANT', step.content)}")


def _emit_refuse(writer: SegmentWriter, step: Refuse) -> None:
    if writer.plan.route.is_socket:
        writer.source.line(f"refuse_socket({step.target})")
    else:
        # Of most hooks the token is None then, which is told sooner.
        with writer.source.block(f"if {step.target} is not None and isinstance({step.target}, Response):"):
            writer.source.line(f"response = {step.target}")


def _emit_answer(writer: SegmentWriter, step: Answer) -> None:
    answer = f"expect_response({step.target}, {step.label!r})"
    with writer.source.block(f"if {step.asked}:"), writer.read_apart():
        for inner in step.steps:
            writer.emit(inner)
        writer.source.line(
            f"refuse_socket({answer})" if writer.plan.route.is_socket else f"response = {answer}"
        )


def _emit_next(writer: SegmentWriter, step: Next) -> None:
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


EMITTERS: dict[type, Callable[[SegmentWriter, Any], None]] = {
    Take: _emit_take,
    Read: _emit_read,
    Spread: _emit_spread,
    Body: _emit_body,
    Form: _emit_form,
    Only: _emit_only,
    Check: _emit_check,
    Give: _emit_give,
    Constant: _emit_constant,
    Call: _emit_call,
    AppValue: _emit_app_value,
    Always: _emit_always,
    Refuse: _emit_refuse,
    Answer: _emit_answer,
    Next: _emit_next,
}
"""A function a step kind; a test holds it against `plan.Step`."""
