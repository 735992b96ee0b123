"""The RSGI dialect: its native headers, and what the generated source calls."""

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from velocipy import VelociPy
from velocipy.protocols import Dialect, find_dialect
from velocipy.rsgi.dialect import dialect, native
from velocipy.testing.rsgi_scope import RSGIHeaders


class Protocol:
    """Records what is answered."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


def call(app: VelociPy, path: str = "/", **changes: Any) -> tuple[Any, ...]:
    """The one call that answers a request."""
    grouped: dict[str, list[str | None]] = {"host": ["a"]}
    fields = {"proto": "http", "method": "GET", "path": path, "query_string": "", "authority": None}
    scope = SimpleNamespace(**{"headers": RSGIHeaders(grouped), **fields, **changes})
    protocol = Protocol()
    asyncio.run(app.__rsgi__(scope, protocol))
    (only,) = protocol.calls
    return only


def make_app() -> VelociPy:
    app = VelociPy()

    @app.get("/")
    async def text() -> str:
        return "ü"

    @app.get("/nothing")
    async def nothing() -> None: ...

    return app


def test_it_is_found_under_its_name() -> None:
    assert find_dialect("rsgi") is dialect
    assert isinstance(dialect, Dialect)
    assert dialect.name == "rsgi"


def test_native_headers_are_a_list_of_pairs_of_text() -> None:
    pairs = (("a", "b"), ("c", "d"))
    assert native(pairs) == [("a", "b"), ("c", "d")]


def test_a_result_is_one_call_and_the_server_counts_it() -> None:
    pairs = [("content-type", "text/plain; charset=utf-8")]
    assert call(make_app()) == ("response_bytes", 200, pairs, "ü".encode())


def test_nothing_is_one_call_without_a_body() -> None:
    name, status, pairs = call(make_app(), "/nothing")
    assert (name, status, list(pairs)) == ("response_empty", 204, [])


def test_the_entry_is_a_plain_function_that_gives_a_coroutine() -> None:
    """Servers await what it returns; one coroutine less is 70 ns a request."""
    entry = make_app().__rsgi__
    assert inspect.isfunction(entry)
    assert not inspect.iscoroutinefunction(entry)
    assert list(inspect.signature(entry).parameters) == ["scope", "proto"]


@pytest.mark.case(3)
@pytest.mark.parametrize(
    ("authority", "status"), [("good.example:443", 200), ("a@evil", 400), ("", 200), (None, 200)]
)
def test_without_a_host_line_the_authority_is_checked(authority: str | None, status: int) -> None:
    assert call(make_app(), authority=authority, headers=RSGIHeaders({}))[1] == status


def test_who_has_a_host_line_does_not_ask_for_the_authority() -> None:
    class Scope(SimpleNamespace):
        @property
        def authority(self) -> str:
            raise AssertionError("45 ns for nothing")

    grouped: dict[str, list[str | None]] = {"host": ["a"]}
    scope = Scope(proto="http", method="GET", path="/", query_string="", headers=RSGIHeaders(grouped))
    protocol = Protocol()
    asyncio.run(make_app().__rsgi__(scope, protocol))
    assert protocol.calls[0][1] == 200
