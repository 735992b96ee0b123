"""`velocipy routes`, `explain` and `openapi`: what they print of an app."""

import json
from typing import Any

import pytest

from velocipy import VelociPy

LAYERED = """
from typing import Annotated

from velocipy import APIRouter, Depends, VelociPy, WebSocket


def log(request, call_next): ...


class Timing:
    async def dispatch(self, request, call_next):
        return await call_next(request)


async def session() -> int:
    return 1


app = VelociPy(middleware=[Timing()])
api = APIRouter(prefix="/api", dependencies=[Depends(session)])


@api.get("/items/{id}", name="item")
async def read(id: int): ...


@api.post("/items/{id}", include_in_schema=False)
async def write(id: int): ...


app.include_router(api)


@app.websocket("/live")
async def live(ws: WebSocket): ...


app.mount("/other", VelociPy())
"""


def test_routes_are_a_table(project: Any) -> None:
    project.write("main.py")
    outcome = project.run("routes")
    assert outcome.status == 0
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["METHODS", "PATH", "NAME", "HANDLER", "DEPENDENCIES", "MIDDLEWARE"],
        ["GET", "/", "hello", "main.py:7", "-", "-"],
        ["GET", "/raptors/{raptor_id:int}", "read_raptor", "main.py:12", "-", "-"],
    ]


def test_routes_are_json_for_programs(project: Any) -> None:
    project.write("main.py", LAYERED)
    rows = json.loads(project.run("routes", "--json").out)
    by_name = {row["name"]: row for row in rows}
    assert by_name["item"] == {
        "methods": ["GET", "HEAD"],
        "path": "/api/items/{id}",
        "name": "item",
        "handler": "read",
        "location": "main.py:23",
        "dependencies": ["session"],
        "middleware": ["Timing"],
    }
    assert by_name["live"]["methods"] == ["WEBSOCKET"]
    assert "write" not in by_name
    assert "write" in {row["name"] for row in json.loads(project.run("routes", "--json", "--all").out)}


def test_paths_cannot_colour_the_terminal(project: Any) -> None:
    project.write(
        "main.py",
        "from velocipy import VelociPy\napp = VelociPy()\n@app.get('/a', name='\\x1b[31m')\nasync def f(): ...",
    )
    outcome = project.run("routes")
    assert "\x1b" not in outcome.out
    assert "\\x1b[31m" in outcome.out


def test_colours_are_for_terminals_that_want_them(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from velocipy.cli import terminal

    class Terminal:
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert terminal.styled("x", "red", Terminal()) == "\x1b[31mx\x1b[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "dumb")
    assert terminal.styled("x", "red", Terminal()) == "x"  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.styled("x", "red", Terminal()) == "x"  # type: ignore[arg-type]


def test_columns_of_nothing_are_nothing() -> None:
    from velocipy.cli.terminal import columns

    assert columns([]) == []


@pytest.mark.parametrize("path", ["/raptors/7", "/raptors/{raptor_id:int}", "/raptors/7?limit=1"])
def test_explain_shows_plan_and_source_of_what_a_path_leads_to(project: Any, path: str) -> None:
    project.write("main.py")
    outcome = project.run("explain", path)
    assert outcome.status == 0
    assert outcome.out.startswith("GET /raptors/{raptor_id:int}  read_raptor  main.py:12\n")
    assert "call     result = read_raptor(a_raptor_id)  [await]" in outcome.out
    assert "[rsgi]" in outcome.out


def test_explain_compiles_for_the_protocol_that_is_named(project: Any) -> None:
    project.write("main.py")
    assert "[asgi]" in project.run("explain", "/", "--protocol", "asgi").out


def test_explain_leaves_the_source_out(project: Any) -> None:
    project.write("main.py")
    out = project.run("explain", "/", "--plan").out
    assert "call     result = hello()" in out
    assert "async def handle" not in out


def test_explain_shows_every_route_of_a_path_or_one_method_of_it(project: Any) -> None:
    project.write("main.py", LAYERED)
    assert project.run("explain", "/api/items/7", "--plan").out.count("/api/items/{id} -> ") == 2
    assert "POST /api/items/{id}" not in project.run("explain", "/api/items/7", "-X", "get", "--plan").out
    assert project.run("explain", "/live").out.startswith("WEBSOCKET /live")
    assert project.run("explain", "/live", "-X", "websocket").status == 0
    assert project.run("explain", "/other/x", "--plan").status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("/raptor",), "nothing is served at /raptor; near it are /raptors/{raptor_id:int}"),
        (("/", "-X", "DELETE"), "nothing is served at / for DELETE"),
        (("/%%%%",), "; `velocipy routes` lists what is there"),
        (("main:app",), "'main:app' is no path: it begins with /, and the app comes after it"),
    ],
)
def test_explain_says_what_is_near_a_path_that_leads_nowhere(
    project: Any, arguments: tuple[str, ...], said: str
) -> None:
    project.write("main.py")
    outcome = project.run("explain", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert said in outcome.err


# -- openapi ---------------------------------------------------------------------------------------------------------

has_openapi = pytest.mark.skipif(not hasattr(VelociPy, "openapi"), reason="the core has no app.openapi() yet")


@has_openapi
def test_the_document_is_printed_or_written_and_compared(project: Any) -> None:
    project.write("main.py")
    printed = project.run("openapi").out
    document = json.loads(printed)
    assert document["info"]["title"] == "raptors"
    assert "/raptors/{raptor_id}" in document["paths"]
    outcome = project.run("openapi", "-o", "openapi.json")
    assert (outcome.status, outcome.out) == (0, f"openapi.json: {len(document['paths'])} paths\n")
    assert (project.folder / "openapi.json").read_text("utf-8") == printed
    assert project.run("openapi", "-o", "openapi.json", "--check").status == 0


@has_openapi
@pytest.mark.parametrize("there", [None, b"{}", b"\xff"])
def test_a_file_that_is_not_the_document_of_today_fails_the_check(project: Any, there: bytes | None) -> None:
    project.write("main.py")
    if there is not None:
        (project.folder / "api.json").write_bytes(there)
    outcome = project.run("openapi", "-o", "api.json", "--check")
    assert (outcome.status, outcome.out) == (1, "")
    assert (
        outcome.err
        == "velocipy: api.json is not the document of today: write it with velocipy openapi --output api.json\n"
    )
    assert (project.folder / "api.json").exists() == (there is not None)


@has_openapi
def test_a_place_that_cannot_be_written_is_said(project: Any) -> None:
    project.write("main.py")
    outcome = project.run("openapi", "-o", "nowhere/api.json")
    assert (outcome.status, outcome.err) == (
        1,
        "velocipy: nowhere/api.json cannot be written: No such file or directory\n",
    )


def test_a_check_without_a_file_is_misuse(project: Any) -> None:
    project.write("main.py")
    assert project.run("openapi", "--check").status == 2


def test_the_asyncapi_document_of_a_version_is_misuse(project: Any) -> None:
    outcome = project.run("openapi", "--messages", "--api-version", "2")
    assert outcome.status == 2
    assert "the AsyncAPI document has no versions" in outcome.err


def test_without_the_dist_the_message_is_the_command_that_installs_it(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from velocipy.exceptions import MissingAdapterError

    def openapi(app: VelociPy, version: str | None) -> dict[str, Any]:
        raise MissingAdapterError("velocipy-openapi is not installed: pip install velocipy-openapi")

    monkeypatch.setattr(VelociPy, "openapi", openapi, raising=False)
    project.write("main.py")
    outcome = project.run("openapi")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "velocipy: velocipy-openapi is not installed: pip install velocipy-openapi\n"
