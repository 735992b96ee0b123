"""Does what a plan says, step by step, without generating source: what compiled handlers are held against.

Slow and plain on purpose: a Request and a Response are always made, locals are a dict, teardown is a list. It shares readers,
decoders, exception handlers and responses with the compiled way, and nothing of how these are put together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from velocipy.error_handlers import Failure, merge_handlers
from velocipy.exceptions import ValidationError
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
from velocipy.handlers.results import response_maker
from velocipy.handlers.signature import How
from velocipy.http.headers import Headers
from velocipy.http.request import Request
from velocipy.http.response import Response
from velocipy.http.url import check_host
from velocipy.json.base import JSONEncoder
from velocipy.protocols import HTTPConnection, ResponseStream


@dataclass
class Sent:
    """An answer: status, header pairs without Content-Length, body."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class Connection(HTTPConnection):
    """A request in memory, and a place for its answer."""

    http_version = "1.1"
    scheme = "http"
    client = ("127.0.0.1", 50000)
    server = ("127.0.0.1", 80)
    authority = None

    def __init__(
        self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query
        self.headers = Headers(headers)  # type: ignore[assignment]
        self.sent = Sent()
        self._body = body

    async def read_body(self, limit: int) -> bytes:
        return self._body

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        yield self._body

    async def disconnected(self) -> None:
        await asyncio.Event().wait()

    async def send(self, status: int, headers: Any, body: bytes) -> None:
        self.started = True
        self.sent = Sent(status, [pair for pair in headers if pair[0] != "content-length"], body)

    async def send_empty(self, status: int, headers: Any) -> None:
        await self.send(status, headers, b"")

    async def send_file(self, status: int, headers: Any, path: Any, start: int, stop: int) -> None:
        raise AssertionError("no oracle test sends files")

    async def start_stream(self, status: int, headers: Any) -> ResponseStream:
        await self.send(status, headers, b"")
        return _Stream(self.sent)


class _Stream(ResponseStream):
    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    async def write(self, chunk: bytes) -> None:
        self._sent.body += chunk

    async def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


ENTERS = {How.GENERATOR, How.ASYNC_GENERATOR, How.CONTEXT, How.ASYNC_CONTEXT}


class Oracle:
    """One run of one plan."""

    def __init__(
        self, plan: Plan, encoder: JSONEncoder, connection: Connection, values: list[object]
    ) -> None:
        self.plan = plan
        self.connection = connection
        self.values = values
        self.request = Request(connection, values, plan.route)
        self.failure = Failure(merge_handlers(plan.route.layers), encoder)
        self.make_response = response_maker(encoder, plan.route.options.status_code)
        self.locals: dict[str, Any] = {}
        self.entered: list[tuple[Any, str | None]] = []
        self.missed: list[Callable[[Response], Response]] = []

    async def run(self) -> Sent:
        """The answer, once everything entered is left."""
        try:
            response = await self._segment(0)
            error = None
            try:
                await response.send(self.connection)
            except Exception as exc:
                error = exc
        except BaseException as exc:
            await self._leave(exc, None, "function", "request")
            raise
        await self._leave(error, None, "function", "request")
        return self.connection.sent

    async def _segment(self, number: int) -> Response:
        segment = self.plan.segments[number]
        last = number == len(self.plan.segments) - 1
        reached: list[Hook] = []
        given = Response()
        try:
            response = await self._inside(segment, number, reached, given)
            if last or number == 0:
                early: tuple[str | None, ...] = ("function",) if response.streams else ("function", None)
                raised = await self._leave(None, *early)
                if raised is not None:
                    raise raised
        except Exception as exc:
            thrown = await self._leave(exc, None, "function", "request")
            assert isinstance(thrown, Exception)
            if number == 0:
                response = await self.failure.fail(self.request, thrown)
                for dress in self.missed:
                    response = dress(response)
            else:
                self.missed.append(lambda response: self._dress(response, segment, reached, given))
                response = await self.failure.answer(self.request, thrown)
                self.missed.clear()
        return self._dress(response, segment, reached, given)

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
        return self.make_response(self.locals["result"])

    def _dress(self, response: Response, segment: Segment, reached: list[Hook], given: Response) -> Response:
        """The headers that dependencies and middleware add."""
        response = response.fresh()
        for name in given.headers:
            if name != "set-cookie":
                response.headers.remove(name)
            for value in given.headers.get_all(name):
                response.headers.add(name, value)
        if given.status_code != 200 and response.status_code < 400:
            response.status_code = given.status_code
        own = set(response.headers)
        for name, value in segment.constants:
            if name not in own:
                response.headers.add(name, value)
        for hook in reached:
            for name, make in hook.headers:
                if name not in own:
                    response.headers.add(name, make(*([self.locals[hook.token]] if hook.token else [])))
        return response

    async def _do(self, step: Step, given: Response) -> Response | None:
        """One step; a Response is the answer of a whole segment."""
        errors = self.locals.setdefault("errors", [])
        match step:
            case Take():
                self.locals[step.target] = self.values[step.index]
            case Read():
                self.locals[step.target] = self._read(step, errors)
            case Body():
                headers = self.connection.headers
                step.check_type(headers.get("content-type"), headers.get("content-encoding"))
                self.locals[step.target] = step.decode(await self.request.body(), errors)
            case Check():
                if errors:
                    raise ValidationError(errors)
            case Give():
                exchange = {"request": self.request, "response": given, "state": self.request.state}
                self.locals[step.target] = exchange[step.what]
            case Call():
                await self._call(step)
            case Refuse():
                value = self.locals[step.target]
                return value if isinstance(value, Response) else None
            case Next():
                return await self._next(step)
        return None

    def _read(self, step: Read, errors: list[Any]) -> Any:
        if step.source == "path":
            assert step.index is not None
            text: Any = self.values[step.index]
        else:
            sources = {
                "query": self.request.query_params,
                "header": self.request.headers,
                "cookie": self.request.cookies,
            }
            text = sources[step.source].get(step.key)  # type: ignore[attr-defined]
        if step.reader is None:
            return step.parameter.default if text is None else text
        return step.reader(text, errors)

    async def _call(self, step: Call) -> None:
        args = [self.locals[name] for name in step.args]
        keywords = {name: self.locals[local] for name, local in step.keywords}
        if step.how is How.THREAD:
            value = await asyncio.to_thread(step.function, *args, **keywords)
        else:
            value = step.function(*args, **keywords)
        if step.how is How.AWAIT:
            value = await value
        if step.how in ENTERS:
            manager = value
            asynchronous = step.how in (How.ASYNC_GENERATOR, How.ASYNC_CONTEXT)
            value = await manager.__aenter__() if asynchronous else await asyncio.to_thread(manager.__enter__)
            self.entered.append((manager, step.scope))
        if step.target is not None:
            self.locals[step.target] = value

    async def _next(self, step: Next) -> Response:
        called: list[int] = []

        async def call_next(request: Request) -> Response:
            if called:
                raise RuntimeError("call_next was called twice for one request")
            called.append(1)
            return await self._segment(step.inner)

        response = await step.dispatch(self.request, call_next)
        if not isinstance(response, Response):
            raise TypeError("middleware returned no Response")
        return response

    async def _leave(self, exc: BaseException | None, *scopes: str | None) -> BaseException | None:
        for manager, scope in list(reversed(self.entered)):
            if scope in scopes:
                self.entered.remove((manager, scope))
                info = (type(exc), exc, exc.__traceback__) if exc is not None else (None, None, None)
                try:
                    if hasattr(manager, "__aexit__"):
                        await manager.__aexit__(*info)
                    else:
                        await asyncio.to_thread(manager.__exit__, *info)
                except BaseException as raised:
                    exc = raised
        return exc
