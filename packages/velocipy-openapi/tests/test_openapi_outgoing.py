"""Requests that the app sends: documented from its side, and answered by others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from velocipy import APIRouter, Header, Query, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.openapi import OpenAPI


@dataclass
class Order:
    id: int
    notes: list[str] = field(default_factory=list)


@dataclass
class Receipt:
    ok: bool = True


def valid(app: VelociPy) -> Any:
    document = json.loads(json.dumps(app.openapi()))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    return document


def hooks() -> APIRouter:
    router = APIRouter()

    @router.post("/order-paid", responses={410: {"description": "Nobody listens any more"}})
    async def order_paid(
        order: Order, x_signature: Annotated[str, Header(description="HMAC of the body.")]
    ) -> Receipt:
        """Sent when an order is paid."""
        return Receipt()

    return router


def schema_of(document: Any, content: Any) -> Any:
    return document["components"]["schemas"][content["application/json"]["schema"]["$ref"].rpartition("/")[2]]


def test_a_webhook_says_what_the_app_writes_and_reads_and_what_others_answer() -> None:
    app = VelociPy(openapi=OpenAPI(webhooks=hooks()))

    @app.post("/orders")
    async def add(order: Order) -> Receipt:
        return Receipt()

    document = valid(app)
    hook = document["webhooks"]["order-paid"]["post"]
    assert set(hook["responses"]) == {"200", "410"}  # no 422: it is not this framework that answers
    written = schema_of(document, hook["requestBody"]["content"])
    assert written["required"] == ["id", "notes"]  # the app always writes both
    assert "required" not in schema_of(document, hook["responses"]["200"]["content"])
    read = schema_of(document, document["paths"]["/orders"]["post"]["requestBody"]["content"])
    assert read["required"] == ["id"]
    assert hook["parameters"][0]["name"] == "x-signature" and hook["operationId"] == "order_paid"


def test_a_model_in_the_query_of_a_webhook_is_written_by_the_app() -> None:
    router = APIRouter()

    @router.get("/ping")
    async def ping(order: Annotated[Order, Query()]) -> None: ...

    [hook] = valid(VelociPy(openapi=OpenAPI(webhooks=router)))["webhooks"].values()
    assert {one["name"]: one["schema"]["type"] for one in hook["get"]["parameters"]} == {
        "id": "integer",
        "notes": "array",
    }


def test_callbacks_stand_in_the_operation_that_brings_them_about() -> None:
    app = VelociPy()

    @app.post("/orders", callbacks={"{$request.body#/url}": hooks()})
    async def add(order: Order, url: str) -> None: ...

    document = valid(app)
    callback = document["paths"]["/orders"]["post"]["callbacks"]["order_paid"]
    sent = callback["{$request.body#/url}/order-paid"]["post"]
    assert sent["summary"] == "Sent when an order is paid" and set(sent["responses"]) == {"200", "410"}
    assert schema_of(document, sent["requestBody"]["content"])["required"] == ["id", "notes"]
    assert "/order-paid" not in document["paths"]


def test_callbacks_of_a_route_that_is_written_out_stay() -> None:
    app = VelociPy()
    mine = {"mine": {"{$request.query.url}": {"post": {"responses": {"200": {"description": "OK"}}}}}}
    app.add_route(
        "/", lambda: None, callbacks={"{$request.query.url}": hooks()}, openapi_extra={"callbacks": mine}
    )
    assert set(valid(app)["paths"]["/"]["get"]["callbacks"]) == {"mine", "order_paid"}


@pytest.mark.parametrize("callbacks", [{"{$request.body#/url}": "hooks"}, {"/plain": hooks()}])
def test_what_is_no_callback_is_a_mistake_where_it_is_written(callbacks: Any) -> None:
    with pytest.raises(ConfigurationError, match="callbacks are routers"):
        VelociPy().add_route("/", lambda: None, callbacks=callbacks)
