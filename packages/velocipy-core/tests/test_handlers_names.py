"""Names of generated source, and source itself: whatever users call their things, nothing meets anything."""

import ast
import builtins
import gc
import keyword
import linecache
import traceback
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import Depends, Request, Response, VelociPy
from velocipy.handlers.names import LOCAL, RESERVED, Names
from velocipy.handlers.source import Source
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("page", "page"),
        ("größe", "gr_e"),
        ("日本", "x"),
        ("", "x"),
        ("class", "class_2"),
        ("match", "match_2"),
        ("print", "print_2"),
        ("<lambda>", "lambda_2"),
        ("2nd", "x_2nd"),
        ("a_page", "x_a_page"),
        ("_a_page", "x_a_page"),
        ("b\nc; import os", "b_c_import_os"),
        ("_", "x"),
        ("x" * 1000, "x" * 60),
    ],
)
def test_a_name_is_ascii_and_free(wanted: str, name: str) -> None:
    assert Names().take(wanted) == name


@given(st.lists(st.text(max_size=8)))
def test_no_two_names_meet_and_none_is_reserved(wanted: list[str]) -> None:
    names = Names(RESERVED)
    taken = [names.take(text) for text in wanted]
    local = [names.take_local(text) for text in wanted]
    forbidden = {*RESERVED, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    assert len({*taken, *local}) == 2 * len(wanted)
    assert not forbidden & {*taken, *local}
    assert all(name.isascii() and name.isidentifier() for name in (*taken, *local))
    assert all(name.startswith(LOCAL) for name in local)
    assert not any(name.startswith(LOCAL) for name in taken)


def test_every_local_of_generated_code_is_reserved() -> None:
    """A global of one of these names would be hidden by the local, or be read before it is set."""
    found: dict[str, str] = {}
    for path in GOLDEN.glob("*.txt"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = path.name
            elif isinstance(node, ast.arg):
                found[node.arg] = path.name
    assert len(found) > 20
    assert {
        name: file for name, file in found.items() if name not in RESERVED and not name.startswith(LOCAL)
    } == {}


def test_an_object_has_one_name() -> None:
    source = Source("<t>", {"known": 1}, frozenset({"reserved"}))
    one, two = object(), object()
    assert source.bind("known", one) == source.bind("other", one) == "known_2"
    assert source.bind("reserved", two) == "reserved_2"
    assert source.env["known_2"] is one and source.env["known"] == 1


@pytest.mark.process
def test_source_runs_and_stands_in_tracebacks_while_its_function_lives() -> None:
    source = Source("<velocipy test names>", {}, frozenset())
    with source.block("def fail():"):
        source.line("raise ValueError('here')")
    function = source.compile("fail")
    assert source.text == "def fail():\n    raise ValueError('here')\n"
    try:
        function()
    except ValueError:
        assert "raise ValueError('here')" in traceback.format_exc()
    assert "<velocipy test names>" in linecache.cache
    del function, source
    gc.collect()
    assert "<velocipy test names>" not in linecache.cache


@pytest.mark.process
def test_source_compiled_anew_replaces_what_stood_there() -> None:
    def compiled(text: str) -> Any:
        source = Source("<velocipy test again>", {}, frozenset())
        with source.block("def f():"):
            source.line(text)
        return source.compile("f")

    first = compiled("return 1")
    second = compiled("return 2")
    del first
    gc.collect()
    assert "return 2" in "".join(linecache.getlines("<velocipy test again>"))
    assert second() == 2


HOSTILE = [
    *sorted(RESERVED),
    "a",
    "a_a",
    "A_page",
    "ROUTE",
    "READY",
    "fail",
    "inner_1",
    "make_response",
    "isinstance",
    "parse_query",
    "Request",
    "match",
    "größe",
    "日本",
    "__init__",
]


@both
@pytest.mark.parametrize("name", HOSTILE)
def test_an_endpoint_a_dependency_and_a_parameter_may_be_called_anything(interface: str, name: str) -> None:
    app = VelociPy()
    namespace: dict[str, Any] = {"Annotated": Annotated, "Depends": Depends}
    exec(
        f"async def {name}({name}: int, *, {name}_2: str = 'x', é: int = 3): return [{name}, {name}_2, é]\n"
        f"dependency = {name}\n"
        f"async def {name}({name}: Annotated[list, Depends(dependency)], a_page: int, _: int = 4):"
        f" return [*{name}, a_page, _]",
        namespace,
    )

    async def inner_1(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    app.add_middleware(inner_1)
    app.get("/")(namespace[name])
    with TestClient(app, interface=interface) as client:
        answer = client.get("/", params={name: "1", "a_page": "2"})
    assert answer.json() == [1, "x", 3, 2, 4]


@both
def test_nothing_of_a_template_or_an_alias_reaches_the_source_as_code(interface: str) -> None:
    from velocipy import Query

    app = VelociPy()
    text = '\'); import os; (\'\\"""\n{values}'

    @app.get("/'\"{name}")
    async def endpoint(name: str, page: Annotated[int, Query(alias=text)] = 1) -> list[Any]:
        return [name, page]

    with TestClient(app, interface=interface) as client:
        assert client.get("/'%22x", params={text: "7"}).json() == ["x", 7]


@both
def test_two_apps_of_one_process_have_sources_of_their_own(interface: str) -> None:
    def make(text: str) -> VelociPy:
        app = VelociPy()

        @app.get("/")
        async def endpoint() -> str:
            return text

        return app

    one, two = make("one"), make("two")
    for app, text in ((one, "one"), (two, "two"), (one, "one")):
        with TestClient(app, interface=interface) as client:
            assert client.get("/").text == text
