"""Model backends from outside: which one is found for an annotation, and what all three do alike at the edge of JSON."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem
from velocipy.json import find_encoder
from velocipy.models import Backends, ModelBackend
from velocipy.models.base import ANY_BACKENDS, Serialization
from velocipy.models.dataclass import DataclassBackend
from velocipy.models.msgspec import MsgspecBackend
from velocipy.models.pydantic import PydanticBackend


@dataclasses.dataclass
class Plain:
    x: Any
    n: int = 0
    f: float = 0.0
    s: str = ""
    kids: "list[Plain]" = dataclasses.field(default_factory=list)


class Struct(msgspec.Struct):
    x: Any
    n: int = 0
    f: float = 0.0
    s: str = ""
    kids: "list[Struct]" = []


class Model(pydantic.BaseModel):
    x: Any
    n: int = 0
    f: float = 0.0
    s: str = ""
    kids: "list[Model]" = []


BACKENDS = {
    "dataclass": (DataclassBackend(), Plain),
    "msgspec": (MsgspecBackend(), Struct),
    "pydantic": (PydanticBackend(), Model),
}
every = pytest.mark.parametrize("name", BACKENDS)
every_encoder = pytest.mark.parametrize("encoder", ["stdlib", "msgspec", "orjson"])


def decoder(name: str, encoder: str = "msgspec", wrap: Callable[[Any], Any] = lambda model: model) -> Any:
    backend, model = BACKENDS[name]
    return backend.decoder(wrap(model), lambda: find_encoder(encoder))


def list_of(model: Any) -> Any:
    return list[model]


def outcome(name: str, body: bytes, encoder: str = "msgspec") -> Any:
    """The model, the types of its errors, or 400."""
    errors: list[ErrorItem] = []
    try:
        value = decoder(name, encoder)(body, errors)
    except BadRequest as exc:
        assert exc.detail == "Invalid JSON body"
        return 400
    assert (value is None) == bool(errors)
    return [error["type"] for error in errors] or value


# Which backend an annotation belongs to


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Struct, "msgspec"),
        (Model, "pydantic"),
        (Plain, "dataclass"),
        (list[Struct], "msgspec"),
        (dict[str, Model], "pydantic"),
        (Model | None, "pydantic"),
        (int, "dataclass"),
        (list[int], "dataclass"),
        (dict[str, int], "dataclass"),
        (dict, None),
        (list, None),
        (Any, None),
        (object, None),
        (complex, None),
        (list[complex], None),
    ],
)
def test_an_annotation_finds_its_backend(annotation: Any, name: str | None) -> None:
    found = ANY_BACKENDS.find(annotation)
    assert (found and found.name) == name


def test_a_registered_backend_is_asked_first() -> None:
    class Own(ModelBackend):
        name = "own"

        def matches(self, annotation: Any) -> bool:
            return bool(annotation is Plain)

        def validator(self, annotation: Any) -> Any:
            return lambda value, errors, place: Plain(value)

        def plain(self, annotation: Any, how: Serialization) -> Any:
            return lambda value: value.x

    backends = Backends()
    backends.register(Own)
    found = backends.find(Plain)
    assert found is not None
    assert found.name == "own"
    assert found.decoder(Plain, lambda: find_encoder("stdlib"))(b"[1]", []) == Plain([1])
    assert found.dumper(Plain, lambda: find_encoder("stdlib")).other([1]) == b"[1]"
    assert found.fields(Plain) is None
    assert found.named_fields(Plain) is None


def test_what_is_no_backend_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="matches"):
        Backends().register(object())  # type: ignore[arg-type]  # that is the point


def test_dataclasses_need_no_library() -> None:
    script = """
import sys
sys.modules["msgspec"] = sys.modules["pydantic"] = sys.modules["orjson"] = None
from dataclasses import dataclass
from velocipy.json import best_encoder
from velocipy.models.base import ANY_BACKENDS
@dataclass
class Item:
    name: str
    price: float = 0
backend = ANY_BACKENDS.find(list[Item])
errors = []
decode = backend.decoder(list[Item], best_encoder)
assert decode(b'[{"name":"a","price":1}]', errors) == [Item("a", 1.0)], errors
decode(b'[{"name":3}]', errors)
assert errors[0]["loc"] == ["body", 0, "name"], errors
assert backend.dumper(list[Item], best_encoder).exact[list]([Item("a")]) == b'[{"name":"a","price":0}]'
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# The edge of JSON, group C of the hostile cases


@every
@every_encoder
@pytest.mark.case(31)
@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"x":' * 100_000, b'{"x":1,"kids":[' * 100_000, b'{"y":' + b"[" * 100_000],
    ids=len,
)
def test_a_body_that_is_nested_too_deeply_is_400(name: str, encoder: str, body: bytes) -> None:
    assert outcome(name, body, encoder) == 400


@every
@every_encoder
@pytest.mark.case(31)
@pytest.mark.parametrize("depth", [150, 300, 450, 900, 5_000])
def test_a_closed_body_of_any_depth_is_a_model_or_400(name: str, encoder: str, depth: int) -> None:
    body = b'{"x":1,"kids":[' * depth + b'{"x":1}' + b"]}" * depth
    assert outcome(name, body, encoder) == 400 or isinstance(outcome(name, body, encoder), BACKENDS[name][1])


@every
@pytest.mark.case(32)
def test_integers_of_5000_digits_are_refused_and_of_20_taken(name: str) -> None:
    assert outcome(name, b'{"x":1,"n":' + b"9" * 5000 + b"}") == 400
    assert outcome(name, b'{"x":1,"f":' + b"9" * 5000 + b"}") == 400
    assert outcome(name, b'{"x":1,"n":99999999999999999999}').n == 99999999999999999999
    assert outcome(name, b'{"x":1,"f":' + b"9" * 400 + b"}") in (400, ["finite_number"])


@every
@every_encoder
@pytest.mark.case(33)
@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1E+999", b"nan", b"9e0000400"]
)
@pytest.mark.parametrize("key", [b"x", b"f", b"n"])
def test_what_no_float_holds_is_400(name: str, encoder: str, key: bytes, number: bytes) -> None:
    assert outcome(name, b'{"x":1,"' + key + b'":' + number + b"}", encoder) == 400


@every
@pytest.mark.case(33)
def test_a_text_that_looks_like_such_a_number_is_a_text(name: str) -> None:
    assert outcome(name, b'{"x":1,"s":"NaN 1e999 Infinity"}').s == "NaN 1e999 Infinity"
    assert outcome(name, b'{"x":1,"f":1e22}').f == 1e22


@every
@every_encoder
@pytest.mark.case(34)
@pytest.mark.parametrize("text", [b"\\ud800", b"\xed\xa0\x80", b"\xff", b"a\xc3", b"\\udc00\\ud800"])
@pytest.mark.parametrize("key", [b"s", b"x", b"unknown"])
def test_text_that_is_no_unicode_is_400(name: str, encoder: str, key: bytes, text: bytes) -> None:
    assert outcome(name, b'{"x":1,"' + key + b'":"' + text + b'"}', encoder) == 400
    assert outcome(name, b'{"x":1,"' + text + b'":1}', encoder) == 400


@every
@every_encoder
@pytest.mark.case(34)
def test_pairs_of_surrogates_and_nul_are_text(name: str, encoder: str) -> None:
    assert outcome(name, b'{"x":1,"s":"\\ud83d\\ude00\\u0000","\\u0000":2}', encoder).s == "\U0001f600\0"


@every
@every_encoder
@pytest.mark.case(35)
def test_the_last_of_equal_keys_counts(name: str, encoder: str) -> None:
    assert outcome(name, b'{"x":1,"n":1,"n":2}', encoder).n == 2
    assert outcome(name, b'{"x":1,"n":"a","n":2}', encoder).n == 2
    assert outcome(name, b'{"x":1,"n":2,"n":"a"}', encoder) == ["type_error"]


@every
@every_encoder
@pytest.mark.case(36)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"\xef\xbb\xbf" + b'{"x":1}',
        *('{"x":1}'.encode(coding) for coding in ("utf-16", "utf-16-le", "utf-32", "utf-32-be")),
        b'{"x":1} x',
        b'{"x":1}{}',
        b'{"x":1,}',
        b"{'x':1}",
        b'{"x":1',
        b'{"x":01}',
        b'{"x":1}\0',
        b'{"x":"\n"}',
    ],
)
def test_what_is_not_one_json_text_in_utf_8_is_400(name: str, encoder: str, body: bytes) -> None:
    assert outcome(name, body, encoder) == 400


# Errors


@every
def test_a_422_has_at_most_a_hundred_entries(name: str) -> None:
    errors: list[ErrorItem] = []
    decoder(name, wrap=list_of)(json.dumps([{}] * 5000).encode(), errors)
    assert len(errors) == 100
    assert errors[99]["loc"] == ["body", 99, "x"]


@every
def test_many_errors_take_linear_time_and_bounded_room(name: str) -> None:
    errors: list[ErrorItem] = []
    decoder(name, wrap=list_of)(b"[" + b",".join([b'{"n":"a"}'] * 50_000) + b"]", errors)
    assert 1 <= len(errors) <= 100


@every
def test_errors_say_what_is_wrong_and_not_what_was_sent(name: str) -> None:
    errors: list[ErrorItem] = []
    decoder(name)(b'{"n":"secret","s":3,"kids":[{"x":1},{"x":1,"f":[]},3]}', errors)
    assert [(error["loc"], error["msg"], error["type"]) for error in errors] == [
        (["body", "x"], "Missing field 'x'", "missing"),
        (["body", "n"], "Invalid field 'n': expected an integer, got a string", "type_error"),
        (["body", "s"], "Invalid field 's': expected a string, got an integer", "type_error"),
        (["body", "kids", 1, "f"], "Invalid field 'f': expected a number, got an array", "type_error"),
        (["body", "kids", 2], "Invalid item 2: expected an object, got an integer", "type_error"),
    ]


@every
def test_errors_of_other_places_are_below_these(name: str) -> None:
    backend, model = BACKENDS[name]
    errors: list[ErrorItem] = []
    assert backend.validator(model)({"x": 1, "n": "a"}, errors, ("query", "filter")) is None
    assert errors == [
        {
            "loc": ["query", "filter", "n"],
            "msg": "Invalid field 'n': expected an integer, got a string",
            "type": "type_error",
        }
    ]


@every
def test_a_value_that_holds_itself_is_an_error_and_no_endless_loop(name: str) -> None:
    backend, model = BACKENDS[name]
    value: dict[str, Any] = {"x": 1, "kids": []}
    value["kids"].append(value)
    errors: list[ErrorItem] = []
    assert backend.validator(model)(value, errors, ("result",)) is None
    assert errors


# Results


@every
def test_instances_are_written_by_class_and_dicts_after_validation(name: str) -> None:
    backend, model = BACKENDS[name]
    dumper = backend.dumper(list[model], lambda: find_encoder("stdlib"))  # type: ignore[valid-type]
    written = b'[{"x":1,"n":0,"f":0.0,"s":"","kids":[]}]'
    assert dumper.exact[list]([model(x=1)]) == written
    assert dumper.exact[list]([{"x": 1}]) == written
    assert dumper.other(({"x": 1},)) == written


@every
def test_a_subclass_is_written_with_the_fields_that_were_declared(name: str) -> None:
    backend, model = BACKENDS[name]
    more: Any = (
        dataclasses.make_dataclass("More", [("secret", int, 1)], bases=(model,))
        if name == "dataclass"
        else type("More", (model,), {"__annotations__": {"secret": int}, "secret": 1})
    )
    written = b'{"x":1,"n":0,"f":0.0,"s":"","kids":[]}'
    one = backend.dumper(model, lambda: find_encoder("stdlib"))
    assert more not in one.exact
    assert one.other(more(x=1)) == written
    many = backend.dumper(list[model], lambda: find_encoder("stdlib"))  # type: ignore[valid-type]
    assert many.exact[list]([more(x=1)]) == b"[" + written + b"]"
    optional = backend.dumper(model | None, lambda: find_encoder("stdlib"))
    assert optional.other(more(x=1)) == written
    assert optional.exact[type(None)](None) == b"null"
    keyed = backend.dumper(dict[str, model], lambda: find_encoder("stdlib"))  # type: ignore[valid-type]
    assert keyed.exact[dict]({"a": more(x=1)}) == b'{"a":' + written + b"}"
    nested = one.exact[model](model(x=1, kids=[more(x=1)]))
    assert nested == b'{"x":1,"n":0,"f":0.0,"s":"","kids":[' + written + b"]}"


@every
def test_objects_with_the_fields_as_attributes_are_results(name: str) -> None:
    backend, model = BACKENDS[name]

    class Row:
        x, n, f, s, kids, secret = 1, 2, 0.5, "a", (), 3

    dumper = backend.dumper(model, lambda: find_encoder("stdlib"))
    assert dumper.other(Row()) == b'{"x":1,"n":2,"f":0.5,"s":"a","kids":[]}'


# Models in plain dicts and lists


@every_encoder
def test_every_encoder_writes_models_inside_plain_values_alike(encoder: str) -> None:
    value = {
        "items": [Struct(1, s="ü"), Model(x=Struct(2), f=1.5), Plain(Model(x=None))],
        "n": (Model(x=[Struct(3)]),),
    }
    assert find_encoder(encoder).encode(value) == find_encoder("stdlib").encode(value)
    assert (
        find_encoder(encoder).encode({"a": [Model(x=1)]}) == b'{"a":[{"x":1,"n":0,"f":0.0,"s":"","kids":[]}]}'
    )


class Renamed(msgspec.Struct, rename="camel", omit_defaults=True, tag="t"):
    some_name: int
    other: int | msgspec.UnsetType = msgspec.UNSET
    third: list[int] = []


class InArray(msgspec.Struct, array_like=True):
    a: int
    b: Renamed


class Aliased(pydantic.BaseModel):
    some: int = pydantic.Field(serialization_alias="so-me")

    @pydantic.computed_field  # type: ignore[prop-decorator]  # mypy does not know the pair
    @property
    def double(self) -> int:
        return self.some * 2


@every_encoder
def test_every_encoder_minds_what_a_model_says_of_its_json(encoder: str) -> None:
    assert (
        find_encoder(encoder).encode([Renamed(1), InArray(1, Renamed(2, 3)), Aliased(some=2)])
        == b'[{"type":"t","someName":1},[1,{"type":"t","someName":2,"other":3}],{"so-me":2,"double":4}]'
    )


@every_encoder
def test_what_no_backend_knows_is_still_an_error(encoder: str) -> None:
    for value in (object(), Struct, Model, {"a": object()}):
        with pytest.raises((TypeError, ValueError)):
            find_encoder(encoder).encode(value)


# How results are written

OPTIONS: list[tuple[Serialization, str]] = [
    (Serialization(include={"x"}), '{"x":1}'),
    (
        Serialization(include=["x", "kids"], exclude={"kids": {"__all__": {"kids", "f", "s"}}}),
        '{"x":1,"kids":[{"x":2,"n":0}]}',
    ),
    (Serialization(exclude={"kids", "f", "s"}), '{"x":1,"n":0}'),
    (Serialization(exclude_defaults=True), '{"x":1,"kids":[{"x":2}]}'),
    (Serialization(include={"x": True, "kids": {"__all__": {"x"}}}), '{"x":1,"kids":[{"x":2}]}'),
]


@every
@pytest.mark.parametrize(("how", "text"), OPTIONS)
def test_a_result_is_written_as_the_route_says(name: str, how: Serialization, text: str) -> None:
    backend, model = BACKENDS[name]
    value = model(x=1, kids=[model(x=2)])
    dumper = backend.dumper(model, lambda: find_encoder("stdlib"), how)
    assert dumper.exact[model](value) == dumper.other(value) == text.encode()
    assert find_encoder("stdlib").encode(backend.plain(model, how)(value)) == text.encode()
    many = backend.dumper(list[model], lambda: find_encoder("stdlib"), how)  # type: ignore[valid-type]
    assert many.other([value, value]) == f"[{text},{text}]".encode()


@every
def test_none_may_be_left_out(name: str) -> None:
    backend, model = BACKENDS[name]
    dumper = backend.dumper(model, lambda: find_encoder("stdlib"), Serialization(exclude_none=True))
    assert dumper.other(model(x=None)) == b'{"n":0,"f":0.0,"s":"","kids":[]}'


@pytest.mark.parametrize("name", ["dataclass", "msgspec"])
def test_who_does_not_know_what_was_set_says_so(name: str) -> None:
    backend, model = BACKENDS[name]
    with pytest.raises(ConfigurationError, match=f"(?s){name}.*exclude_defaults"):
        backend.dumper(model, lambda: find_encoder("stdlib"), Serialization(exclude_unset=True))


@every
def test_the_fields_of_a_model_are_told(name: str) -> None:
    backend, model = BACKENDS[name]
    fields = backend.fields(Annotated[model, "x"]) or ()
    assert [(field.name, field.key, field.required) for field in fields] == [
        ("x", "x", True),
        ("n", "n", False),
        ("f", "f", False),
        ("s", "s", False),
        ("kids", "kids", False),
    ]
    assert backend.fields(list[model]) is None  # type: ignore[valid-type]
