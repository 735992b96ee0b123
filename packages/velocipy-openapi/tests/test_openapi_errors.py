"""Errors that dependencies of our own dists answer stand in the document of whoever depends on them, and are what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from velocipy import Depends, VelociPy
from velocipy.limiter import Limiter, limit, rate_limit
from velocipy.security import APIKeyHeader, CrossOriginCheck, OAuth2PasswordBearer, Security, SecurityScopes
from velocipy.testing import TestClient


@dataclass
class Item:
    number: int


bearer = OAuth2PasswordBearer("token", scopes={"items": "All about items"})


async def user(token: Annotated[str, Depends(bearer)], scopes: SecurityScopes) -> str:
    return token


def app_of() -> VelociPy:
    app = VelociPy(max_content_length=100)
    limited = Depends(rate_limit(Limiter(), rules=[limit("6/minute", name="items")]))

    @app.post("/items", dependencies=[limited, Depends(CrossOriginCheck())])
    async def add(item: Item, who: Annotated[str, Security(user, scopes=["items"])]) -> None: ...

    @app.get("/key", dependencies=[Depends(APIKeyHeader("x-key"))])
    async def key() -> None: ...

    return app


def test_what_dependencies_answer_is_collected_at_any_depth() -> None:
    paths = app_of().openapi()["paths"]
    add, key = paths["/items"]["post"], paths["/key"]["get"]
    assert set(add["responses"]) == {"204", "400", "401", "403", "413", "415", "422", "429"}
    assert add["security"] == [{"OAuth2PasswordBearer": ["items"]}]
    assert set(key["responses"]) == {"204", "401"}


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_each_of_them_is_answered(interface: Any) -> None:
    client = TestClient(app_of(), interface=interface)
    known = {"authorization": "Bearer x"}
    asked: list[tuple[bytes, dict[str, str]]] = [
        (b'{"number": 1}', known),
        (b'{"number": 1}', {}),
        (b'{"number": 1}', {**known, "origin": "https://evil.example"}),
        (b'{"number": ', known),
        (b'{"number": %s}' % (b"1" * 200), known),
        (b'{"number": "x"}', known),
        (b'{"number": 1}', known),
    ]
    answers = [
        client.post(
            "/items", content=body, headers={"content-type": "application/json", **headers}
        ).status_code
        for body, headers in asked
    ]
    assert answers == [204, 401, 403, 400, 413, 422, 429]
    form = TestClient(app_of(), interface=interface).post("/items", data={"number": "1"}, headers=known)
    assert form.status_code == 415
