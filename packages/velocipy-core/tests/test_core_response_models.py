"""Response models: what is checked, filtered and written, from annotations and from `response_model`, for every backend."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, make_dataclass
from types import SimpleNamespace
from typing import Annotated, Any, Generic, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from typing_extensions import TypedDict as NewerTypedDict

from velocipy import HTMLResponse, JSONResponse, Request, Response, StreamingResponse, VelociPy
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.handlers.results import ReadyResults
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
T = TypeVar("T")


@dataclass
class Plain:
    name: str
    tags: list[str] = field(default_factory=list)


@dataclass
class PlainSecret(Plain):
    secret: str = "hidden"


class Struct(msgspec.Struct):
    name: str
    tags: list[str] = []


class StructSecret(Struct):
    secret: str = "hidden"


class Model(pydantic.BaseModel):
    name: str
    tags: list[str] = []


class ModelSecret(Model):
    secret: str = "hidden"


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Typed(TypedDict):
    name: str


BACKENDS = [(Plain, PlainSecret), (Struct, StructSecret), (Model, ModelSecret)]


class Attributes:
    """An object of an ORM: no model, but its fields are attributes."""

    def __init__(self, name: Any, **more: Any) -> None:
        self.name = name
        self.tags: list[str] = []
        self.secret = "hidden"
        self.__dict__.update(more)


def client_of(endpoint: Any, interface: Any = "rsgi", **keywords: Any) -> TestClient:
    """A client of an app with this one route at /."""
    app = VelociPy(plugins=False)
    app.add_route("/", endpoint, **keywords)
    return TestClient(app, interface=interface, raise_server_exceptions=False)


def returning(result: Any, annotation: Any = None) -> Any:
    """An endpoint that returns this, annotated so."""

    async def endpoint() -> Any:
        return result

    if annotation is not None:
        endpoint.__annotations__["return"] = annotation
    return endpoint


@both
@pytest.mark.parametrize(("model", "secret"), BACKENDS)
@pytest.mark.parametrize("by", ["annotation", "response_model"])
def test_a_model_is_what_is_sent_and_nothing_more(model: Any, secret: Any, by: str, interface: Any) -> None:
    results = [
        model("a", ["t"]) if model is not Model else Model(name="a", tags=["t"]),
        secret(name="a", tags=["t"]),
        {"name": "a", "tags": ["t"], "secret": "hidden"},
        Attributes("a", tags=["t"]),
    ]
    for result in results:
        if by == "annotation":
            client = client_of(returning(result, model), interface)
        else:
            client = client_of(returning(result), interface, response_model=model)
        answer = client.get("/")
        assert (answer.status_code, answer.content) == (200, b'{"name":"a","tags":["t"]}'), result
        assert answer.headers["content-type"] == "application/json"


@both
@pytest.mark.parametrize(("model", "secret"), BACKENDS)
def test_models_inside_of_lists_dicts_and_unions_are_filtered(
    model: Any, secret: Any, interface: Any
) -> None:
    hidden = secret(name="a")
    shown = {"name": "a", "tags": []}
    for annotation, result, expected in [
        (list[model], [hidden, {"name": "a", "secret": 1}], [shown, shown]),
        (dict[str, model], {"k": hidden}, {"k": shown}),
        (model | None, hidden, shown),
        (model | None, None, None),
        (tuple[model, int], (hidden, 1), [shown, 1]),
        (list[model | int], [hidden, 3], [shown, 3]),
    ]:
        answer = client_of(returning(result, annotation), interface).get("/")
        assert answer.status_code == 200, (annotation, answer.text)
        assert answer.json() == expected, annotation


@both
def test_a_generic_model_and_a_typed_dict(interface: Any) -> None:
    page = {"items": [{"name": "a", "secret": 1}]}
    assert client_of(returning(page, Page[Model]), interface).get("/").json() == {
        "items": [{"name": "a", "tags": []}]
    }
    assert client_of(returning({"name": "a", "x": 1}, Typed), interface).get("/").json() == {"name": "a"}


@dataclass
class Noted:
    plain: list[Annotated[Plain, ["a note without a hash"]]]
    by_name: dict[str, Annotated[int, ["a note"]]] | None = None


@both
def test_what_stands_beside_a_type_needs_no_hash(interface: Any) -> None:
    app = VelociPy(plugins=False)

    @app.post("/one")
    async def one(noted: Noted) -> Noted:
        return noted

    @app.post("/all")
    async def several(noted: list[Annotated[Noted, ["a note"]]]) -> list[Annotated[Noted, ["a note"]]]:
        return [Noted([PlainSecret("a")]), *noted]

    client = TestClient(app, interface=interface)
    sent = {"plain": [{"name": "b", "tags": []}], "by_name": {"c": 1}}
    assert client.post("/one", json=sent).json() == sent
    assert client.post("/one", json={"plain": [{}]}).json()["detail"][0]["loc"] == [
        "body",
        "plain",
        0,
        "name",
    ]
    shown = {"plain": [{"name": "a", "tags": []}], "by_name": None}
    assert client.post("/all", json=[sent]).json() == [shown, sent]


@dataclass
class PlainFilm:
    about: Typed | None = None


class StructFilm(msgspec.Struct):
    about: Typed | None = None


class Newer(NewerTypedDict):  # the one of typing is too old for pydantic on Python 3.11
    name: str


class ModelFilm(pydantic.BaseModel):
    about: Newer | None = None


@both
@pytest.mark.parametrize("model", [PlainFilm, StructFilm, ModelFilm])
def test_of_a_typed_dict_that_may_be_missing_no_other_key_is_sent(model: Any, interface: Any) -> None:
    film = model(about={"name": "a"})
    film.about["secret"] = "hidden"
    for annotation, result, expected in [
        (model, film, {"about": {"name": "a"}}),
        (list[model], [film, model()], [{"about": {"name": "a"}}, {"about": None}]),
    ]:
        answer = client_of(returning(result, annotation), interface).get("/")
        assert (answer.status_code, answer.json()) == (200, expected)


@both
@pytest.mark.parametrize(("model", "secret"), BACKENDS)
def test_a_result_that_does_not_fit_is_a_500_that_leaks_nothing(
    model: Any, secret: Any, interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for result in [
        {"name": 3, "pw": "hunter2"},
        {"pw": "hunter2"},
        "hunter2",
        None,
        [secret(name="hunter2")],
    ]:
        caplog.clear()
        answer = client_of(returning(result, model), interface).get("/")
        assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"}), result
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert record.exc_info is not None
        assert "does not fit the response model" in str(record.exc_info[1])
        assert "hunter2" not in str(record.exc_info[1])


@both
@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (int, 3, "x"),
        (list[int], [1, 2], [1, "x"]),
        (dict[str, int], {"a": 1}, {"a": "x"}),
        (bool, True, "yes"),
        (float | None, 1.5, "x"),
    ],
)
def test_python_s_own_types_are_checked(annotation: Any, good: Any, bad: Any, interface: Any) -> None:
    assert client_of(returning(good, annotation), interface).get("/").json() == good
    assert client_of(returning(bad, annotation), interface).get("/").status_code == 500


@both
def test_what_an_annotation_does_not_say_is_not_checked(interface: Any) -> None:
    for annotation, result, expected in [
        (dict, {"a": 1}, b'{"a":1}'),
        (Any, [1], b"[1]"),
        (str, "text", b"text"),
        (bytes, b"octets", b"octets"),
        (Response, Response(b"own"), b"own"),
        (Model | Response, Response(b"own"), b"own"),
        (JSONResponse, JSONResponse({"a": 1}), b'{"a":1}'),
    ]:
        assert client_of(returning(result, annotation), interface).get("/").content == expected


@both
def test_a_response_is_sent_as_it_is_whatever_the_model(interface: Any) -> None:
    answer = client_of(returning(Response(b"own", 201), Model), interface).get("/")
    assert (answer.status_code, answer.content) == (201, b"own")


@both
def test_a_stream_is_not_a_model(interface: Any) -> None:
    async def rows() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    async def endpoint() -> AsyncIterator[str]:
        return rows()

    assert client_of(endpoint, interface).get("/").text == "ab"
    assert client_of(returning(StreamingResponse(rows()), StreamingResponse), interface).get("/").text == "ab"


@both
def test_none_for_response_model_switches_it_off(interface: Any) -> None:
    answer = client_of(returning({"name": "a", "more": 1}, Model), interface, response_model=None).get("/")
    assert answer.json() == {"name": "a", "more": 1}


@both
@pytest.mark.parametrize(("model", "secret"), BACKENDS)
def test_include_exclude_and_none(model: Any, secret: Any, interface: Any) -> None:
    result = {"name": "a", "tags": ["t"]}
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"response_model_include": {"name"}}, {"name": "a"}),
        ({"response_model_exclude": {"name"}}, {"tags": ["t"]}),
        ({"response_model_exclude_defaults": True}, {"name": "a", "tags": ["t"]}),
    ]
    for keywords, expected in cases:
        answer = client_of(returning(result, model), interface, **keywords).get("/")
        assert answer.json() == expected, keywords


class Optional(pydantic.BaseModel):
    first_name: str | None = pydantic.Field(None, alias="firstName")
    age: int = 3

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return self.age * 2


@both
def test_pydantic_s_own_ways_of_writing(interface: Any) -> None:
    cases: list[tuple[dict[str, Any], Any]] = [
        ({}, {"firstName": None, "age": 4, "double": 8}),
        ({"response_model_by_alias": False}, {"first_name": None, "age": 4, "double": 8}),
        ({"response_model_exclude_none": True}, {"age": 4, "double": 8}),
        ({"response_model_exclude_unset": True}, {"age": 4, "double": 8}),
    ]
    for keywords, expected in cases:
        answer = client_of(returning({"age": 4}, Optional), interface, **keywords).get("/")
        assert answer.json() == expected, keywords


class Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(from_attributes=True)
    size: int


class Whole(Part):
    full_name: str = pydantic.Field(alias="fullName")
    parts: list[Part] = []


@both
def test_pydantic_s_from_attributes_reads_what_an_orm_gives(interface: Any) -> None:
    part = SimpleNamespace(size=1, secret="hidden")
    row = SimpleNamespace(size=2, fullName="ada", parts=[part], secret="hidden")
    written = {"size": 2, "fullName": "ada", "parts": [{"size": 1}]}
    cases: list[tuple[Any, Any, Any]] = [
        (row, Whole, written),
        ([row, row], list[Whole], [written, written]),
        ({"a": row}, dict[str, Whole], {"a": written}),
        (row, Whole | None, written),
        (None, Whole | None, None),
    ]
    for result, model, expected in cases:
        assert client_of(returning(result, model), interface).get("/").json() == expected, model


@both
@pytest.mark.parametrize("fields", [{}, {"size": 1}, {"size": "x", "fullName": "ada"}])
def test_objects_in_a_list_that_lack_what_a_model_declares_are_a_500(fields: Any, interface: Any) -> None:
    row = SimpleNamespace(**fields)
    cases: list[tuple[Any, Any]] = [
        ([row], list[Whole]),
        ({"a": row}, dict[str, Whole]),
        ((row, 1), tuple[Whole, int]),
        ([[row]], list[list[Whole]]),
        ({"a": [row]}, dict[str, list[Whole]]),
    ]
    for result, model in cases:
        assert client_of(returning(result, model), interface).get("/").status_code == 500, model


@both
def test_pydantic_s_root_models_and_generic_ones_are_read_and_written(interface: Any) -> None:
    async def sizes(sent: pydantic.RootModel[list[int]]) -> Page[Part]:
        return Page(items=[Part(size=size) for size in sent.root])

    app = VelociPy(plugins=False)
    app.add_route("/", sizes, ["POST"])
    client = TestClient(app, interface=interface)
    assert client.post("/", json=[1, 2]).json() == {"items": [{"size": 1}, {"size": 2}]}
    assert client.post("/", json=[1, "x"]).json()["detail"][0]["loc"] == ["body", 1]


@pytest.mark.parametrize(
    "keywords", [{"response_model_exclude_unset": True}, {"response_model_by_alias": False}]
)
def test_what_a_library_cannot_do_is_refused_at_registration(keywords: Any) -> None:
    with pytest.raises(ConfigurationError, match="msgspec"):
        client_of(returning(None, Struct), **keywords)


def test_a_way_of_writing_needs_a_model() -> None:
    with pytest.raises(BindingError, match="says how a response model is written, but has none"):
        client_of(returning(None), response_model_exclude_none=True)


def test_a_response_model_that_nothing_knows_is_refused() -> None:
    with pytest.raises(BindingError, match="no model backend knows the response_model Attributes"):
        client_of(returning(None), response_model=Attributes)


@both
def test_an_annotation_that_no_backend_knows_leaves_the_result_to_the_encoder(interface: Any) -> None:
    class Telling:
        name = "telling"

        def encode(self, value: Any) -> bytes:
            return json.dumps(value, default=vars).encode()

        def decode(self, data: bytes) -> Any:
            return json.loads(data)

    app = VelociPy(plugins=False, json_encoder=Telling())
    app.get("/")(returning(Attributes("ada"), Attributes))
    shown = {"name": "ada", "tags": [], "secret": "hidden"}
    assert TestClient(app, interface=interface).get("/").json() == shown


@both
def test_status_and_hooks_apply_to_models(interface: Any) -> None:
    app = VelociPy(plugins=False)

    @app.post("/", status_code=201)
    async def create(response: Response) -> Model:
        response.headers["x-made"] = "1"
        return ModelSecret(name="a")

    async def passing(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    client = TestClient(app, interface=interface)
    for _ in range(2):
        answer = client.post("/")
        assert (answer.status_code, answer.headers["x-made"]) == (201, "1")
        assert answer.json() == {"name": "a", "tags": []}
        app.add_middleware(passing)


@both
def test_a_response_class_makes_the_response(interface: Any) -> None:
    answer = client_of(returning("<p>"), interface, response_class=HTMLResponse, status_code=203).get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (203, "text/html; charset=utf-8")
    assert answer.text == "<p>"


def test_a_response_class_is_one() -> None:
    with pytest.raises(ConfigurationError, match="response_class is a class of Response, not 'html'"):
        client_of(returning(None), response_class="html")


@both
@pytest.mark.parametrize("encoder", ["msgspec", "orjson", "stdlib"])
def test_models_without_an_annotation_are_written_by_every_encoder(encoder: str, interface: Any) -> None:
    app = VelociPy(plugins=False, json_encoder=encoder)
    results = [Model(name="a"), Struct("a"), Plain("a"), {"in": [Model(name="a"), Struct("a"), Plain("a")]}]
    for number, result in enumerate(results):
        app.add_route(f"/{number}", returning(result))
    client = TestClient(app, interface=interface)
    shown = {"name": "a", "tags": []}
    assert [client.get(f"/{number}").json() for number in range(4)] == [
        shown,
        shown,
        shown,
        {"in": [shown] * 3},
    ]


@both
@pytest.mark.case(40)
def test_a_result_that_cannot_be_written_is_a_500_with_nothing_sent(interface: Any) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    for result in [{"a": object()}, cycle, {"a": "\ud800"}, {(1, 2): 3}]:
        answer = client_of(returning(result), interface).get("/")
        assert (answer.status_code, answer.content) == (500, b'{"detail":"Internal Server Error"}'), result
    assert client_of(returning({"a": float("nan")}), interface).get("/").content == b'{"a":null}'


@both
def test_an_app_that_makes_classes_without_end_is_answered_as_before(
    interface: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of a class is found anew once it was forgotten, of text and bytes too."""
    monkeypatch.setattr(ReadyResults, "MAX_CLASSES", 4)
    grown: list[int] = []
    missing = ReadyResults.__missing__

    def noted(table: ReadyResults, kind: type) -> Any:
        found = missing(table, kind)
        grown.append(len(table))
        return found

    monkeypatch.setattr(ReadyResults, "__missing__", noted)
    app = VelociPy(plugins=False)

    @app.get("/{number}")
    async def endpoint(number: int):  # type: ignore[no-untyped-def]
        return make_dataclass(f"Made{number}", [("number", int)])(number) if number % 3 else f"text {number}"

    with TestClient(app, interface=interface) as client:
        for number in range(12):
            answer = client.get(f"/{number}")
            assert answer.json() == {"number": number} if number % 3 else answer.text == f"text {number}"
            assert answer.headers["content-type"].startswith("application" if number % 3 else "text/plain")
    assert len(grown) >= 8 and max(grown) <= 4


class Row(msgspec.Struct):
    id: int
    name: Annotated[str, msgspec.Meta(max_length=5)]


@both
def test_instances_of_a_struct_are_trusted_and_everything_else_is_held_to_its_bounds(interface: Any) -> None:
    assert client_of(returning([Row(1, "too long")], list[Row]), interface).get("/").status_code == 200
    assert (
        client_of(returning([{"id": 1, "name": "too long"}], list[Row]), interface).get("/").status_code
        == 500
    )
