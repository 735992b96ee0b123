"""Hostile values of parameters, beside the cases 21 to 23 of tests/cases: on both protocols."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import pytest

from velocipy import Depends, Header, HTTPException, Query, VelociPy, guard


@dataclass
class User:
    name: str


@pytest.mark.case(21)
def test_a_marker_inside_of_an_optional_type_says_where_the_value_comes_from(client_of: Any) -> None:
    """`Optional[Annotated[str, Header()]]` is how a shared alias is made optional; the query must not stand in for the header."""
    Token = Annotated[str, Header(alias="x-token")]

    async def show(token: Token | None = None) -> Any:
        return [token]

    client = client_of(show)
    assert client.ask("/", ("x-token", "header")) == (200, ["header"])
    assert client.ask("/?token=query&x-token=query") == (200, [None])


@pytest.mark.case(21)
def test_a_dependency_inside_of_an_optional_type_is_called_and_no_client_stands_in_for_it(
    client_of: Any,
) -> None:
    """`Optional[Annotated[User, Depends(...)]]`: were the marker not seen, the body of a request would be its user."""
    called: list[str] = []

    async def current_user() -> User | None:
        called.append("user")
        return None

    @guard
    async def check(authorization: Annotated[str, Header()] = "") -> str:
        if not authorization:
            raise HTTPException(401)
        return authorization

    async def who(user: Annotated[User, Depends(current_user)] | None = None) -> Any:
        return [user and user.name]

    async def guarded(checked: Annotated[str, Depends(check)] | None = None) -> Any:
        return [checked]

    app = VelociPy(plugins=False)
    app.add_route("/who", who, ["POST"])
    app.add_route("/guarded", guarded)
    client = client_of(app)
    assert client.tell(b'{"name":"admin"}', ("content-type", "application/json"), path="/who") == (
        200,
        [None],
    )
    assert called == ["user"]
    assert client.ask("/guarded?checked=yes") == (401, {"detail": "Unauthorized"})
    assert client.ask("/guarded", ("authorization", "token")) == (200, ["token"])


@pytest.mark.case(22)
@pytest.mark.parametrize("encoder", ["stdlib", "orjson", "msgspec"])
def test_an_int_that_was_accepted_can_be_written_by_every_encoder(encoder: str, client_of: Any) -> None:
    async def echo(value: int) -> Any:
        return {"value": value}

    client = client_of(echo, json_encoder=encoder)
    for text in ("1", str(2**63), str(2**64), "-" + "9" * 20):
        assert client.ask(f"/?value={text}") == (200, {"value": int(text)})


@pytest.mark.case(23)
def test_a_bound_without_a_time_zone_refuses_what_has_one(client_of: Any) -> None:
    """The two cannot be compared, and a client chooses which of them it sends."""

    async def show(since: Annotated[datetime, Query(ge=datetime(2026, 1, 1))]) -> str:
        return "1"

    client = client_of(show)
    assert client.ask("/?since=2026-01-31T00:00:00") == (200, 1)
    assert client.ask("/?since=2025-01-31T00:00:00")[0] == 422
    assert client.ask("/?since=2026-01-31T00:00:00Z")[0] == 422
