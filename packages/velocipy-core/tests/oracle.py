"""Does what a plan says, step by step, without generating source: what compiled handlers are held against.

Slow and plain on purpose: a Request and a Response are always made, locals are a dict, teardown is a list, what a source has
under a key is looked for pair by pair, and every result goes through the checking way of its response model. It shares readers,
decoders, dumpers, exception handlers and responses with the compiled way, and nothing of how these are put together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import unquote_plus

from velocipy.error_handlers import Failure, merge_handlers
from velocipy.exceptions import ValidationError
from velocipy.formats import JSON, find_messagepack
from velocipy.handlers.app_scope import AppCall
from velocipy.handlers.markers import MISSING
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
    Hook,
    Next,
    Only,
    Plan,
    Read,
    Refuse,
    Segment,
    Spread,
    Step,
    Take,
)
from velocipy.handlers.results import Results, expect_response
from velocipy.handlers.signature import How
from velocipy.http.forms import FormData
from velocipy.http.headers import check_header
from velocipy.http.negotiation import preferred
from velocipy.http.request import Request
from velocipy.http.response import PlainTextResponse, Response
from velocipy.http.streaming import StreamingResponse
from velocipy.http.url import check_host
from velocipy.validation import MAX_ERRORS, unknown

# -- what is entered and left ------------------------------------------------------------------------------------------

ASYNC_ENTERED = {How.ASYNC_GENERATOR, How.ASYNC_CONTEXT}
ENTERED = {How.GENERATOR, How.CONTEXT} | ASYNC_ENTERED
Entered = list[tuple[Any, "str | None"]]


async def call(function: Any, how: How, args: Any, keywords: Any, entered: Entered, scope: Any) -> Any:
    """Call, await, use a thread or enter, as `how` says; what is entered joins the list."""
    if how is How.THREAD:
        return await asyncio.to_thread(function, *args, **keywords)
    value = function(*args, **keywords)
    if how is How.AWAIT:
        return await value
    if how in ENTERED:
        manager = value
        value = (
            await manager.__aenter__() if how in ASYNC_ENTERED else await asyncio.to_thread(manager.__enter__)
        )
        entered.append((manager, scope))
    return value


async def leave(entered: Entered, exc: BaseException | None, *scopes: str | None) -> BaseException | None:
    """Leave what is of these scopes, the last first -> what `exc` has become on the way."""
    for manager, scope in list(reversed(entered)):
        if scope in scopes:
            entered.remove((manager, scope))
            info = (type(exc), exc, exc.__traceback__) if exc is not None else (None, None, None)
            try:
                if hasattr(manager, "__aexit__"):
                    await manager.__aexit__(*info)
                else:
                    await asyncio.to_thread(manager.__exit__, *info)
            except BaseException as raised:
                exc = raised
    return exc


class AppScope:
    """The values of one app's life: made at its start in the order in which the plans name them, left at its end."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, Any]] = []
        self._entered: Entered = []

    async def start(self, plans: Iterable[Plan]) -> None:
        try:
            for plan in plans:
                for step in plan.steps:
                    if isinstance(step, AppValue):
                        await self._make(step.call)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        exc = await leave(self._entered, None, None)
        self.made.clear()
        if exc is not None:
            raise exc

    def value(self, wanted: AppCall) -> Any:
        return next(value for function, value in self.made if function == wanted.function)

    async def _make(self, wanted: AppCall) -> None:
        if any(function == wanted.function for function, _ in self.made):
            return
        for needed in (*wanted.args, *(needed for _, needed in wanted.keywords)):
            await self._make(needed)
        function: Any = wanted.function
        if wanted.how in (How.GENERATOR, How.ASYNC_GENERATOR):
            function = (contextmanager if wanted.how is How.GENERATOR else asynccontextmanager)(function)
        args = [self.value(needed) for needed in wanted.args]
        keywords = {name: self.value(needed) for name, needed in wanted.keywords}
        made = await call(function, wanted.how, args, keywords, self._entered, None)
        self.made.append((wanted.function, made))


@asynccontextmanager
async def closing(form: FormData) -> AsyncIterator[None]:
    """A form that was read, as something to leave."""
    try:
        yield
    finally:
        await form.close()


# -- headers of others -------------------------------------------------------------------------------------------------

JOINED = ("set-cookie", "server-timing", "link")


def add_vary(response: Response, value: str) -> None:
    """Join what an answer varies by."""
    known = [name for line in response.headers.get_all("vary") for name in line.split(", ")]
    response.headers["vary"] = ", ".join(dict.fromkeys([*known, *value.split(", ")]))


def add_given(response: Response, given: Response) -> None:
    """What dependencies have set on the response that they asked for wins over the answer's own."""
    for name in given.headers:
        values = given.headers.get_all(name)
        if name == "vary":
            add_vary(response, ", ".join(values))
            continue
        if name not in JOINED:
            response.headers.remove(name)
        for value in values:
            response.headers.add(name, value)
    if given.status_code != 200 and response.status_code < 400:
        response.status_code = given.status_code


def add_defaults(response: Response, defaults: Iterable[tuple[str, str]]) -> None:
    """What middleware adds loses against the answer's own."""
    own = set(response.headers)
    for name, value in defaults:
        if name == "vary":
            add_vary(response, value)
        elif name in JOINED or name not in own:
            response.headers.add(name, value)


# -- a run -------------------------------------------------------------------------------------------------------------


class Oracle:
    """One run of one plan. `app` lends its encoder and model backends, `scope` the app's values; `connection.sent` is the answer."""

    def __init__(self, plan: Plan, app: Any, connection: Any, values: list[object], scope: AppScope) -> None:
        self.plan = plan
        self.app = app
        self.connection = connection
        self.values = values
        self.scope = scope
        self.request = Request(connection, values, plan.route)
        results = Results(app.json_encoder, app.models.find)
        self.failure = Failure(merge_handlers(plan.route.layers), results, plan.route.wording)
        self.locals: dict[str, Any] = {}
        self.entered: Entered = []
        self.missed: list[Callable[[Response], Awaitable[Response]]] = []

    async def run(self) -> Any:
        """The answer, once everything entered is left."""
        try:
            response, defaults = await self._segment(0)
            error = await self._send(response, defaults)
        except BaseException as exc:
            await leave(self.entered, exc, None, "function", "request")
            raise
        else:
            await leave(self.entered, error, None, "function", "request")
        finally:
            await self.request.close_form()  # which an exception handler may have read
        await self.request.background.run()
        return self.connection.sent

    async def _send(self, response: Response, defaults: list[tuple[str, str]]) -> Exception | None:
        """Send; what cannot be sent is a bare 500 with what middleware adds, unless it has begun."""
        response = response.fresh()
        try:
            add_defaults(response, defaults)
            await response.send(self.connection)
        except Exception as exc:
            if not self.connection.started:
                headers = dict(defaults) | {"content-type": "application/json"}
                await self.connection.send(500, headers.items(), b'{"detail":"Internal Server Error"}')
            return exc
        return None

    async def _segment(self, number: int) -> tuple[Response, list[tuple[str, str]]]:
        """The answer of a segment, and the headers that its middleware adds to it."""
        segment = self.plan.segments[number]
        last = number == len(self.plan.segments) - 1
        reached: list[Hook] = []
        given = Response()
        try:
            response = await self._inside(segment, number, reached, given)
            if last or number == 0:
                early: tuple[str | None, ...] = ("function",) if response.streams else ("function", None)
                raised = await leave(self.entered, None, *early)
                if raised is not None:
                    raise raised
        except Exception as exc:
            thrown = await leave(self.entered, exc, None, "function", "request")
            if not isinstance(thrown, Exception):
                assert thrown is not None
                raise thrown from None
            if number == 0:
                response = await self.failure.fail(self.request, thrown)
                for dress in self.missed:
                    response = await dress(response)
            else:
                self.missed.append(lambda response: self._dress(response, segment, reached, given))
                response = await self.failure.answer(self.request, thrown)
                self.missed.clear()
        response = response.fresh()
        add_given(response, given)
        return await self._finished(response, reached), self._defaults(segment, reached)

    async def _dress(
        self, response: Response, segment: Segment, reached: list[Hook], given: Response
    ) -> Response:
        response = response.fresh()
        add_given(response, given)
        response = (await self._finished(response, reached)).fresh()
        add_defaults(response, self._defaults(segment, reached))
        return response

    def _defaults(self, segment: Segment, reached: list[Hook]) -> list[tuple[str, str]]:
        """Constants, and a header of each hook that was passed; one that cannot be made is left out."""
        defaults = list(segment.constants)
        for hook in reached:
            token = [self.locals[hook.token]] if hook.token else []
            try:
                defaults += self._made(hook, token)
            except Exception:
                continue
        return defaults

    def _made(self, hook: Hook, token: list[Any]) -> list[tuple[str, str]]:
        if hook.headers is None:
            return []
        made = hook.headers.make(*token)
        if hook.headers.many:
            return [check_header(name, value) for name, value in made if name in hook.headers.names]
        return [] if made is None else [check_header(next(iter(hook.headers.names)), made)]

    async def _finished(self, response: Response, reached: list[Hook]) -> Response:
        """What the hooks that were passed make of the answer, the inner first; where that fails, a bare 500."""
        for hook in reversed(reached):
            if hook.finish is not None:
                token = [self.locals[hook.token]] if hook.token else []
                try:
                    more = [self.connection.headers] if hook.finish.reads else []
                    made = hook.finish.function(*token, response, *more)
                    response = await made if hook.finish.awaits else made
                except Exception:
                    content = b'{"detail":"Internal Server Error"}'
                    response = Response(content, 500, media_type="application/json")
        return response

    async def _inside(self, segment: Segment, number: int, reached: list[Hook], given: Response) -> Response:
        for hook in segment.hooks:
            for step in hook.steps:
                refused = await self._do(step, given)
                if refused is not None:
                    return refused
            reached.append(hook)
            if hook.state_key and hook.token:
                self.request.state[hook.state_key] = self.locals[hook.token]
        if number == 0:
            check_host(self.connection.headers.get_all("host"))
        for step in segment.core:
            answer = await self._do(step, given)
            if answer is not None:
                return answer
        return self._answer(self.locals["result"])

    # -- results -----------------------------------------------------------------------------------------------

    def _answer(self, result: Any) -> Response:
        """What an endpoint returned as a Response, in the format that the client likes best."""
        route, options = self.plan.route, self.plan.route.options
        accept = self.connection.headers.get("accept")
        offer = preferred(accept, tuple(format.media_types for format in route.formats))
        encoder = self.app.json_encoder if route.formats[offer] is JSON else find_messagepack()
        model = self.plan.models[offer]
        response = self._responded(result, model is not None)
        if response is None:
            status = options.status_code or 200
            if status in (204, 205, 304):
                raise ValueError("a body where there can be none")
            body = encoder.encode(result) if model is None else model.other(result)
            response = Response(body, status, media_type=route.formats[offer].media_type)
        response.bind(encoder)
        return response

    def _responded(self, result: Any, modelled: bool) -> Response | None:
        """The Response of what is not written as JSON; None for everything else."""
        options = self.plan.route.options
        status = options.status_code or 200
        if isinstance(result, Response):
            return result
        if options.response_class is not None:
            return options.response_class(result, status)
        if isinstance(result, (AsyncIterable, Iterator)):
            return StreamingResponse(result, status)
        if modelled:
            return None
        if result is None:
            return Response(None, options.status_code or 204)
        if isinstance(result, (str, bytes, bytearray, memoryview)) and status in (204, 205, 304):
            raise ValueError("a body where there can be none")
        if isinstance(result, str):
            return PlainTextResponse(result, status)
        if isinstance(result, (bytes, bytearray, memoryview)):
            return Response(result, status, media_type="application/octet-stream")
        return None

    # -- steps -------------------------------------------------------------------------------------------------

    async def _do(self, step: Step, given: Response) -> Response | None:
        """One step; a Response is the answer of a whole segment."""
        errors = self.locals.setdefault("errors", [])
        match step:
            case Take():
                self.locals[step.target] = self.values[step.index]
            case Read():
                self.locals[step.target] = self._read(step, errors)
            case Spread():
                one, every = self._looker(step.source, many=False), self._looker(step.source, many=True)
                self.locals[step.target] = step.read(one, every, errors)
            case Only():
                names = dict.fromkeys(name for name, _ in self._pairs(step.source))
                strange = [unknown((step.source, name)) for name in names if name not in step.keys]
                errors += strange[: max(0, MAX_ERRORS - len(errors))]
            case Body():
                await self._body(step, errors)
            case Form():
                form = self.locals["form"] = await self.request.form(step.limits)
                await call(closing, How.ASYNC_CONTEXT, [form], {}, self.entered, "request")
            case Check():
                if errors:
                    raise ValidationError(errors)
            case Give():
                self.locals[step.target] = self._given(step.what, given)
            case Constant():
                self.locals[step.target] = step.value
            case Call():
                args = [self.locals[name] for name in step.args]
                keywords = {name: self.locals[local] for name, local in step.keywords}
                value = await call(step.function, step.how, args, keywords, self.entered, step.scope)
                if step.target is not None:
                    self.locals[step.target] = value
            case Always():
                return Response(step.content, self.plan.status, media_type=step.media_type)
            case AppValue():
                self.locals[step.target] = self.scope.value(step.call)
            case Answer():
                if self.locals[step.asked]:
                    for inner in step.steps:
                        await self._do(inner, given)
                    return expect_response(self.locals[step.target], step.label)
            case Refuse():
                value = self.locals[step.target]
                return value if isinstance(value, Response) else None
            case Next():
                return await self._next(step)
        return None

    def _given(self, what: str, given: Response) -> Any:
        """An object of the exchange."""
        match what:
            case "request":
                return self.request
            case "headers":
                return self.connection.headers
            case "route":
                return self.plan.route
            case "hosts":
                connection = self.connection
                hosts = connection.headers.get_all("host") or (connection.authority or "",)
                return hosts if self.plan.route.proxies is None else self.request.forwarded_hosts(hosts)
            case "query":
                return self.request.query_string
            case "allowed":
                return self.plan.route.allowed
            case "method":
                return self.connection.method
            case "response":
                return given
            case "form":
                return self.locals["form"]
        return getattr(self.request, what)

    def _pairs(self, source: str) -> list[tuple[str, Any]]:
        """Everything that a source has, in its order."""
        headers = self.connection.headers
        match source:
            case "query":
                fields = [field for field in self.connection.query_string.split("&") if field]
                return [(unquote_plus(name), unquote_plus(value)) for name, value in map(_parted, fields)]
            case "header":
                return list(headers.items())
            case "cookie":
                return list(self.request.cookies.items())
            case "form":
                return list(self.locals["form"].items())
        return [pair for pair in self.locals["form"].items() if not isinstance(pair[1], str)]

    def _looker(self, source: str, many: bool) -> Callable[[str], Any]:
        """A function from a key to all values that a source has under it, or to the one that counts, or None."""
        pairs = self._pairs(source)
        if source == "form":
            pairs = [pair for pair in pairs if isinstance(pair[1], str)]

        def every(key: str) -> list[Any]:
            found = [value for name, value in pairs if name == key]
            if source == "header":
                return [item.strip() for line in found for item in line.split(",") if item.strip()]
            return found

        def one(key: str) -> Any:
            found = [value for name, value in pairs if name == key]
            first_counts = source in ("header", "cookie")
            return None if not found else found[0] if first_counts else found[-1]

        return every if many else one

    def _read(self, step: Read, errors: list[Any]) -> Any:
        if step.source == "path":
            assert step.index is not None
            found: Any = self.values[step.index]
        elif step.source == "body":
            found = self.locals["fields"].get(step.key, MISSING)
        elif step.joined:
            lines = self.connection.headers.get_all(step.key)
            found = ", ".join(lines) if lines else None
        else:
            found = self._looker(step.source, step.many)(step.key)
        if step.reader is None:
            return step.parameter.default if found is None else found
        return step.reader(found, errors)

    async def _body(self, step: Body, errors: list[Any]) -> None:
        headers = self.connection.headers
        types = headers.get("content-type"), headers.get("content-encoding")
        decode = step.decode
        if step.choose is None:
            step.check_type(*types)
        else:
            decode = step.choose(*types)
        self.locals[step.target] = decode(await self.request.body(), errors)

    async def _next(self, step: Next) -> Response:
        called: list[int] = []

        async def call_next(request: Request) -> Response:
            if called:
                raise RuntimeError("call_next was called twice for one request")
            called.append(1)
            response, defaults = await self._segment(step.inner)
            response = response.fresh()
            add_defaults(response, defaults)
            return response

        response = await step.dispatch(self.request, call_next)
        if not isinstance(response, Response):
            raise TypeError("middleware returned no Response")
        return response


def _parted(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name, value
