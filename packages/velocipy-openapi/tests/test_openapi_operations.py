"""Operations of routes with little to say, with much, and of several that are one in OpenAPI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from velocipy import APIRouter, Body, Depends, Deprecation, Form, NDJSONResponse, Query, VelociPy, guard
from velocipy.openapi import OpenAPI


def valid(app: VelociPy) -> Any:
    document = json.loads(json.dumps(app.openapi()))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    return document


def test_routes_of_one_shape_say_what_either_does() -> None:
    app = VelociPy()

    @app.post("/u/{id:int}", tags=["a"], dependencies=[Depends(guard(Key()))])
    async def by_id(id: int, item: Plain, dry: bool = False, page: int = 1) -> Plain:
        """By number.

        The quick way."""
        raise NotImplementedError

    @app.post("/u/{name}", tags=["b"], deprecated=True)
    async def by_name(name: str, item: Other, page: str = "") -> Other:
        """By name.

        The slow way."""
        raise NotImplementedError

    one = valid(app)["paths"]["/u/{id}"]["post"]
    assert one["summary"] == "By number / By name"
    assert one["description"] == "The quick way.\n\nThe slow way."
    assert one["tags"] == ["a", "b"] and one["security"] == [{"Key": []}, {}] and "deprecated" not in one
    read = {parameter["name"]: parameter for parameter in one["parameters"]}
    assert read["dry"]["required"] is False and set(read) == {"id", "dry", "page"}
    assert [schema["type"] for schema in read["page"]["schema"]["anyOf"]] == ["integer", "string"]
    assert one["requestBody"]["required"] is True
    assert len(one["requestBody"]["content"]["application/json"]["schema"]["anyOf"]) == 2


def test_routes_of_one_shape_that_are_both_deprecated_are_so() -> None:
    app = VelociPy()
    app.add_route("/{id:int}", lambda id: None, deprecated=True)
    app.add_route("/{name}", lambda name: None, deprecated=True)
    assert valid(app)["paths"]["/{id}"]["get"]["deprecated"] is True


def test_webhooks_of_one_name_are_one_operation() -> None:
    hooks = APIRouter()
    hooks.add_route("/sold", lambda: None, ["POST"], summary="A mug")
    hooks.add_route("/sold", lambda: None, ["POST"], summary="A cup")
    one = valid(VelociPy(openapi=OpenAPI(webhooks=hooks)))["webhooks"]["sold"]["post"]
    assert one["summary"] == "A mug / A cup" and "parameters" not in one


class Key:
    scheme_name = "Key"
    scheme = {"type": "apiKey", "in": "header", "name": "x-key"}

    async def __call__(self) -> None: ...


@dataclass
class Plain:
    a: int


@dataclass
class Other:
    b: int | None = None
    c: int = 3


def test_an_id_that_several_routes_are_given_gets_a_number() -> None:
    app = VelociPy()
    app.add_route("/a", lambda: None, operation_id="same")
    app.add_route("/b", lambda: None, operation_id="same")
    app.add_route("/c", lambda: None, operation_id="same")
    ids = [item["get"]["operationId"] for item in valid(app)["paths"].values()]
    assert ids == ["same", "same_2", "same_3"]


def test_a_deprecation_without_an_end_has_no_sunset() -> None:
    app = VelociPy()
    app.add_route("/", lambda: None, deprecated=Deprecation(date(2026, 7, 1)))
    one = valid(app)["paths"]["/"]["get"]
    assert one["deprecated"] is True and "x-sunset" not in one
    assert set(one["responses"]["200"]["headers"]) == {"Deprecation"}


@pytest.mark.parametrize(
    ("keyword", "needed"),
    [
        ("response_model_exclude_none", ["c"]),
        ("response_model_exclude_defaults", None),
    ],
)
def test_fields_that_may_be_left_out_are_not_promised(keyword: Any, needed: Any) -> None:
    app = VelociPy()

    keywords: Any = {keyword: True}

    @app.get("/", **keywords)
    async def read() -> Other:
        raise NotImplementedError

    [media] = valid(app)["paths"]["/"]["get"]["responses"]["200"]["content"].values()
    assert media["schema"].get("required") == needed and set(media["schema"]["properties"]) == {"b", "c"}


def test_only_models_have_fields_to_leave_out() -> None:
    app = VelociPy()

    @app.get("/", response_model_exclude={"a"})
    async def read() -> dict[str, list[Any]]:
        raise NotImplementedError

    [media] = valid(app)["paths"]["/"]["get"]["responses"]["200"]["content"].values()
    assert media["schema"] == {"type": "object", "additionalProperties": {"type": "array", "items": {}}}


def test_a_parameter_that_two_functions_read_is_required_if_one_needs_it() -> None:
    async def needs(page: int) -> None: ...

    app = VelociPy()

    @app.get("/", dependencies=[Depends(needs)])
    async def read(page: int = 1) -> None: ...

    @app.get("/old")
    async def old(sizes: Annotated[Sizes, Query()]) -> None: ...

    paths = valid(app)["paths"]
    [page] = paths["/"]["get"]["parameters"]
    assert page["name"] == "page" and page["required"] is True
    assert [one["deprecated"] for one in paths["/old"]["get"]["parameters"]] == [True]


@dataclass
class Sizes:
    size: Annotated[int, Query(deprecated=True)] = 1


def test_bodies_and_forms_may_need_nothing_and_be_anything() -> None:
    app = VelociPy()

    @app.post("/form")
    async def form(
        title: Annotated[str, Form()] = "", hidden: Annotated[str, Form(include_in_schema=False)] = ""
    ) -> None: ...

    @app.post("/keys")
    async def keys(a: Annotated[int, Body()] = 1, b: Annotated[int, Body()] = 2) -> None: ...

    @app.post("/any")
    async def whatever(value: Annotated[Any, Body()]) -> None: ...

    def body(path: str) -> Any:
        return paths[path]["post"]["requestBody"]

    paths = valid(app)["paths"]
    assert body("/form")["required"] is False
    [schema, _] = [media["schema"] for media in body("/form")["content"].values()]
    assert list(schema["properties"]) == ["title"] and "required" not in schema
    assert body("/keys")["required"] is False
    assert "required" not in body("/keys")["content"]["application/json"]["schema"]
    assert body("/any") == {"required": True, "content": {"application/json": {}}}


def test_an_endpoint_may_answer_nothing_a_literal_or_a_stream_of_what_it_does_not_say() -> None:
    app = VelociPy(openapi=OpenAPI(specification="3.2"))

    @app.get("/nothing", status_code=200)
    async def nothing() -> None: ...

    @app.get("/literal", response_model=None)
    async def literal() -> Literal["a"] | str:
        return "a"

    @app.get("/lines")
    async def lines() -> NDJSONResponse:
        raise NotImplementedError

    answers = {path: item["get"]["responses"]["200"] for path, item in app.openapi()["paths"].items()}
    assert answers["/nothing"] == {"description": "OK"}
    assert answers["/literal"]["content"] == {
        "application/json": {"schema": {"type": "string", "enum": ["a"]}},
        "text/plain": {"schema": {"type": "string"}},
    }
    assert answers["/lines"]["content"] == {"application/x-ndjson": {}}
