"""Parameters of every source and kind as hypothesis draws them, and requests that fill them well, badly or not at all."""

from __future__ import annotations

import enum
import inspect
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict
from urllib.parse import quote
from uuid import UUID

import annotated_types
import msgspec
import pydantic
from hypothesis import strategies as st

from velocipy import Body, Cookie, File, Form, FormData, Header, Path, Query, Request, Response, UploadFile
from velocipy.background import BackgroundTasks

EMPTY = inspect.Parameter.empty
MARKERS: dict[str, Any] = {
    "query": Query,
    "header": Header,
    "cookie": Cookie,
    "path": Path,
    "form": Form,
    "file": File,
    "body": Body,
}

# -- models of all backends: some that may be spread, and some that nest -----------------------------------------------


@dataclass
class PlainFlat:
    page: Annotated[int, annotated_types.Ge(1)]
    size: int = 20
    name: str | None = None


class TypedFlat(TypedDict):
    page: Annotated[int, annotated_types.Ge(1)]
    name: str


class StructFlat(msgspec.Struct, forbid_unknown_fields=True):
    page: Annotated[int, msgspec.Meta(ge=1)]
    size: int = msgspec.field(default=20, name="Size")


class ModelFlat(pydantic.BaseModel):
    page: int = pydantic.Field(ge=1)
    size: int = pydantic.Field(20, alias="page_size")
    name: str | None = None


@dataclass
class PlainWide(PlainFlat):
    tags: list[str] = field(default_factory=list)


class TypedWide(TypedFlat):
    tags: set[int]


class StructWide(msgspec.Struct):
    page: Annotated[int, msgspec.Meta(ge=1)]
    tags: list[str] = []


class ModelWide(ModelFlat, extra="forbid"):
    tags: tuple[int, ...] = ()


@dataclass
class PlainItem:
    name: str
    price: float = 1.0
    inner: PlainFlat | None = None


class TypedItem(TypedDict, total=False):
    name: str
    price: float
    inner: PlainFlat | None


class StructItem(msgspec.Struct):
    name: str
    price: float = 1.0
    inner: StructFlat | None = None


class ModelItem(pydantic.BaseModel):
    name: str
    price: float = 1.0
    inner: ModelFlat | None = None


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


# -- kinds -------------------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A type and its bounds, what is sent for it that fits and that does not, and a default."""

    annotation: Any
    limits: dict[str, Any]
    good: Sequence[Any]
    bad: Sequence[Any]
    default: Any


SCALARS = {
    "int": Kind(int, {}, ["1", "-7"], ["x", ""], 5),
    "int 1..9": Kind(int, {"ge": 1, "lt": 10}, ["1", "9"], ["0", "10", "x"], 3),
    "int by 3": Kind(int, {"multiple_of": 3}, ["3"], ["4"], 6),
    "float": Kind(float, {"gt": 0.5}, ["1e3", "0.75"], ["0.5", "nan"], 2.0),
    "bool": Kind(bool, {}, ["true", "off"], ["2"], True),
    "str": Kind(str, {}, ["", "text", "ü&=%", "a b"], ["last"], "default"),
    "word": Kind(
        str, {"min_length": 2, "max_length": 4, "pattern": "[a-z]*"}, ["ab"], ["a", "abcde", "AB"], "zz"
    ),
    "literal": Kind(Literal["a", 1, True], {}, ["a", "1", "true"], ["c"], "a"),
    "enum": Kind(Colour, {}, ["red", "2"], ["RED"], Colour.BLUE),
    "date": Kind(date, {}, ["2026-01-31"], ["2026-02-30"], date(2026, 1, 1)),
    "time": Kind(time, {}, ["12:30:00"], ["25:00"], time(1, 2)),
    "span": Kind(timedelta, {}, ["P1DT2S"], ["soon"], timedelta(1)),
    "decimal": Kind(Decimal, {"le": 5}, ["1.50"], ["6", "1,5"], Decimal(3)),
    "uuid": Kind(UUID, {}, [str(UUID(int=7))], ["7"], UUID(int=8)),
    "int or date": Kind(int | date, {}, ["3", "2026-01-31"], ["x"], 3),
    "str or int": Kind(str | Annotated[int, annotated_types.Ge(1)], {}, ["3", "x", "0"], [""], "y"),
    "foreign": Kind(Annotated[int, annotated_types.Ge(1)], {}, ["1"], ["0"], 4),
}

COLLECTIONS = {
    "ints": Kind(list[int], {}, [["1"], ["1", "2"], []], [["1", "x"], ["x", "y"]], [7]),
    "texts": Kind(list, {"min_length": 1, "max_length": 2}, [["a"], ["a", "b c"]], [["a", "b", "c"]], ["z"]),
    "set": Kind(set[str], {}, [["a", "b", "a"]], [], {"z"}),
    "frozen": Kind(frozenset[int], {}, [["3", "3"]], [["x"]], frozenset()),
    "row": Kind(tuple[int, ...], {}, [["1", "2", "3"]], [["1", ""]], ()),
    "pair": Kind(tuple[int, str], {}, [["1", "b"]], [["1"], ["x", "b"], ["1", "2", "3"]], (0, "")),
    "choices": Kind(list[Literal["a", "b"]], {}, [["a", "b"]], [["c"]], ["b"]),
    "bounded": Kind(list[Annotated[int, Query(ge=1)]], {}, [["1", "2"]], [["0", "1", "x"]], [1]),
}

FIELDS = {"page": ["1", "9", "0", "x"], "size": ["5", "y"], "name": ["n"], "tags": ["1", "2", "t"]}
"""Texts of a spread model's fields."""

FLAT = {
    "plain": Kind(PlainFlat, {}, ["page", "size", "name"], [], "default"),
    "typed": Kind(TypedFlat, {}, ["page", "name"], [], "default"),
    "struct": Kind(StructFlat, {}, ["page", "Size"], [], "default"),
    "model": Kind(ModelFlat, {}, ["page", "page_size", "name"], [], "default"),
}
WIDE = {
    "plain wide": Kind(PlainWide, {}, ["page", "size", "name", "tags"], [], "default"),
    "typed wide": Kind(TypedWide, {}, ["page", "name", "tags"], [], "default"),
    "struct wide": Kind(StructWide, {}, ["page", "tags"], [], "default"),
    "model wide": Kind(ModelWide, {}, ["page", "page_size", "name", "tags"], [], "default"),
}
"""Models that are spread, with the names of their fields on the wire."""

FILES = {
    "upload": Kind(UploadFile, {}, [1, 1, 2], [0], None),
    "uploads": Kind(list[UploadFile], {}, [1, 2], [0], []),
}
"""What is sent are so many files."""

ITEM = {"name": "n", "price": 2}
NESTED = {"name": "n", "inner": {"page": 3}}
NO_ITEMS = [{}, [1], None, {"name": 1}, {"name": "n", "inner": {"page": 0, "Size": "x"}}, 7]
BODIES = {
    "dict": Kind(dict, {}, [{}, ITEM], [[], None, 1], {"z": 1}),
    "list": Kind(list, {"max_length": 2}, [[], [1]], [{}, [1, 2, 3]], []),
    "any": Kind(Any, {}, [None, 1, "x", ITEM], [], "z"),
    "plain item": Kind(PlainItem, {}, [ITEM, NESTED], NO_ITEMS, "z"),
    "typed item": Kind(TypedItem, {}, [ITEM, NESTED, {}], [1, {"price": "x"}], "z"),
    "struct item": Kind(StructItem, {}, [ITEM, NESTED], NO_ITEMS, "z"),
    "model item": Kind(ModelItem, {}, [ITEM, NESTED], NO_ITEMS, "z"),
    "items": Kind(list[StructItem], {}, [[], [ITEM, NESTED]], [[{}], ITEM], "z"),
    "by key": Kind(dict[str, ModelItem], {}, [{}, {"k": ITEM}], [{"k": {}}, []], "z"),
    "whole": Kind(int, {"ge": 1}, [1, 9], [0, "1", None, 1.5], 3),
}

KINDS: dict[str, dict[str, Kind]] = {
    "query": SCALARS | COLLECTIONS | FLAT | WIDE,
    "header": SCALARS | COLLECTIONS | FLAT | WIDE,
    "cookie": SCALARS | FLAT,
    "path": SCALARS,
    "form": SCALARS | COLLECTIONS | FLAT | WIDE,
    "file": FILES,
    "body": BODIES,
}
NAMES = [
    "page",
    "body",
    "result",
    "errors",
    "fields",
    "form",
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


@dataclass
class Drawn:
    """One parameter; `options` are keywords of its marker."""

    name: str
    source: str
    kind: str
    default: str = "required"
    keyword_only: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> Kind:
        return KINDS[self.source][self.kind]

    @property
    def key(self) -> str:
        """Its name on the wire."""
        name = self.name.replace("_", "-").lower() if self.source == "header" else self.name
        alias = self.options.get("alias", name)
        return str(alias.lower() if self.source == "header" else alias)

    @property
    def separator(self) -> str | None:
        """What joins the items of a list that is one parameter."""
        separators = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
        style = self.options.get("style", "form")
        return separators[style] if self.options.get("explode") is False else None

    def parameter(self) -> inspect.Parameter:
        annotation, limits, _, _, value = self.table
        if self.default == "none":
            annotation = Optional[annotation]  # noqa: UP045  # not every annotation has an `|`
        default = {"required": [], "none": [None], "value": [value]}[self.default]
        marker = MARKERS[self.source](*default, **limits, **self.options)
        return inspect.Parameter(
            self.name,
            inspect.Parameter.KEYWORD_ONLY if self.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=Annotated[annotation, marker],
        )


@st.composite
def parameters(draw: st.DrawFn, sources: Sequence[str], most: int = 2) -> list[Drawn]:
    """Parameters of one signature, no two of one name."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=most, unique=True))
    return [draw(parameter(name, sources)) for name in names]


@st.composite
def parameter(draw: st.DrawFn, name: str, sources: Sequence[str]) -> Drawn:
    source = draw(st.sampled_from(sources))
    kind = draw(st.sampled_from(sorted(KINDS[source])))
    defaults = ["required"] if source == "path" else ["required", "none", "value"]
    options: dict[str, Any] = {}
    if draw(st.integers(0, 5)) == 0:
        number = sum(map(ord, name))
        options["alias"] = f"hole{number}" if source == "path" else f"Other-{number}"
    if source == "query" and kind in COLLECTIONS and draw(st.booleans()):
        options |= {"style": draw(st.sampled_from(["form", "spaceDelimited", "pipeDelimited"]))}
        options |= {"explode": False}
    if source == "query" and kind in FLAT | WIDE and draw(st.booleans()):
        options["style"] = "deepObject"
    if source in ("query", "form") and draw(st.integers(0, 5)) == 0:
        options["extra"] = "forbid"
    if source == "body" and draw(st.integers(0, 3)) == 0:
        options["embed"] = True
    return Drawn(name, source, kind, draw(st.sampled_from(defaults)), draw(st.booleans()), options)


def ordered(parameters: Iterable[inspect.Parameter]) -> list[inspect.Parameter]:
    """Parameters as a signature may have them."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return sorted(parameters, key=lambda each: (kinds.index(each.kind), each.default is not EMPTY))


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass
class Sending:
    """A request that was drawn."""

    method: str = "POST"
    path: str = "/"
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    values: list[Any] = field(default_factory=list)
    """What the route tree gives for the holes of the path."""


@dataclass
class Parts:
    """What a request holds, source by source."""

    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, list[str]] = field(default_factory=dict)
    cookies: list[tuple[str, str]] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    """Of body parameters."""
    holes: dict[str, str] = field(default_factory=dict)
    """Of the path."""

    def add(self, source: str, key: str, text: str, line: int = 0) -> None:
        """Note a text; headers and cookies that could not be sent so are left out."""
        if source == "query":
            self.query.append((key, text))
        elif source == "form":
            self.fields.append((key, text))
        elif not (text.isascii() and key.isascii()) or text != text.strip():
            return
        elif source == "header":
            # A header that is one value may stand there once: what servers do with a second line is theirs.
            if len(self.headers.setdefault(key.lower(), [])) == line:
                self.headers[key.lower()].append(text)
        elif not set(text) & set(';," '):
            self.cookies.append((key, text))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The headers, cookies among them."""
        pairs = [(name, line) for name, lines in self.headers.items() for line in lines]
        cookies = "; ".join(f"{name}={text}" for name, text in self.cookies)
        return [*pairs, ("cookie", cookies)] if cookies else pairs

    @property
    def query_string(self) -> str:
        return "&".join(f"{quote(name)}={quote(text)}" for name, text in self.query)


@st.composite
def parts(draw: st.DrawFn, every: Iterable[Drawn]) -> Parts:
    """Something for most parameters, which mostly fits."""
    made = Parts()
    good = draw(st.integers(0, 2)) > 0  # a request that gets through tells more than one that is refused
    for drawn in every:
        if not good and draw(st.integers(0, 4)) == 0:
            continue
        fill(draw, made, drawn, good)
    if not draw(st.integers(0, 7)):
        made.query.append(("strange", "1"))
        made.fields.append(("strange", "1"))
    return made


def fill(draw: st.DrawFn, made: Parts, drawn: Drawn, good: bool) -> None:
    """Note what is sent for one parameter."""
    kind = drawn.table
    if drawn.source == "file":
        for number in range(draw(st.sampled_from(kind.good if good else [*kind.good, *kind.bad]))):
            made.files.append((drawn.key, f"file {number} of {drawn.key}".encode()))
        return
    if drawn.kind in FLAT | WIDE:
        fill_model(draw, made, drawn, good)
        return
    sent = draw(st.sampled_from(kind.good if good or not kind.bad else [*kind.good, *kind.bad]))
    if drawn.source in ("body", "path"):
        (made.values if drawn.source == "body" else made.holes)[drawn.key] = sent
    elif drawn.kind in COLLECTIONS:
        if drawn.separator is not None:
            sent = [drawn.separator.join(sent)] if sent else []
        elif drawn.source == "header" and draw(st.booleans()):
            sent = [", ".join(sent)]
        for line, text in enumerate(sent):
            made.add(drawn.source, drawn.key, text, line)
    else:
        made.add(drawn.source, drawn.key, sent)


def fill_model(draw: st.DrawFn, made: Parts, drawn: Drawn, good: bool) -> None:
    """Note what is sent for the fields of a spread model."""
    for name in drawn.table.good:
        plain = {"Size": "size", "page_size": "size"}.get(name, name)
        texts = ["1"] if good else [*FIELDS[plain], None]
        wire = f"{drawn.key}[{name}]" if drawn.options.get("style") == "deepObject" else name
        if drawn.source == "header" and plain != "size":
            wire = name.replace("_", "-").lower()
        for line in range(draw(st.integers(1, 2)) if name == "tags" else 1):
            text = draw(st.sampled_from(texts))
            if text is not None:
                made.add(drawn.source, wire, text, line)


BOUNDARY = "limit"


def encoded_form(made: Parts, multipart: bool) -> tuple[str, bytes]:
    """(media type, body)"""
    if not multipart:
        fields = "&".join(f"{quote(name)}={quote(text)}" for name, text in made.fields)
        return "application/x-www-form-urlencoded", fields.encode()
    body = bytearray()
    for name, text in made.fields:
        body += f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
    for number, (name, content) in enumerate(made.files):
        head = f'form-data; name="{name}"; filename="{number}.txt"'
        body += f"--{BOUNDARY}\r\ncontent-disposition: {head}\r\n\r\n".encode() + content + b"\r\n"
    return f"multipart/form-data; boundary={BOUNDARY}", bytes(body) + f"--{BOUNDARY}--\r\n".encode()


def encoded(value: Any, kind: str) -> bytes:
    """A value in the format of a media type."""
    return msgspec.msgpack.encode(value) if "msgpack" in kind else json.dumps(value).encode()


def shown(value: Any) -> Any:
    """A value for comparison: by what is in it, exchange objects by their class."""
    if isinstance(value, UploadFile):
        return "file", value.filename, "closed" if value.file.closed else value.file.getvalue()  # type: ignore[attr-defined]
    if isinstance(value, FormData):
        return "form", [(name, shown(each)) for name, each in value.items()]
    if isinstance(value, (Request, Response, BackgroundTasks)):
        return type(value).__name__
    if isinstance(value, list) and value and isinstance(value[0], UploadFile):
        return list(map(shown, value))
    return repr(value)
