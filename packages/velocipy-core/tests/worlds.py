"""Whole apps as hypothesis draws them: nested dependencies of every kind, guards, middleware of three levels, results, troubles."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from hypothesis import strategies as st

from velocipy import (
    Depends,
    FormData,
    HTTPException,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
)
from velocipy.background import BackgroundTasks
from velocipy.handlers.markers import guard
from velocipy.protocols import RequestHeaders, RequestMethod
from velocipy.routing.route import AllowedMethods, Route

_spec = importlib.util.spec_from_file_location("velocipy_drawn", Path(__file__).with_name("drawn.py"))
assert _spec is not None and _spec.loader is not None
drawn: Any = sys.modules.get(_spec.name)
if drawn is None:
    drawn = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(drawn)

PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD
SHARED = Response(b"shared", 202, {"x-own": "1", "x-constant": "own"})
OPENED: list[Any] = []
"""Every upload that was made, for whoever asks whether it is closed."""


class Trouble(Exception):
    """What nobody handles."""


class Known(Exception):
    """What the app has an exception handler for."""


class Abort(BaseException):
    """What ends a request as its cancellation does."""


# -- what is drawn -----------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """A dependency, or the endpoint: what it takes, what it is, and what it does."""

    name: str
    kind: str
    parameters: list[Any]
    needs: list[tuple[int, bool, str | None]]
    is_guard: bool = False
    given: list[str] = field(default_factory=list)
    trouble: str = "none"
    app: bool = False
    """Whether it may live as long as the app: it then takes nothing of a request."""


@dataclass
class Level:
    """A middleware: a hook may need a dependency by its number, and a parameter."""

    kind: str
    need: int
    header: str
    parameter: Any = None


@dataclass
class World:
    """An app that was drawn, and what happens in it."""

    nodes: list[Node]
    endpoint: Node
    body: str
    bodies: list[Any]
    result: str
    middleware: list[Level]
    options: dict[str, Any]
    events: list[Any] = field(default_factory=list, repr=False)

    @property
    def parameters(self) -> list[Any]:
        own = [each for node in (*self.nodes, self.endpoint) for each in node.parameters]
        return [*(each.parameter for each in self.middleware if each.parameter), *own, *self.bodies]


KINDS = ["async", "sync", "agen", "gen", "acontext", "context"]
TROUBLES = ["none"] * 16 + ["leave"] * 4 + ["enter", "http", "known", "replace", "swallow", "abort"]
GIVEN = {"answer": Response, "asked": Request, "read": FormData, "later": BackgroundTasks}
RESULTS = ["dict", "noted", "none", "shared", "stream", "str", "bytes", "number", "unsayable"]
RARE_RESULTS = ["iterator", "generator", "broken", "wrong length"]
HEADER_NAMES = ["x-hook", "x-own", "x-constant", "vary", "server-timing", "cache-control", "content-type"]
MIDDLEWARE = ["hook", "wrap", "constant", "finish"] * 4 + [
    "several",
    "headers",
    "mute",
    "catch",
    "answer",
    "twice",
    "nothing",
]


@st.composite
def worlds(
    draw: st.DrawFn,
    bodies: Sequence[str] = ("none", "json", "form"),
    most: int = 5,
    app: bool = True,
    troubles: Sequence[str] = TROUBLES,
    middleware: Sequence[str] = MIDDLEWARE,
) -> World:
    """At most so many dependencies below an endpoint; `bodies` are what its request may hold."""
    body = draw(st.sampled_from(bodies))
    sources = ["query", "header", "cookie"] + ["form", "form", "file"] * (body == "form")

    def needs(nodes: list[Node], allowed: list[int]) -> list[tuple[int, bool, str | None]]:
        found = []
        for of in draw(st.lists(st.sampled_from(allowed), max_size=3)) if allowed else []:
            scopes = ["app", None] if nodes[of].app else [None] * 6 + ["function", "request"]
            found.append((of, draw(st.booleans()), draw(st.sampled_from(scopes))))
        return found

    def node(name: str, kind: str, nodes: list[Node]) -> Node:
        if app and name.startswith("dep") and draw(st.integers(0, 3)) == 0:
            allowed = [number for number, other in enumerate(nodes) if other.app]
            trouble = draw(st.sampled_from(["none"] * 15 + ["leave", "enter"]))
            return Node(name, kind, [], needs(nodes, allowed), trouble=trouble, app=True)
        given = [key for key in GIVEN if key != "read" or body == "form" if not draw(st.integers(0, 2))]
        return Node(
            name,
            kind,
            draw(drawn.parameters(sources)),
            needs(nodes, list(range(len(nodes)))),
            draw(st.sampled_from([False, False, True])),
            given,
            draw(st.sampled_from(troubles)),
        )

    nodes: list[Node] = []
    for number in range(draw(st.integers(0, most))):
        nodes.append(node(f"dep{number}", draw(st.sampled_from(KINDS)), nodes))
    endpoint = node(draw(st.sampled_from(drawn.NAMES)), draw(st.sampled_from(["async", "sync"])), nodes)
    names = st.lists(st.sampled_from(["data", "more", "fields_"]), min_size=1, max_size=2, unique=True)
    taken = [draw(drawn.parameter(name, ["body"])) for name in draw(names)] if body == "json" else []
    fills = [st.none(), st.none(), drawn.parameter("level", sources), *map(st.just, taken[:1])]
    levels = st.builds(
        Level,
        st.sampled_from(middleware),
        st.integers(-1, max(len(nodes) - 1, -1)),
        st.sampled_from(HEADER_NAMES),
        st.one_of(fills),
    )
    return World(
        nodes,
        endpoint,
        body,
        taken,
        draw(st.sampled_from(RESULTS * 3 + RARE_RESULTS)),
        draw(st.lists(levels, max_size=4)),
        {"status_code": draw(st.sampled_from([None, None, None, 201, 204]))},
    )


@st.composite
def requests(draw: st.DrawFn, world: World) -> Any:
    made = draw(drawn.parts(world.parameters))
    headers = [("host", draw(st.sampled_from(["a.example"] * 15 + ["a@b"]))), *made.pairs]
    refuse = draw(st.sampled_from([None] * 10 + [0, 1, 2, "x"]))
    if refuse is not None:
        made.query.append(("refuse", str(refuse)))
    body, kind = b"", None
    if world.body == "json":
        kind = draw(
            st.sampled_from(["application/json"] * 12 + ["text/plain", "application/x+json; charset=utf-8"])
        )
        several = len(world.bodies) > 1 or "embed" in world.bodies[0].options
        content = made.values if several else next(iter(made.values.values()), {})
        body = draw(st.sampled_from([drawn.encoded(content, kind)] * 10 + [b"{", b"", b"[]", b"\xff"]))
    elif world.body == "form":
        kind, body = drawn.encoded_form(made, draw(st.sampled_from([True, True, False])))
        kind, body = draw(
            st.sampled_from([(kind, body)] * 10 + [("application/json", b"{}"), (kind, body[:-9])])
        )
    if kind is not None:
        headers += [("content-type", kind)] * draw(st.sampled_from([1] * 9 + [0]))
        headers.append(("content-length", str(len(body))))
    return drawn.Sending("POST", "/x%20y/7", made.query_string, headers, body, ["x y", 7])


# -- the app of a world ------------------------------------------------------------------------------------------------


def build(world: World) -> VelociPy:
    """The app of a world, all of whose functions note what happens in `world.events`."""
    calls: list[Callable[..., Any]] = []
    for node in world.nodes:
        calls.append(make_callable(world, node, calls))
    app = VelociPy(plugins=False)
    for number, level in enumerate(world.middleware):
        need = calls[level.need] if level.need >= 0 else nothing
        app.add_middleware(make_middleware(world, level, number, need))

    @app.exception_handler(Known)
    async def handle(request: Request, exc: Known) -> Response:
        state = {key: value for key, value in request.state.items() if value is not None}
        content: Any = b""
        if world.body == "json":
            content = await request.body()
        elif world.body == "form":
            content = drawn.shown(await request.form())
        world.events.append(("handled", str(exc), content, sorted(state)))
        return Response(f"handled {exc}", 409)

    app.add_route(
        "/{first}/{second:int}", make_callable(world, world.endpoint, calls), ["POST"], **world.options
    )
    return app


def signature_of(world: World, node: Node, calls: list[Callable[..., Any]]) -> inspect.Signature:
    parameters = [each.parameter() for each in node.parameters]
    for index, (of, cached, scope) in enumerate(node.needs):
        depends: Any = Depends(calls[of], use_cache=cached, scope=scope)  # type: ignore[arg-type]
        parameters.append(inspect.Parameter(f"need{index}", PLAIN, annotation=Annotated[Any, depends]))
    parameters += [inspect.Parameter(name, PLAIN, annotation=GIVEN[name]) for name in node.given]
    if node is world.endpoint:
        parameters += [
            inspect.Parameter("first", PLAIN, annotation=str),
            inspect.Parameter("second", PLAIN, annotation=int),
            *(each.parameter() for each in world.bodies),
        ]
    return inspect.Signature(drawn.ordered(parameters))


def open_uploads() -> int:
    """How many uploads are open at this moment."""
    return sum(not upload.file.closed for upload in OPENED)


def make_callable(world: World, node: Node, calls: list[Callable[..., Any]]) -> Callable[..., Any]:
    def enter(args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        values = [drawn.shown(argument) for argument in args]
        named = sorted((name, drawn.shown(value)) for name, value in keywords.items())
        world.events.append(("enter", node.name, values, named))
        for argument in args:
            if isinstance(argument, BackgroundTasks):
                argument.add_task(world.events.append, ("task", node.name, open_uploads()))
            if type(argument) is Response:
                argument.headers[f"x-{node.kind}"] = f"{node.name}".encode("ascii", "ignore").decode()
                argument.headers.add_vary(node.kind)
                argument.set_cookie("node", "1")
                if node.trouble == "replace":
                    argument.status_code = 206
        if node.trouble in RAISED:
            raise RAISED[node.trouble](node.name)
        return finish(world) if node is world.endpoint else f"value of {node.name}"

    def leave(exc: BaseException | None) -> None:
        world.events.append(("leave", node.name, type(exc).__name__, open_uploads()))
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


RAISED: dict[str, Callable[[str], BaseException]] = {
    "enter": Trouble,
    "known": Known,
    "abort": Abort,
    "http": lambda name: HTTPException(418, name, {"x-raised": "1"}),
}


def finish(world: World) -> Any:
    """What the endpoint returns."""

    class Noted(Response):
        async def send(self, connection: Any) -> None:
            world.events.append(("sending", open_uploads()))
            await super().send(connection)

    async def rows(last: bool = True) -> AsyncIterator[str]:
        for number in range(2):
            world.events.append(("row", number, open_uploads()))
            yield f"row {number}"
        if not last:
            raise Trouble("in the stream")

    made: dict[str, Callable[[], Any]] = {
        "dict": lambda: {"a": 1},
        "str": lambda: "text",
        "bytes": lambda: b"octets",
        "none": lambda: None,
        "number": lambda: 3,
        "shared": lambda: SHARED,
        "noted": lambda: Noted("noted", headers={"vary": "x-own", "server-timing": "a"}),
        "stream": lambda: StreamingResponse(rows()),
        "iterator": lambda: iter(["a", b"b"]),
        "generator": rows,
        "broken": lambda: StreamingResponse(rows(last=False)),
        "wrong length": lambda: Response(b"abc", headers={"content-length": "5", "x-own": "1"}),
        "unsayable": lambda: {"a": object()},
    }
    return made[world.result]()


def nothing() -> None:
    """A dependency that notes nothing."""


def hook_signature(level: Level, need: Callable[..., Any]) -> inspect.Signature:
    only = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("self", PLAIN),
        inspect.Parameter("refuse", only, annotation=int, default=-1),
        inspect.Parameter("needed", only, annotation=Annotated[Any, Depends(need)]),
    ]
    if level.parameter is not None:
        parameters.append(level.parameter.parameter().replace(kind=only))
    return inspect.Signature(parameters)


def make_middleware(world: World, level: Level, number: int, need: Callable[..., Any]) -> Any:
    events, kind, name = world.events, level.kind, level.header

    class Constant:
        response_headers = (("x-constant", str(number)), (f"x-constant-{number}", "1"))

    class Headers:
        response_headers = ((name, "text/x" if name == "content-type" else f"c{number}"),)

    class Hook:
        header_name = name if number % 2 else f"{name}-{number}"
        state_key = f"hook{number}"

        def before(self, **keywords: Any) -> Any:
            events.append(("before", number, sorted((key, drawn.shown(keywords[key])) for key in keywords)))
            refuse = keywords["refuse"] == number
            return Response(f"refused {number}", 403) if refuse else f"token-{number}"

        def header(self, token: str) -> str:
            return token

    before: Any = Hook.before
    before.__signature__ = hook_signature(level, need)

    class Mute:
        """A hook without a token, whose header sometimes cannot be made."""

        header_name = name

        def header(self) -> str:
            return "a\nb" if number == 1 else f"mute{number}"

    class Several:
        """Two fields at once, one of which others may set too; what hooks read, it reads."""

        header_names = ("x-several", name if name != "content-type" else "x-own")

        def before(self, headers: RequestHeaders, allowed: AllowedMethods, route: Route) -> str:
            events.append(("several", number, allowed, route.path, headers.get("x-sent")))
            return f"several{number}"

        def headers(self, token: str) -> Any:
            pairs = (("x-several", token), (self.header_names[1], token))
            return pairs if number % 2 else list(pairs[: number + 1])

    class Finishing:
        """Changes answers whose length is even; asked or not, it changes the same ones."""

        def before(self, headers: RequestHeaders, method: RequestMethod) -> int:
            events.append(("finishing", number, method))
            return number

        def finishes(self, token: int, size: int) -> bool:
            return size % 2 == 0

        async def finish(self, token: int, response: Response) -> Response:
            if response.streams or len(response.body) % 2:
                return response
            if token == 2:
                raise ValueError("it cannot be finished")
            response = response.fresh()
            response.headers[f"x-finished-{token}"] = str(response.status_code)
            return response

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
        await asyncio.sleep(0)
        return Response("answered", 200)

    made: dict[str, Any] = {
        "constant": Constant,
        "headers": Headers,
        "hook": Hook,
        "mute": Mute,
        "several": Several,
        "finish": Finishing,
    }
    if kind in made:
        return made[kind]()
    return answer if kind == "answer" else wrap
