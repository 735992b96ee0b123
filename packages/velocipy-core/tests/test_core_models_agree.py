"""One shape, three libraries: models of the same fields accept and refuse the same JSON, with errors at the same places."""

import dataclasses
import json
import keyword
from types import GenericAlias
from typing import Annotated, Any, NamedTuple, Optional
from uuid import UUID

import annotated_types
import msgspec
import pydantic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest, ErrorItem
from velocipy.json import find_encoder
from velocipy.models.base import AS_IT_IS, ModelBackend
from velocipy.models.dataclass import DataclassBackend
from velocipy.models.msgspec import MsgspecBackend
from velocipy.models.pydantic import PydanticBackend


class Types(NamedTuple):
    """One shape as each library has it."""

    dataclass: Any
    struct: Any
    model: Any

    def each(self, made: Any) -> "Types":
        return Types(*(made(annotation) for annotation in self))


STRICT = pydantic.ConfigDict(strict=True)
SCALARS = [int, float, bool, str, UUID]
names = st.from_regex(r"[a-z]{1,3}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))


@st.composite
def models(draw: Any, inner: st.SearchStrategy[Types]) -> Types:
    fields = draw(st.dictionaries(names, st.tuples(inner, st.booleans()), min_size=1, max_size=4))
    required = {name: types for name, (types, is_required) in fields.items() if is_required}
    optional = {name: types for name, (types, is_required) in fields.items() if not is_required}
    plain: list[Any] = [(name, types.dataclass) for name, types in required.items()]
    plain += [(name, types.dataclass, None) for name, types in optional.items()]
    struct: list[Any] = [(name, types.struct) for name, types in required.items()]
    struct += [(name, types.struct, None) for name, types in optional.items()]
    model: Any = {name: (types.model, ...) for name, types in required.items()}
    model |= {name: (types.model, None) for name, types in optional.items()}
    return Types(
        dataclasses.make_dataclass("Shape", plain),
        msgspec.defstruct("Shape", struct),
        pydantic.create_model("Shape", __config__=STRICT, **model),
    )


def containers(inner: st.SearchStrategy[Types]) -> st.SearchStrategy[Types]:
    return st.one_of(
        models(inner),
        inner.map(lambda types: types.each(lambda annotation: GenericAlias(list, (annotation,)))),
        inner.map(lambda types: types.each(lambda annotation: GenericAlias(dict, (str, annotation)))),
        inner.map(lambda types: types.each(lambda annotation: Optional[annotation])),  # noqa: UP045  # Optional[Optional]
        st.tuples(inner, inner).map(
            lambda pair: Types(*(GenericAlias(tuple, both) for both in zip(*pair, strict=True)))
        ),
    )


bounded = st.sampled_from(
    [
        Annotated[int, msgspec.Meta(ge=1, le=5)],
        Annotated[str, msgspec.Meta(min_length=1, max_length=2)],
        Annotated[float, msgspec.Meta(gt=0)],
    ]
)
pydantic_bounds = {
    bound: Annotated[cls, *foreign]
    for bound, (cls, *foreign) in zip(
        [
            Annotated[int, msgspec.Meta(ge=1, le=5)],
            Annotated[str, msgspec.Meta(min_length=1, max_length=2)],
            Annotated[float, msgspec.Meta(gt=0)],
        ],
        [
            (int, annotated_types.Ge(1), annotated_types.Le(5)),
            (str, annotated_types.MinLen(1), annotated_types.MaxLen(2)),
            (float, annotated_types.Gt(0)),
        ],
        strict=True,
    )
}
leaves = st.one_of(
    st.sampled_from(SCALARS).map(lambda cls: Types(cls, cls, cls)),
    bounded.map(lambda bound: Types(bound, bound, pydantic_bounds[bound])),
)
# The outermost is a model, so that each backend is asked for what is its own.
shapes = models(st.recursive(leaves, containers, max_leaves=6))

texts = st.one_of(st.sampled_from(["", "a", "abc", str(UUID(int=7))]), st.text(max_size=3))
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 9),
        st.floats(-3, 9, allow_nan=False),
        texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(names, texts), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def bodies(draw: Any, annotation: Any) -> Any:
    """A value that often fits the type, and mostly does so in part."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    if dataclasses.is_dataclass(annotation):
        fields = [field for field in dataclasses.fields(annotation) if draw(st.integers(0, 5))]
        extra = draw(st.dictionaries(names, values, max_size=1)) if draw(st.integers(0, 3)) == 0 else {}
        return extra | {field.name: draw(bodies(field.type)) for field in fields}
    origin = getattr(annotation, "__origin__", None)
    args: Any = getattr(annotation, "__args__", ())
    if hasattr(annotation, "__metadata__"):
        return draw(bodies(annotation.__origin__))
    if origin is list:
        return draw(st.lists(bodies(args[0]), max_size=3))
    if origin is dict:
        return draw(st.dictionaries(texts, bodies(args[1]), max_size=2))
    if origin is tuple:
        return [draw(bodies(arg)) for arg in args]
    if type(None) in args:
        return draw(st.one_of(st.none(), bodies(args[0])))
    made: Any = {int: st.integers(-1, 7), float: st.floats(-1, 9), bool: st.booleans(), str: texts}
    return draw(made.get(annotation, st.just(str(UUID(int=3)))))


def outcome(backend: ModelBackend, annotation: Any, body: bytes, encoder: str) -> tuple[Any, Any]:
    errors: list[ErrorItem] = []
    try:
        value = backend.decoder(annotation, lambda: find_encoder(encoder))(body, errors)
    except BadRequest:
        return None, 400
    return value, [(error["loc"], error["type"]) for error in errors]


def plain(value: Any) -> Any:
    return json.loads(find_encoder("stdlib").encode(value))


relaxed = settings(
    max_examples=settings().max_examples * 3 // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@relaxed
@given(shapes, st.data())
def test_equal_shapes_accept_and_refuse_alike(types: Types, data: st.DataObject) -> None:
    body = json.dumps(data.draw(bodies(types.dataclass))).encode()
    value, errors = outcome(DataclassBackend(), types.dataclass, body, "stdlib")
    quick, quick_errors = outcome(DataclassBackend(), types.dataclass, body, "msgspec")
    assert (quick, quick_errors) == (value, errors)
    struct, struct_errors = outcome(MsgspecBackend(), types.struct, body, "msgspec")
    assert struct_errors == errors
    model, model_errors = outcome(PydanticBackend(), types.model, body, "msgspec")
    # pydantic speaks of one item too few as of a missing one, so that only whether there are errors is alike.
    assert bool(model_errors) == bool(errors)
    if not errors:
        assert plain(struct) == plain(value) == plain(model)


@relaxed
@given(shapes, st.data())
def test_values_are_validated_as_bodies_are(types: Types, data: st.DataObject) -> None:
    sent = data.draw(bodies(types.dataclass))
    for backend, annotation in ((DataclassBackend(), types.dataclass), (MsgspecBackend(), types.struct)):
        body_value, body_errors = outcome(backend, annotation, json.dumps(sent).encode(), "msgspec")
        errors: list[ErrorItem] = []
        value = backend.validator(annotation)(sent, errors, ("body",))
        assert [(error["loc"], error["type"]) for error in errors] == body_errors
        assert value == body_value


@relaxed
@given(shapes, st.data())
def test_what_was_read_is_written_and_reads_alike(types: Types, data: st.DataObject) -> None:
    body = json.dumps(data.draw(bodies(types.dataclass))).encode()
    for backend, annotation in (
        (DataclassBackend(), types.dataclass),
        (MsgspecBackend(), types.struct),
        (PydanticBackend(), types.model),
    ):
        value, errors = outcome(backend, annotation, body, "msgspec")
        if errors:
            continue
        dumper = backend.dumper(annotation, lambda: find_encoder("msgspec"))
        written = dumper.exact[type(value)](value)
        assert dumper.other(value) == written
        # Each library has its own text of a float: 1e-05 is 0.00001 too.
        plain_text = find_encoder("stdlib").encode(backend.plain(annotation, AS_IT_IS)(value))
        assert json.loads(plain_text) == json.loads(written)
        # A default of None need not be what the type takes.
        again, errors = outcome(backend, annotation, written, "msgspec")
        assert errors or again == value
