"""A route that goes says so with every answer, and one that stays pays nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from velocipy import APIRouter, Deprecation, HTTPException, Response, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
WEST = timezone(timedelta(hours=-2))
LEAVING = Deprecation(
    date(2026, 7, 1),
    sunset=datetime(2027, 7, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    link="https://example.com/old",
    sunset_link="/end",
    successor="/v2/items?a=1",
)
FIELDS = {
    "deprecation": "@1782864000",
    "sunset": "Wed, 30 Jun 2027 23:00:00 GMT",
    "link": '<https://example.com/old>; rel="deprecation", </end>; rel="sunset", </v2/items?a=1>; rel="successor-version"',
}


@both
def test_every_answer_of_a_route_that_goes_says_when_and_where_to(interface: Any) -> None:
    app = VelociPy()

    @app.get("/items/{id}", deprecated=LEAVING)
    async def read(id: int) -> dict[str, int]:
        if id == 9:
            raise HTTPException(404)
        return {"id": id}

    client = TestClient(app, interface=interface)
    for path, status in (("/items/1", 200), ("/items/9", 404), ("/items/x", 422)):
        answer = client.get(path)
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in FIELDS} == FIELDS
    assert client.head("/items/1").headers["sunset"] == FIELDS["sunset"]


@both
def test_a_response_has_links_of_its_own_besides_and_its_own_dates_instead(interface: Any) -> None:
    app = VelociPy()

    @app.get("/", deprecated=LEAVING)
    async def read() -> Response:
        return Response("", headers={"link": "</next>; rel=next", "sunset": "Thu, 01 Jan 2026 00:00:00 GMT"})

    headers = TestClient(app, interface=interface).get("/").headers
    assert "</next>; rel=next" in headers["link"] and FIELDS["link"] in headers["link"]
    assert headers["sunset"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_a_date_is_enough_and_true_alone_is_for_the_document() -> None:
    app = VelociPy()
    app.add_route("/dated", lambda: None, deprecated=date(1970, 1, 2), name="dated")
    app.add_route("/marked", lambda: None, deprecated=True, name="marked")
    client = TestClient(app)
    assert client.get("/dated").headers["deprecation"] == "@86400"
    assert "deprecation" not in client.get("/marked").headers


def test_what_a_router_says_holds_for_its_routes_unless_they_say_it_themselves() -> None:
    app, outer, inner = (
        VelociPy(),
        APIRouter("/v1", deprecated=date(2030, 1, 1)),
        APIRouter(deprecated=LEAVING),
    )
    inner.add_route("/inner", lambda: None, name="inner")
    outer.add_route("/outer", lambda: None, name="outer")
    outer.add_route("/stays", lambda: None, name="stays", deprecated=False)
    outer.include_router(inner)
    app.include_router(outer)
    client = TestClient(app)
    found = {
        name: client.get(f"/v1/{name}").headers.get("deprecation") for name in ("inner", "outer", "stays")
    }
    assert found == {"inner": "@1782864000", "outer": "@1893456000", "stays": None}


def test_a_route_that_stays_runs_the_source_that_it_would_run_anyway() -> None:
    app = VelociPy()

    async def read() -> dict[str, int]:
        return {}

    stays = app.add_route("/a", read, name="a")
    app.add_route("/b", read, name="b", deprecated=LEAVING)
    plain = VelociPy().add_route("/a", read, name="a")
    assert stays.explain("rsgi").partition("\n")[2] == plain.explain("rsgi").partition("\n")[2]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Deprecation(), "says nothing"),
        (lambda: Deprecation(date(2027, 1, 2), date(2027, 1, 1)), "is before 2027-01-02"),
        (lambda: Deprecation(datetime(2027, 1, 2)), "has no time zone"),
        (lambda: Deprecation(sunset=datetime(9999, 12, 31, 23, tzinfo=WEST)), "years 1 to 9999 of UTC"),
        (lambda: Deprecation("soon"), "is a date or a datetime"),  # type: ignore[arg-type]
        (lambda: Deprecation(link="/a b"), r"Deprecation\(link=...\) is a URI reference"),
        (lambda: Deprecation(successor="/a\r\nx: y"), r"Deprecation\(successor=...\) is a URI reference"),
        (lambda: Deprecation(sunset_link="/a>"), r"Deprecation\(sunset_link=...\) is a URI reference"),
        (lambda: VelociPy().add_route("/", lambda: None, deprecated="yes"), "deprecated is True, a date"),  # type: ignore[arg-type]
        (lambda: APIRouter(deprecated=1.5), "deprecated is True, a date"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_said_is_a_mistake_where_it_is_written(made: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        made()


def test_a_moment_counts_and_not_how_it_is_written() -> None:
    assert Deprecation(datetime(2026, 7, 1, tzinfo=UTC)).headers == Deprecation(date(2026, 7, 1)).headers
