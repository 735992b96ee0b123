"""Document against binder: what the one describes the other accepts, and what it does not describe is refused, on both protocols.

Parameters are drawn with bounds and values; a value is held against the schema of the document by `jsonschema`, and sent.
"""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from velocipy import Body, Cookie, Header, Query, VelociPy
from velocipy.testing import TestClient

NUMBERS = st.one_of(st.integers(-20, 20), st.sampled_from([-0.5, 0.5, 1.5, 2.25, 100.0]))
TEXTS = st.text(alphabet="abcxyzé ", max_size=6)
CHECKER = FormatChecker(("date", "uuid"))
SAME = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def numbers(draw: Any) -> tuple[Any, dict[str, Any], Any]:
    """(type, bounds, value) of a number."""
    bounds: dict[str, Any] = {}
    if draw(st.booleans()):
        bounds[draw(st.sampled_from(["ge", "gt"]))] = draw(st.integers(-5, 5))
    if draw(st.booleans()):
        bounds[draw(st.sampled_from(["le", "lt"]))] = draw(st.integers(-5, 15))
    if draw(st.booleans()):
        bounds["multiple_of"] = draw(st.sampled_from([1, 2, 5]))
    return draw(st.sampled_from([int, float])), bounds, draw(NUMBERS)


@st.composite
def texts(draw: Any) -> tuple[Any, dict[str, Any], Any]:
    bounds: dict[str, Any] = {}
    if draw(st.booleans()):
        bounds["min_length"] = draw(st.integers(0, 3))
    if draw(st.booleans()):
        bounds["max_length"] = draw(st.integers(2, 5))
    if draw(st.booleans()):
        bounds["pattern"] = draw(st.sampled_from(["[a-c]*", "x|y", r"\w+"]))
    return str, bounds, draw(TEXTS.filter(lambda text: text == text.strip() and text))


@st.composite
def lists(draw: Any) -> tuple[Any, dict[str, Any], Any]:
    kind, bounds, _ = draw(numbers())
    counted: dict[str, Any] = (
        {"min_length": 1, "max_length": draw(st.integers(1, 3))} if draw(st.booleans()) else {}
    )
    item = Annotated[(kind, Query(**bounds))]  # type: ignore[misc,valid-type]
    return list[item], counted, draw(st.lists(NUMBERS, min_size=1, max_size=4))  # type: ignore[valid-type]


OTHERS = st.sampled_from(
    [
        (kind, {}, value)
        for kind, values in (
            (bool, [True, False]),
            (Literal["a", "b"], ["a", "b", "c"]),
            (Literal[1, 2], [1, 3]),
            (int | None, [1]),
            (__import__("datetime").date, ["2024-02-29", "2023-02-29", "x"]),
            (__import__("uuid").UUID, ["12345678-1234-5678-1234-567812345678", "1234"]),
        )
        for value in values
    ]
)


def written(value: Any) -> str:
    """A value of JSON as text, the way that OpenAPI's style `form` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # JSON has one kind of number: 100.0 is 100
    return str(value)


def app_with(annotation: Any, marker: Any) -> VelociPy:
    app = VelociPy()

    async def endpoint(value: Any) -> None: ...

    endpoint.__annotations__["value"] = Annotated[(annotation, marker)]
    app.get("/")(endpoint)
    return app


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@settings(SAME, max_examples=settings().max_examples * 3 // 2)
@given(drawn=st.one_of(numbers(), texts(), lists(), OTHERS))
def test_a_query_parameter_is_accepted_just_if_its_schema_accepts_it(interface: Any, drawn: Any) -> None:
    annotation, bounds, value = drawn
    app = app_with(annotation, Query(**bounds))
    (parameter,) = app.openapi()["paths"]["/"]["get"]["parameters"]
    assert parameter["required"] is True
    described = Draft202012Validator(parameter["schema"], format_checker=CHECKER).is_valid(value)
    items = value if isinstance(value, list) else [value]
    query = "&".join(f"value={quote(written(item))}" for item in items)
    answer = TestClient(app, interface=interface).get(f"/?{query}")
    assert answer.status_code == (204 if described else 422), (parameter, value, answer.text)


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@settings(SAME, max_examples=settings().max_examples * 3 // 5)
@given(drawn=numbers(), source=st.sampled_from(["header", "cookie"]))
def test_so_is_a_header_and_a_cookie(interface: Any, drawn: Any, source: str) -> None:
    annotation, bounds, value = drawn
    app = app_with(annotation, (Header if source == "header" else Cookie)(**bounds))
    (parameter,) = app.openapi()["paths"]["/"]["get"]["parameters"]
    assert parameter["in"] == source
    described = Draft202012Validator(parameter["schema"]).is_valid(value)
    text = written(value)
    headers = {parameter["name"]: text} if source == "header" else {"cookie": f"{parameter['name']}={text}"}
    answer = TestClient(app, interface=interface).get("/", headers=headers)
    assert answer.status_code == (204 if described else 422)


JSON_VALUES = st.one_of(
    NUMBERS,
    TEXTS,
    st.booleans(),
    st.none(),
    st.lists(st.one_of(NUMBERS, TEXTS), max_size=4),
    st.sampled_from(["2024-02-29", "2023-02-29", "12345678-1234-5678-1234-567812345678", {}, {"a": 1}]),
)


def plain(value: Any) -> Any:
    """JSON has one kind of number, and 100.0 is sent as 100: the binder takes a point for what it says."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=st.one_of(numbers(), texts(), lists(), OTHERS), value=JSON_VALUES, own=st.booleans())
def test_a_field_of_a_body_is_accepted_just_if_its_schema_accepts_it(
    interface: Any, drawn: Any, value: Any, own: bool
) -> None:
    annotation, bounds, likely = drawn
    app, value = VelociPy(), plain(likely if own else value)
    model = make_dataclass("Model", [("value", Annotated[(annotation, Body(**bounds))])])

    async def endpoint(body: Any) -> None: ...

    endpoint.__annotations__["body"] = model
    app.post("/")(endpoint)
    document = app.openapi()
    media = document["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]
    schema = {**media["schema"], "components": document["components"]}
    sent = {"value": value}
    described = Draft202012Validator(schema, format_checker=CHECKER).is_valid(sent)
    answer = TestClient(app, interface=interface).post("/", json=sent)
    assert answer.status_code == (204 if described else 422), (schema, sent, answer.text)


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_what_is_not_required_may_be_missing_and_what_is_may_not(interface: Any) -> None:
    app = VelociPy()

    @app.get("/{id}")
    async def read(id: int, needed: int, optional: int = 1, maybe: str | None = None) -> None: ...

    found = app.openapi()["paths"]["/{id}"]["get"]["parameters"]
    client = TestClient(app, interface=interface)
    values = {"needed": "1", "optional": "2", "maybe": "x"}
    for one in found:
        if one["in"] == "query":
            query = {name: value for name, value in values.items() if name != one["name"]}
            assert client.get("/1", params=query).status_code == (422 if one["required"] else 204)
