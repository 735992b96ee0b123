"""Single endpoints as hypothesis draws them: what they read, from every source at once, and what they return, in every form."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import pydantic
from hypothesis import strategies as st

from velocipy import Depends, HTMLResponse, JSONResponse, PlainTextResponse, Request, Response, VelociPy

_spec = importlib.util.spec_from_file_location("velocipy_drawn", Path(__file__).with_name("drawn.py"))
assert _spec is not None and _spec.loader is not None
drawn: Any = sys.modules.get(_spec.name)
if drawn is None:
    drawn = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(drawn)

PLAIN = inspect.Parameter.POSITIONAL_OR_KEYWORD

# -- models that are returned ------------------------------------------------------------------------------------------


@dataclass
class PlainShown:
    name: str
    tags: list[str] = field(default_factory=list)
    at: int | None = None


@dataclass
class PlainSecret(PlainShown):
    secret: str = "hidden"


class StructShown(msgspec.Struct):
    name: str
    tags: list[str] = []
    at: int | None = msgspec.field(default=None, name="At")


class StructSecret(StructShown):
    secret: str = "hidden"


class ModelShown(pydantic.BaseModel):
    name: str
    tags: list[str] = []
    at: int | None = pydantic.Field(default=None, serialization_alias="At")


class ModelSecret(ModelShown):
    secret: str = "hidden"


class Unknown:
    """What no backend knows, with the fields of a model as attributes."""

    def __init__(self, name: Any) -> None:
        self.name = name
        self.tags = ["t"]
        self.at = self.At = 1

    def __repr__(self) -> str:
        return "Unknown"


class Page(Response):
    """A response class of the app's own."""

    media_type = "text/x-page"

    def _set_content(self, content: Any) -> None:
        self._body = f"<{content!r}>".partition(" at 0x")[0].encode()  # no address: each run has its own


async def rows() -> AsyncIterator[bytes]:
    yield b"row"


SHOWN = {"plain": PlainShown, "struct": StructShown, "model": ModelShown, "typed": drawn.TypedItem}
MODELS: dict[str, Any] = {
    **SHOWN,
    **{f"list of {name}": list[model] for name, model in SHOWN.items()},  # type: ignore[valid-type]
    **{f"{name} or not": model | None for name, model in SHOWN.items()},
    "by key": dict[str, StructShown],
    "pair": tuple[ModelShown, int],
    "either": StructShown | Response,
    "number": int,
    "text": str,
    "raw": dict,
    "nothing": None,
}
RESULTS: dict[str, Any] = {
    "plain": lambda: PlainShown("n"),
    "plain secret": lambda: PlainSecret("n", ["t"], 1),
    "struct": lambda: StructShown("n", ["t"]),
    "struct secret": lambda: StructSecret("n"),
    "model": lambda: ModelShown(name="n"),
    "model secret": lambda: ModelSecret(name="n", at=3),
    "fits": lambda: {"name": "n", "secret": 1},
    "fits not": lambda: {"name": 1},
    "attributes": lambda: Unknown("n"),
    "wrong attributes": lambda: Unknown(1),
    "list": lambda: [StructSecret("n"), {"name": "m"}],
    "plain list": lambda: [PlainSecret("n"), PlainShown("m")],
    "by key": lambda: {"k": StructSecret("n")},
    "pair": lambda: (ModelSecret(name="n"), 3),
    "number": lambda: 3,
    "text": lambda: "text",
    "octets": lambda: b"octets",
    "none": lambda: None,
    "response": lambda: Response(b"own", 202, {"vary": "x-own"}),
    "json": lambda: JSONResponse({"own": 1}, 203),
    "stream": rows,
    "unsayable": lambda: {"a": Unknown(1)},
}
FITTING = {
    "plain": ["plain", "plain secret", "fits", "attributes"],
    "struct": ["struct", "struct secret", "fits", "attributes"],
    "model": ["model", "model secret", "fits", "attributes"],
    "typed": ["fits"],
    "list": ["list", "plain list"],
    "or not": ["none"],
    "by key": ["by key"],
    "pair": ["pair"],
    "either": ["struct", "struct secret", "response"],
    "number": ["number"],
    "text": ["text"],
    "raw": ["fits"],
    "nothing": ["none"],
}
"""Words in the names of models -> results that such a model may take."""
HOW = [
    {"response_model_exclude_none": True},
    {"response_model_exclude_defaults": True},
    {"response_model_by_alias": False},
    {"response_model_include": {"name"}},
    {"response_model_exclude": {"tags"}},
]
ACCEPTS = [
    "application/vnd.msgpack",
    "application/json;q=0.5, application/x-msgpack",
    "application/*",
    "text/html, */*;q=0.1",
    "text/html",
    "application/json;q=0, */*",
    "",
]
CLASSES = {"json": JSONResponse, "html": HTMLResponse, "text": PlainTextResponse, "page": Page}


# -- an endpoint -------------------------------------------------------------------------------------------------------


@dataclass
class Endpoint:
    """One route: its parameters, those of one dependency, what it returns, and what stands around it."""

    own: list[Any]
    shared: list[Any]
    body: str = "none"
    returned: str | None = None
    result: str = "none"
    by: str = "annotation"
    options: dict[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ("json",)
    around: list[str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list, repr=False)

    @property
    def parameters(self) -> list[Any]:
        return [*self.own, *self.shared]

    @property
    def holes(self) -> list[str]:
        return [each.key for each in self.own if each.source == "path"]


AROUND = ["wrap", "vary", "token", "asked", "answer"]
FORMATS = [("json",), ("json", "msgpack"), ("msgpack", "json"), ("msgpack",)]


@st.composite
def readers(draw: st.DrawFn) -> Endpoint:
    """Endpoints that read much and return what they were called with."""
    body = draw(st.sampled_from(["none", "json", "form"]))
    more = {"none": [], "json": ["body", "body"], "form": ["form", "form", "file"]}[body]
    sources = ["query", "query", "header", "cookie", *more]
    return Endpoint(
        draw(drawn.parameters([*sources, "path"], 6)),
        draw(drawn.parameters(sources, 3)),
        body,
        formats=draw(st.sampled_from(FORMATS)) if body == "json" else ("json",),
        around=draw(st.lists(st.sampled_from(AROUND), max_size=3, unique=True)),
        options={"max_content_length": draw(st.sampled_from([1000] * 9 + [20]))},
        result="number",
    )


@st.composite
def writers(draw: st.DrawFn) -> Endpoint:
    """Endpoints that read little and return everything that there is."""
    options: dict[str, Any] = {"status_code": draw(st.sampled_from([None] * 12 + [201, 204, 205, 304, 404]))}
    returned = draw(st.sampled_from([None, *MODELS]))
    by = draw(st.sampled_from(["annotation", "response_model"]))
    if returned is not None and by == "response_model":
        options["response_model"] = MODELS[returned]
    if draw(st.integers(0, 5)) == 0:
        options["response_class"] = CLASSES[draw(st.sampled_from(sorted(CLASSES)))]
    if returned is not None and draw(st.integers(0, 3)) == 0:
        options |= draw(st.sampled_from(HOW))
    fitting = [each for word in FITTING if returned and word in returned for each in FITTING[word]]
    results = st.sampled_from([*RESULTS, *fitting * 12])
    return Endpoint(
        draw(drawn.parameters(["query", "header"], 1)),
        [],
        "none",
        returned,
        draw(results),
        by,
        options,
        draw(st.sampled_from(FORMATS)),
        draw(st.lists(st.sampled_from(AROUND), max_size=2, unique=True)),
    )


def build(endpoint: Endpoint) -> VelociPy:
    """The app of one endpoint."""
    app = VelociPy(plugins=False, formats=endpoint.formats)

    async def serve(*args: Any, **keywords: Any) -> Any:
        values = [drawn.shown(each) for each in args]
        endpoint.events.append((values, sorted((name, drawn.shown(keywords[name])) for name in keywords)))
        return RESULTS[endpoint.result]()

    async def share(*args: Any, **keywords: Any) -> Any:
        values = [drawn.shown(each) for each in args]
        return values, sorted((name, drawn.shown(keywords[name])) for name in keywords)

    function: Any = serve
    parameters = [each.parameter() for each in endpoint.own]
    if endpoint.shared:
        shared: Any = share
        shared.__signature__ = inspect.Signature(drawn.ordered(each.parameter() for each in endpoint.shared))
        parameters.append(inspect.Parameter("more", PLAIN, annotation=Annotated[Any, Depends(shared)]))
    given = {"asked": Request, "answer": Response}
    parameters += [
        inspect.Parameter(name, PLAIN, annotation=given[name]) for name in endpoint.around if name in given
    ]
    function.__signature__ = inspect.Signature(drawn.ordered(parameters))
    if endpoint.returned is not None and endpoint.by == "annotation":
        function.__annotations__["return"] = MODELS[endpoint.returned]
    else:
        del function.__annotations__["return"]
    for name in endpoint.around:
        if name in MIDDLEWARE:
            app.add_middleware(MIDDLEWARE[name])
    path = "/fixed" + "".join(f"/{{{hole}}}" for hole in endpoint.holes)
    app.add_route(path, function, ["GET", "POST"], **endpoint.options)
    return app


class Varied:
    """Level 1."""

    response_headers = (("vary", "x-own"), ("x-own", "default"))


class Token:
    """Level 2."""

    header_name = "x-token"

    def before(self) -> str:
        return "token"

    def header(self, token: str) -> str:
        return token


async def wrap(request: Request, call_next: Any) -> Any:
    """Level 3."""
    return await call_next(request)


MIDDLEWARE: dict[str, Any] = {"vary": Varied(), "token": Token(), "wrap": wrap}


@st.composite
def requests(draw: st.DrawFn, endpoint: Endpoint) -> Any:
    made = draw(drawn.parts(endpoint.parameters))
    texts = [made.holes.get(hole) or "x" for hole in endpoint.holes]
    path = "/fixed" + "".join(f"/{quote(text, safe='')}" for text in texts)
    headers = [("host", "a.example"), *made.pairs]
    if not any(name == "accept" for name, _ in headers) and draw(st.booleans()):
        headers.append(("accept", draw(st.sampled_from(ACCEPTS))))
    method, body, kind = "POST", b"", ""
    if endpoint.body == "form":
        kind, body = drawn.encoded_form(made, draw(st.booleans()))
    elif endpoint.body == "json":
        kind, body = draw(json_body(endpoint, made.values))
    else:
        method = draw(st.sampled_from(["GET", "GET", "HEAD", "POST"]))
    if kind:
        headers.append(("content-type", kind))
    if endpoint.body != "none":
        headers.append(("content-length", str(len(body))))
    return drawn.Sending(method, path, made.query_string, headers, body, texts)


@st.composite
def json_body(draw: st.DrawFn, endpoint: Endpoint, values: dict[str, Any]) -> tuple[str, bytes]:
    """(media type, bytes): mostly what the route reads, in one of its formats."""
    kinds = ["application/json", "application/json", "application/msgpack", "text/plain", ""]
    kind = draw(st.sampled_from(kinds[: len(kinds) if draw(st.integers(0, 3)) == 0 else 3]))
    bodies = [each for each in endpoint.parameters if each.source == "body"]
    alone = len({each.key for each in bodies}) == 1 and not any(each.options.get("embed") for each in bodies)
    content = next(iter(values.values()), {}) if alone else values
    broken = [b"", b"{", b"[]", b"\xc1"] if draw(st.integers(0, 9)) == 0 else []
    return kind, draw(st.sampled_from([*broken, drawn.encoded(content, kind)]))
