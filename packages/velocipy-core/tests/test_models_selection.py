"""`response_model_include` and `response_model_exclude` name fields that there are. The routes are never called."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest

from velocipy import NDJSONResponse, VelociPy
from velocipy.exceptions import BindingError


@dataclass
class Item:
    name: str
    price: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass
class Order:
    items: list[Item]
    by_name: dict[str, Item]
    more: Any = None
    next: "Order | None" = None


class Row(TypedDict):
    name: str


class Pair(NamedTuple):
    left: Item
    right: int


class Struct(msgspec.Struct, rename="camel"):
    full_name: str
    item: Item


class Part(pydantic.BaseModel):
    size: int


class Whole(pydantic.BaseModel):
    full_name: str = pydantic.Field(alias="fullName")
    parts: list[Part] = []
    sizes: dict[str, int] = {}
    shown: pydantic.SerializeAsAny[Part]
    worded: Part

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def weight(self) -> int:
        return 2

    @pydantic.field_serializer("worded")
    def in_words(self, part: Part) -> dict[str, str]:
        return {"words": str(part.size)}


class Open(Part, extra="allow"):
    pass


class Made(Part):
    @pydantic.model_serializer
    def made(self) -> dict[str, int]:
        return {"other": 1}


class Root(pydantic.RootModel[dict[str, int]]):
    pass


@pydantic.dataclasses.dataclass
class Checked:
    size: int


class Wide(msgspec.Struct):
    """One with more fields than a message lists."""

    __annotations__ = {f"field_{number}": int for number in range(30)}


def refusal(model: Any, names: Any, option: str = "exclude") -> str | None:
    """Why a route with such a response model is refused; None where it is not."""

    async def endpoint() -> None: ...

    keywords: Any = {"response_model": model, f"response_model_{option}": names}
    try:
        VelociPy(plugins=False).get("/", **keywords)(endpoint)
    except BindingError as exc:
        head, _, said = exc.message.partition("): ")
        assert head.startswith("the response model of GET / (") and "test_models_selection.py:" in head
        return said
    return None


@pytest.mark.parametrize(
    ("model", "names", "said"),
    [
        (Item, {"nmae"}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (Item, ["nmae"], "'nmae', which is no field of Item; did you mean 'name'?"),
        (Item, {"x": True}, "'x', which is no field of Item; write one of 'name', 'price', 'tags'"),
        (Annotated[Item, "x"], {"x"}, "'x', which is no field of Item; write one of 'name', 'price', 'tags'"),
        (Item | None, {"nmae"}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (list[Item], {"nmae"}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (dict[str, Item], {"nmae"}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (list[Item], {"__all__": {"nmae"}}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (Order, {"items": {"nmae"}}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (
            Order,
            {"items": {"__all__": {"nmae": ...}}},
            "'nmae', which is no field of Item; did you mean 'name'?",
        ),
        (Order, {"next": {"next": {"itmes"}}}, "'itmes', which is no field of Order; did you mean 'items'?"),
        (Order, {"items": {"name": {"x"}}}, "'x', which is no field of str; it has none: leave it out"),
        (Item | Row, {"x"}, "'x', which is no field of Item or Row; write one of 'name', 'price', 'tags'"),
        (Row, {"nmae"}, "'nmae', which is no field of Row; did you mean 'name'?"),
        (Pair, {"lfet"}, "'lfet', which is no field of Pair; did you mean 'left'?"),
        (Struct, {"fullName"}, "'fullName', which is no field of Struct; did you mean 'full_name'?"),
        (Struct, {"item": {"nmae": True}}, "'nmae', which is no field of Item; did you mean 'name'?"),
        (Whole, {"fullName"}, "'fullName', which is no field of Whole; did you mean 'full_name'?"),
        (list[Whole], {"wieght"}, "'wieght', which is no field of Whole; did you mean 'weight'?"),
        (Whole, {"parts": {"__all__": {"sise"}}}, "'sise', which is no field of Part; did you mean 'size'?"),
        (Checked, {"sise"}, "'sise', which is no field of Checked; did you mean 'size'?"),
    ],
)
def test_a_name_that_no_field_has_is_refused(model: Any, names: Any, said: str) -> None:
    for option in ("include", "exclude"):
        assert refusal(model, names, option) == f"response_model_{option} names {said}"


def test_a_message_lists_no_more_than_some_fields() -> None:
    said = refusal(Wide, {"x"}) or ""
    assert "'field_19', ..." in said and "field_20" not in said


def test_a_text_is_no_set_of_names() -> None:
    assert refusal(Item, "name") == "response_model_exclude is a set of names, not a text: write {'name'}"


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Item, {"name", "tags"}),
        (Item, ()),
        (list[Item] | None, {"name"}),
        (list[Item], {"__all__": {"name"}}),
        (Item | list[Item], {"name"}),
        (list[Annotated[Item, ["a note without a hash"]]], {"name"}),
        (Item | Row, {"price"}),
        (Order, {"items": ..., "next": {"items"}}),
        (Order, {"by_name": {"any key"}}),
        (Order, {"more": {"anything"}}),
        (Struct, {"full_name", "item"}),
        (Whole, {"full_name", "weight"}),
        (Whole, {"parts": {0: {"size"}}, "sizes": {"any key"}}),
        (Whole, {"shown": {"of a subclass"}, "worded": {"words"}, "weight": True}),
        (Open, {"anything"}),
        (Made, {"other"}),
        (Root, {"any key"}),
    ],
)
def test_names_of_fields_pass_and_so_does_what_nobody_knows(model: Any, names: Any) -> None:
    for option in ("include", "exclude"):
        assert refusal(model, names, option) is None


def test_the_items_of_a_stream_are_looked_at_too() -> None:
    async def rows() -> AsyncIterator[Item]:
        yield Item("a")

    with pytest.raises(
        BindingError, match=r"the items of GET / \(.*'nmae', which is no field of Item; did you"
    ):
        VelociPy(plugins=False).get("/", response_class=NDJSONResponse, response_model_exclude={"nmae"})(rows)
