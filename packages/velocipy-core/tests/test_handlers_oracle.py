"""Compiled handlers against the plain interpreter beside this file, for drawn signatures, middleware and requests."""

import asyncio
import importlib.util
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from velocipy import (
    Cookie,
    Depends,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
)
from velocipy.exceptions import BindingError
from velocipy.handlers.markers import guard
from velocipy.testing import AsyncTestClient

_spec = importlib.util.spec_from_file_location("velocipy_oracle", Path(__file__).with_name("oracle.py"))
assert _spec is not None and _spec.loader is not None
oracle = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = oracle
_spec.loader.exec_module(oracle)


class Item(msgspec.Struct):
    """A body."""

    name: str
    price: float = 1.0


EMPTY = inspect.Parameter.empty
SHARED = Response(b"shared", 202, {"x-own": "1", "x-constant": "own"})

SCALARS: list[tuple[Any, dict[str, Any], list[str], Any]] = [
    (int, {}, ["1", "-7", "x"], 5),
    (int, {"ge": 1, "lt": 10}, ["0", "1", "9", "10", "x"], 3),
    (int, {"multiple_of": 3}, ["3", "4"], 6),
    (float, {"gt": 0.5}, ["0.5", "1e3", "nan"], 2.0),
    (bool, {}, ["true", "off", "2"], True),
    (str, {}, ["", "text", "ü&=%"], "default"),
    (str, {"min_length": 2, "max_length": 4, "pattern": "[a-z]*"}, ["a", "ab", "abcde", "AB"], "zz"),
    (Literal["a", "b"], {}, ["a", "c"], "b"),
    (date, {}, ["2026-01-31", "2026-02-30"], date(2026, 1, 1)),
]
"""Type, constraints, texts that are sent, and a default."""

NAMES = [
    "page",
    "body",
    "result",
    "errors",
    "a",
    "a_a",
    "query",
    "headers",
    "é",
    "class_",
    "ROUTE",
    "exc",
    "handle",
]
MARKERS: dict[str, Callable[..., Any]] = {"query": Query, "header": Header, "cookie": Cookie}


@dataclass
class Scalar:
    """A parameter that is read from text."""

    name: str
    source: str
    kind: int
    default: str
    keyword_only: bool

    def parameter(self) -> inspect.Parameter:
        annotation, limits, _, default = SCALARS[self.kind]
        if self.default == "none":
            annotation = (
                annotation | None if annotation is not Literal["a", "b"] else Literal["a", "b"] | None
            )
        defaults = {"required": EMPTY, "none": None, "value": default}
        return inspect.Parameter(
            self.name,
            inspect.Parameter.KEYWORD_ONLY if self.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=EMPTY,
            annotation=Annotated[
                annotation,
                MARKERS[self.source](
                    *([] if self.default == "required" else [defaults[self.default]]), **limits
                ),
            ],
        )


@dataclass
class Node:
    """A dependency, or the endpoint: what it takes, what it is, and what it does."""

    name: str
    kind: str
    scalars: list[Scalar]
    needs: list[tuple[int, bool, str | None]]
    is_guard: bool = False
    response: bool = False
    request: bool = False
    trouble: str = "none"


@dataclass
class World:
    """An app that was drawn, and what happens in it."""

    nodes: list[Node]
    endpoint: Node
    body: str
    result: str
    middleware: list[tuple[str, int]]
    status: int | None
    events: list[Any] = field(default_factory=list)


scalars = st.lists(
    st.builds(
        Scalar,
        st.sampled_from(NAMES),
        st.sampled_from(sorted(MARKERS)),
        st.integers(0, len(SCALARS) - 1),
        st.sampled_from(["required", "none", "value"]),
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda scalar: scalar.name,
)
KINDS = ["async", "sync", "agen", "gen", "acontext", "context"]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    def node(name: str, kind: str, number: int) -> Node:
        needs = st.lists(
            st.tuples(
                st.integers(0, number - 1),
                st.booleans(),
                st.sampled_from([None] * 6 + ["function", "request"]),
            ),
            min_size=1,
            max_size=3,
        )
        return Node(
            name,
            kind,
            draw(scalars),
            draw(needs) if number else [],
            is_guard=draw(st.sampled_from([False, False, True])),
            response=draw(st.booleans()),
            request=draw(st.booleans()),
            trouble=draw(
                st.sampled_from(["none"] * 12 + ["leave"] * 4 + ["enter", "http", "replace", "swallow"])
            ),
        )

    names = [f"dep{number}" for number in range(draw(st.integers(0, 4)))]
    nodes = [node(name, draw(st.sampled_from(KINDS)), number) for number, name in enumerate(names)]
    return World(
        nodes,
        node(draw(st.sampled_from(NAMES)), draw(st.sampled_from(["async", "sync"])), len(nodes)),
        draw(st.sampled_from(["none", "none", "dict", "optional", "struct", "list"])),
        draw(
            st.sampled_from(
                ["dict", "noted", "none", "shared", "stream", "str", "bytes", "number", "unsayable"]
            )
        ),
        draw(
            st.lists(
                st.tuples(
                    st.sampled_from(
                        ["hook", "wrap", "constant"] * 4 + ["catch", "answer", "twice", "nothing"]
                    ),
                    st.integers(-1, max(len(nodes) - 1, -1)),
                ),
                max_size=4,
            )
        ),
        draw(st.sampled_from([None, None, None, 201, 204])),
    )


class Trouble(Exception):
    """What nobody handles."""


class Known(Exception):
    """What the app has an exception handler for."""


def build(world: World) -> VelociPy:
    """The app of a world, all of whose functions note what happens in `world.events`."""
    calls: list[Callable[..., Any]] = []
    for node in world.nodes:
        calls.append(make_callable(world, node, calls))
    app = VelociPy()
    for number, (kind, need) in enumerate(world.middleware):
        app.add_middleware(make_middleware(world, kind, number, calls[need] if need >= 0 else None))

    @app.exception_handler(Known)
    async def handle(request: Request, exc: Known) -> Response:
        world.events.append(("handled", str(exc), await request.body() if world.body != "none" else b""))
        return Response(f"handled {exc}", 409)

    app.add_route(
        "/{first}/{second:int}",
        make_callable(world, world.endpoint, calls),
        ["POST"],
        status_code=world.status,
    )
    return app


def signature_of(world: World, node: Node, calls: list[Callable[..., Any]]) -> inspect.Signature:
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [scalar.parameter() for scalar in node.scalars]
    parameters += [
        inspect.Parameter(
            f"need{index}",
            plain,
            annotation=Annotated[Any, Depends(calls[of], use_cache=cached, scope=scope)],  # type: ignore[arg-type]
        )
        for index, (of, cached, scope) in enumerate(node.needs)
    ]
    if node.response:
        parameters.append(inspect.Parameter("answer", plain, annotation=Response))
    if node.request:
        parameters.append(inspect.Parameter("asked", plain, annotation=Request))
    if node is world.endpoint:
        parameters += [
            inspect.Parameter("first", plain, annotation=str),
            inspect.Parameter("second", plain, annotation=int),
        ]
        bodies: dict[str, Any] = {"dict": dict, "struct": Item, "list": list}
        if world.body == "optional":
            parameters.append(inspect.Parameter("data", plain, annotation=dict | None, default=None))
        elif world.body != "none":
            parameters.append(inspect.Parameter("data", plain, annotation=bodies[world.body]))
    kinds = (plain, inspect.Parameter.KEYWORD_ONLY)
    parameters.sort(key=lambda parameter: (kinds.index(parameter.kind), parameter.default is not EMPTY))
    return inspect.Signature(parameters)


def make_callable(world: World, node: Node, calls: list[Callable[..., Any]]) -> Callable[..., Any]:
    def enter(args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        shown = [type(a).__name__ if isinstance(a, (Request, Response)) else repr(a) for a in args]
        world.events.append(("enter", node.name, shown, sorted(keywords.items())))
        for argument in args:
            if type(argument) is Response:
                argument.headers[f"x-{node.kind}"] = f"{node.name}".encode("ascii", "ignore").decode()
                argument.set_cookie("node", "1")
                if node.trouble == "replace":
                    argument.status_code = 206
        if node.trouble == "enter":
            raise Trouble("entering")
        if node.trouble == "http":
            raise HTTPException(418, node.name)
        return finish(world) if node is world.endpoint else f"value of {node.name}"

    def leave(exc: BaseException | None) -> None:
        world.events.append(("leave", node.name, type(exc).__name__))
        if exc is not None and node.trouble == "replace":
            raise Known(f"replaced {type(exc).__name__}") from exc
        if exc is not None and node.trouble != "swallow":
            raise exc
        if node.trouble == "leave":
            raise Trouble("leaving")

    async def plain(*args: Any, **keywords: Any) -> Any:
        return enter(args, keywords)

    def blocking(*args: Any, **keywords: Any) -> Any:
        return enter(args, keywords)

    async def generator(*args: Any, **keywords: Any) -> AsyncIterator[Any]:
        value = enter(args, keywords)
        try:
            yield value
        except BaseException as exc:
            leave(exc)
        else:
            leave(None)

    def blocking_generator(*args: Any, **keywords: Any) -> Iterator[Any]:
        value = enter(args, keywords)
        try:
            yield value
        except BaseException as exc:
            leave(exc)
        else:
            leave(None)

    made: Any = {
        "async": plain,
        "sync": blocking,
        "agen": generator,
        "gen": blocking_generator,
        "acontext": asynccontextmanager(generator),
        "context": contextmanager(blocking_generator),
    }[node.kind]
    made.__signature__ = signature_of(world, node, calls)
    made.__name__ = node.name
    return guard(made) if node.is_guard else made  # type: ignore[no-any-return]


def finish(world: World) -> Any:
    """What the endpoint returns."""

    class Noted(Response):
        async def send(self, connection: Any) -> None:
            world.events.append("sending")
            await super().send(connection)

    async def rows() -> AsyncIterator[str]:
        for number in range(2):
            world.events.append(("row", number))
            yield f"row {number}"

    made: dict[str, Callable[[], Any]] = {
        "dict": lambda: {"a": 1},
        "str": lambda: "text",
        "bytes": lambda: b"octets",
        "none": lambda: None,
        "number": lambda: 3,
        "shared": lambda: SHARED,
        "noted": lambda: Noted("noted"),
        "stream": lambda: StreamingResponse(rows()),
        "unsayable": lambda: {"a": object()},
    }
    return made[world.result]()


def nothing() -> None:
    """A dependency that notes nothing."""


def make_middleware(world: World, kind: str, number: int, need: Callable[..., Any] | None) -> Any:
    events = world.events

    class Constant:
        response_headers = (("x-constant", str(number)), (f"x-constant-{number}", "1"))

    class Hook:
        header_name = f"x-hook-{number}"
        state_key = f"hook{number}"

        def before(self, refuse: int = -1, needed: Annotated[Any, Depends(need or nothing)] = None) -> Any:
            events.append(("before", number, needed))
            return Response(f"refused {number}", 403) if refuse == number else f"token {number}"

        def header(self, token: str) -> str:
            return token

    async def wrap(request: Request, call_next: Any) -> Any:
        events.append(("in", number, sorted(request.state)))
        try:
            response = await call_next(request)
        except Exception as exc:
            events.append(("through", number, type(exc).__name__))
            if kind == "catch":
                return Response(f"caught {number}", 502)
            raise
        events.append(("out", number, response.status_code))
        if kind == "twice":
            await call_next(request)
        return None if kind == "nothing" else response

    async def answer(request: Request, call_next: Any) -> Response:
        events.append(("answer", number))
        return Response("answered", 200)

    if kind == "constant":
        return Constant()
    if kind == "hook":
        return Hook()
    return answer if kind == "answer" else wrap


@dataclass
class Sending:
    """A request that was drawn."""

    query: str
    headers: list[tuple[str, str]]
    body: bytes


@st.composite
def requests(draw: st.DrawFn, world: World) -> Sending:
    every = [scalar for node in (*world.nodes, world.endpoint) for scalar in node.scalars]
    query: list[tuple[str, str]] = []
    headers = [("host", draw(st.sampled_from(["a.example"] * 15 + ["a@b"])))]
    cookies = []
    for scalar in every:
        _, _, texts, default = SCALARS[scalar.kind]
        good = str(default).lower() if isinstance(default, bool) else str(default)
        text = draw(st.sampled_from([good] * 3 * len(texts) + [*texts, None]))
        if text is None:
            continue
        if scalar.source == "query":
            query.append((scalar.name, text))
        elif text.isascii() and scalar.name.isascii() and ";" not in text:
            if scalar.source == "header":
                headers.append((scalar.name.replace("_", "-").lower(), text))
            else:
                cookies.append(f"{scalar.name}={text}")
    if cookies:
        headers.append(("cookie", "; ".join(cookies)))
    refuse = draw(st.sampled_from([None] * 10 + [0, 1, 2, "x"]))
    if refuse is not None:
        query.append(("refuse", str(refuse)))
    body = b""
    if world.body != "none":
        body = draw(
            st.sampled_from(
                [b"[]" if world.body == "list" else b'{"name":"n","price":2}'] * 8
                + [b"{}", b"[1]", b"null", b"{", b"", b'{"name":1}', b"\xff"]
            )
        )
        kind = draw(
            st.sampled_from(
                ["application/json"] * 12 + ["text/plain", None, "application/x+json; charset=utf-8"]
            )
        )
        if kind is not None:
            headers.append(("content-type", kind))
        headers.append(("content-length", str(len(body))))
    # A header that is a parameter may stand there once: what servers do with a second line is theirs.
    headers = list(dict(headers).items())
    return Sending("&".join(f"{quote(name)}={quote(text)}" for name, text in query), headers, body)


async def compiled(app: VelociPy, interface: str, sending: Sending) -> Any:
    async with AsyncTestClient(app, interface=interface) as client:
        reply = await client.exchange(
            "POST", f"/x%20y/7?{sending.query}", headers=sending.headers, body=sending.body
        ).reply()
    headers = [(name.decode(), value.decode()) for name, value in reply.headers]
    return oracle.Sent(reply.status, [pair for pair in headers if pair[0] != "content-length"], reply.body)


async def interpreted(app: VelociPy, sending: Sending) -> Any:
    plan = app._dispatcher.plan(app.routes[0])
    connection = oracle.Connection("POST", "/x y/7", sending.query, sending.headers, sending.body)
    return await oracle.Oracle(plan, app.json_encoder, connection, ["x y", 7]).run()


@pytest.mark.case(28)
@given(data=st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_compiled_handlers_do_what_the_interpreter_does(data: st.DataObject) -> None:
    world = data.draw(worlds())
    logging.getLogger("velocipy").setLevel(logging.CRITICAL)
    try:
        app = build(world)
    except BindingError:
        assume(False)
    sending = data.draw(requests(world))

    def noted(call: Any) -> Any:
        world.events.clear()
        sent = asyncio.run(call)
        return sent, list(world.events)

    try:
        expected = noted(interpreted(app, sending))
        for interface in ("asgi", "rsgi"):
            assert noted(compiled(app, interface, sending)) == expected, app.routes[0].explain(interface)
    finally:
        logging.getLogger("velocipy").setLevel(logging.NOTSET)
    assert SHARED.headers.raw == [("x-own", "1"), ("x-constant", "own")]
