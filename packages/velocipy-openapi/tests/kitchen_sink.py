"""An app with every feature that a document can show, one route for each, that answers what it says. Knows the framework; asserts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic

from velocipy import (
    APIRouter,
    APIVersion,
    Body,
    Cookie,
    Depends,
    Deprecation,
    EventSourceResponse,
    File,
    Form,
    Header,
    HTMLResponse,
    HTTPException,
    NDJSONResponse,
    Path,
    PlainTextResponse,
    Query,
    Request,
    Response,
    StreamingResponse,
    UploadFile,
    VelociPy,
    WebSocket,
    guard,
    raises,
)
from velocipy.openapi import OpenAPI

T = TypeVar("T")


class Color(Enum):
    """What there is in stock."""

    RED = "red"
    BLUE = "blue"


class Size(Enum):
    SMALL = 1
    LARGE = 2


@dataclass
class Item:
    """A thing that is sold."""

    name: Annotated[str, Body(min_length=1, max_length=80)]
    price: Annotated[float, Body(ge=0, description="In euro.")]
    color: Color = Color.RED
    tags: list[str] = field(default_factory=list)
    note: str | None = None


@dataclass
class Tree:
    """Holds itself."""

    value: int
    children: list[Tree] = field(default_factory=list)


@dataclass
class Page(Generic[T]):
    items: list[T]
    total: int = 0


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict):
    deep: bool
    limit: NotRequired[int]


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: Annotated[str, msgspec.Meta(min_length=1, description="As it is called.")]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    first_name: str
    last_name: str = ""
    maybe: int | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True):
    key: str
    value: int = 0


class Customer(pydantic.BaseModel):
    """Somebody who buys."""

    id: int
    name: str = pydantic.Field(min_length=1, alias="fullName")
    since: date | None = None
    friends: list[Customer] = []


class Envelope(pydantic.BaseModel, Generic[T]):
    data: T


class Filter(msgspec.Struct):
    min_price: float = 0.0
    words: list[str] = []


class Key:
    """A scheme as anybody may write one."""

    scheme_name = "ApiKey"
    scheme: Mapping[str, Any] = {"type": "apiKey", "in": "header", "name": "x-key"}
    auto_error = True

    async def __call__(self, request: Request) -> None:
        if request.header("x-key") != "sesame":
            raise HTTPException(401)


class Bearer:
    scheme_name = "OAuth2"
    scheme: Mapping[str, Any] = {
        "type": "oauth2",
        "flows": {"password": {"tokenUrl": "token", "scopes": {"items": "Everything about items"}}},
    }
    auto_error = False

    async def __call__(self, request: Request) -> None: ...


key, bearer = guard(Key()), guard(Bearer())


@raises(429)
async def limited() -> None: ...


async def paging(
    page: Annotated[int, Query(ge=1, description="Which page.", examples=[2])] = 1,
    size: Annotated[int, Query(gt=0, le=100)] = 20,
) -> tuple[int, int]:
    return page, size


async def lines() -> AsyncIterator[str]:
    yield "one"
    yield "two"


async def prices() -> AsyncIterator[Item]:
    yield Item("mug", 4.5)


hooks = APIRouter()


@hooks.post("/item-sold")
async def item_sold(item: Item) -> None:
    """Sent to you when somebody buys."""


app = VelociPy(
    "Kitchen sink",
    "1.2.3",
    responses={500: {"description": "Our fault"}},
    versioning=APIVersion.from_header(allowed=("1", "2"), default="2"),
    openapi=OpenAPI(
        summary="Everything",
        description="All that a document can show.",
        terms_of_service="https://example.com/terms",
        contact={"name": "Us", "email": "us@example.com"},
        license={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "https://api.example.com/v1", "description": "Live"}],
        tags=[{"name": "items", "description": "Things."}],
        external_docs={"url": "https://example.com/docs"},
        webhooks=hooks,
        extra={"x-audience": "public"},
    ),
)
router = APIRouter(
    "/api",
    name="api",
    tags=["api"],
    dependencies=[Depends(limited)],
    responses={404: {"description": "Gone"}},
)


@app.get("/scalars/{number}/{id:uuid}/{rest*}")
async def scalars(
    number: Annotated[int, Path(ge=1, le=9)],
    id: UUID,
    rest: str,
    text: Annotated[str, Query(min_length=2, max_length=5, pattern="[a-z]+")],
    real: Annotated[float, Query(gt=0, lt=1.5, multiple_of=0.5)] = 0.5,
    flag: bool = False,
    amount: Annotated[Decimal, Query(ge=0)] = Decimal("1.50"),
    day: date = date(2024, 2, 29),
    when: datetime | None = None,
    at: time | None = None,
    span: timedelta | None = None,
    color: Color = Color.BLUE,
    size: Size = Size.SMALL,
    word: Literal["a", "b", 3] = "a",
    either: int | str = 0,
    many: Annotated[list[int], Query(min_length=1, max_length=3)] = (1,),  # type: ignore[assignment]
    few: Annotated[set[Annotated[int, Query(ge=0)]], Query(explode=False)] = frozenset({1}),  # type: ignore[assignment]
    pair: tuple[int, str] = (1, "x"),
    old: Annotated[str | None, Query(deprecated=True, title="Old")] = None,
    hidden: Annotated[str | None, Query(include_in_schema=False)] = None,
) -> dict[str, int]:
    """Every scalar.

    And more about *each*.
    """
    return {}


@app.get("/headers")
async def headers(
    x_request_id: Annotated[str | None, Header(description="Comes back.")] = None,
    accept: Annotated[str, Header()] = "",
    session: Annotated[str | None, Cookie(alias="sid")] = None,
    paged: tuple[int, int] = Depends(paging),
) -> str:
    return ""


@app.get("/spread")
async def spread(
    filter: Annotated[Filter, Query()], deep: Annotated[Filter, Query(style="deepObject")]
) -> bytes:
    return b""


@app.post("/items", tags=["items"], status_code=201, operation_id="create_item")
async def add(item: Annotated[Item, Body(description="What to add.")]) -> Item:
    return item


@app.put(
    "/items/{id:int}",
    tags=["items"],
    responses={409: Customer, "5XX": "Try again", "default": {"model": Tree}},
)
async def replace(id: int, item: Item | None = None) -> Item | PlainTextResponse:
    return PlainTextResponse("")


@app.get("/pages")
async def pages() -> Page[Item]:
    return Page([Item("mug", 4.5)])


@app.get("/more-pages")
async def more_pages() -> Page[list[int]]:
    return Page([[1], []])


@app.post("/trees")
async def trees(tree: Tree, dry: Annotated[bool, Body()] = False) -> Tree:
    return tree


@app.post("/shapes")
async def shapes(shape: Annotated[Point | list[Point], Body(embed=True)]) -> Options:
    return {"deep": True}


@app.post("/pets")
async def pets(pet: Cat | Dog) -> list[Cat | Dog]:
    return [pet]


@app.post("/structs")
async def structs(rows: list[Row]) -> Strict:
    return Strict("")


@app.post("/customers", response_model_exclude={"data": {"since"}}, response_model_by_alias=True)
async def customers(customer: Customer) -> Envelope[Customer]:
    return Envelope(data=customer)


@app.get("/customers/public", response_model=list[Customer], response_model_include={"id"})
async def public_customers() -> object:
    return [Customer(id=1, fullName="Ada")]


@app.post("/raw")
async def raw(body: dict[str, Any]) -> list[Any]:
    return []


@app.post("/forms")
async def forms(
    name: Annotated[str, Form(max_length=9)],
    ages: Annotated[list[int], Form()] = (),  # type: ignore[assignment]
) -> None: ...


@app.post("/files")
async def files(
    photo: UploadFile,
    more: Annotated[list[UploadFile], File(description="Any others.")] = (),  # type: ignore[assignment]
    title: Annotated[str, Form()] = "",
) -> None: ...


@app.get("/formats", formats=["json", "msgpack"])
async def formats() -> Item:
    return Item("mug", 4.5)


@app.get("/stream")
async def stream() -> AsyncIterator[str]:
    return lines()


@app.get("/events")
async def events() -> EventSourceResponse:
    return EventSourceResponse(lines())


@app.get("/prices", sends=Item)
async def price_events() -> EventSourceResponse:
    return EventSourceResponse(prices())


@app.get("/price-lines", sends=Item)
async def price_lines() -> NDJSONResponse:
    return NDJSONResponse(prices())


@app.get("/html", response_class=HTMLResponse)
async def html() -> str:
    return ""


@app.get("/any")
async def anything() -> Response | StreamingResponse:
    return StreamingResponse(lines())


@app.get("/key", dependencies=[Depends(key)])
async def with_key() -> None: ...


@app.get("/both", dependencies=[Depends(key), Depends(bearer)])
async def with_both() -> None: ...


class Scoped(Bearer):
    """The same, that refuses, and of which one scope is asked for."""

    auto_error = True
    __velocipy_raises__ = (401, 403)

    async def __call__(self, request: Request) -> None:
        if request.header("x-key") != "sesame":
            raise HTTPException(401)


@app.get("/scoped", dependencies=[Depends(guard(Scoped()))])
async def scoped() -> None: ...


@app.get(
    "/leaving",
    deprecated=Deprecation(
        date(2026, 7, 1), date(2027, 7, 1), link="https://example.com/old", successor="/pages"
    ),
)
async def leaving() -> None: ...


@app.get("/versioned", versions="1", include_in_schema=False)
async def first_version() -> dict[str, int]:
    return {}


@app.get("/versioned", versions="2")
async def second_version() -> Page[Item]:
    return Page([])


@app.post("/orders", callbacks={"{$request.query.url}": hooks})
async def order(url: str) -> None: ...


@app.get("/u/{id:int}", deprecated=True)
async def by_id(id: int) -> Item:
    return Item("mug", 4.5)


@app.get("/u/{name}")
async def by_name(name: str, full: bool = False) -> Customer:
    return Customer(id=1, fullName=name)


@app.delete("/u/{key}")
async def remove(key: str) -> None: ...


@app.route("/several", {"GET", "POST", "QUERY"})
async def several() -> None: ...


@app.head("/head")
async def only_head() -> None: ...


@router.get("/add", summary="Another one", description="Its *own* words.")
async def add_again() -> None: ...


router.add_route("/twice", add, ["POST"], name="twice")


@router.get(
    "/extra",
    openapi_extra={
        "x-rate": 3,
        "parameters": [{"name": "x-trace", "in": "header", "schema": {"type": "string"}}],
        "callbacks": {
            "done": {"{$request.query.url}": {"post": {"responses": {"200": {"description": "OK"}}}}}
        },
    },
)
async def extra(url: str = "") -> None: ...


@app.get("/secret", include_in_schema=False)
async def secret() -> None: ...


@app.websocket("/ws", receives=Cat | Dog, sends=Item)
async def socket(websocket: WebSocket) -> None: ...


app.include_router(router)

inner = VelociPy("Inner")


@inner.get("/items", operation_id="inner_items")
async def inner_items(limit: int = 10) -> list[Item]:
    return []


app.mount("/inner", inner, name="inner")
