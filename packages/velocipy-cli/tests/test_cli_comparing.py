"""`velocipy openapi diff`: what it prints of two documents, and how it ends."""

import json
import subprocess
import sys
from typing import Any

import pytest

APP = """
from velocipy import VelociPy

app = VelociPy(title="raptors")


@app.get("/raptors/{raptor_id:int}")
async def read_raptor(raptor_id: int, full: bool = False) -> dict[str, int]: ...
"""
LATER = APP.replace(", full: bool = False", ", zone: str")


def write_both(project: Any) -> None:
    project.write("main.py", APP)
    assert project.run("openapi", "-o", "released.json").status == 0
    project.write("later.py", LATER)


def test_an_app_against_a_file_fails_where_a_client_may_break(project: Any) -> None:
    write_both(project)
    outcome = project.run("openapi", "diff", "released.json", "later:app")
    assert outcome.status == 1
    assert outcome.out.splitlines() == [
        "breaking: GET /raptors/{raptor_id}, query full: is gone",
        "breaking: GET /raptors/{raptor_id}, query zone: is new and required",
        "changes: 2, breaking: 2",
    ]


def test_without_a_second_one_it_is_the_app_of_the_folder(project: Any) -> None:
    write_both(project)
    outcome = project.run("openapi", "diff", "released.json")
    assert (outcome.status, outcome.out) == (0, "changes: 0, breaking: 0\n")


def test_what_breaks_nobody_ends_well_and_may_be_left_out(project: Any) -> None:
    write_both(project)
    project.write("more.py", APP + "\n\n@app.get('/new')\nasync def new() -> None: ...\n")
    outcome = project.run("openapi", "diff", "main:app", "more:app")
    assert (outcome.status, outcome.out) == (0, "fine: GET /new: is new\nchanges: 1, breaking: 0\n")
    assert (
        project.run("openapi", "diff", "main.py", "more.py", "--breaking").out == "changes: 1, breaking: 0\n"
    )


def test_programs_get_json(project: Any) -> None:
    write_both(project)
    outcome = project.run("openapi", "diff", "later:app", "released.json", "--json")
    assert outcome.status == 1
    assert json.loads(outcome.out) == {
        "breaking": 1,
        "changes": [
            {"place": "GET /raptors/{raptor_id}, query zone", "text": "is gone", "breaking": True},
            {"place": "GET /raptors/{raptor_id}, query full", "text": "is new", "breaking": False},
        ],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "old.json cannot be read: No such file or directory"),
        (b"{", "old.json is no JSON: "),
        (b"[" * 100_000, "old.json is no JSON: "),
        (b'{"swagger": "2.0"}', "old.json is no OpenAPI 3 document"),
        (b"[]", "old.json is no OpenAPI 3 document"),
    ],
)
def test_what_is_no_document_is_said(project: Any, content: bytes | None, said: str) -> None:
    project.write("main.py", APP)
    if content is not None:
        (project.folder / "old.json").write_bytes(content)
    outcome = project.run("openapi", "diff", "old.json", "main:app")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"velocipy: {said}")


def test_a_document_comes_from_stdin_once(project: Any) -> None:
    write_both(project)
    done = subprocess.run(
        [sys.executable, "-m", "velocipy.cli", "openapi", "diff", "-"],
        input=(project.folder / "released.json").read_bytes(),
        cwd=project.folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"changes: 0, breaking: 0\n"), done.stderr
    assert project.run("openapi", "diff", "-", "-").status == 2


def test_a_path_cannot_colour_the_terminal(project: Any) -> None:
    project.write("main.py", APP)
    (project.folder / "old.json").write_text(
        json.dumps({"openapi": "3.1.0", "paths": {"/\x1b[31m": {"get": {"responses": {}}}}})
    )
    assert "\x1b" not in project.run("openapi", "diff", "old.json").out


def test_an_app_of_that_name_is_documented_as_ever(project: Any) -> None:
    project.write("diff.py", APP)
    assert json.loads(project.run("openapi", "diff:app").out)["info"]["title"] == "raptors"


VERSIONED = """
from velocipy import APIVersion, VelociPy, WebSocket

app = VelociPy(versioning=APIVersion.from_header(allowed=("1", "2"), default="1"))


@app.get("/raptors", versions="1")
async def old() -> None: ...


@app.get("/new-raptors", versions="2")
async def new() -> None: ...


@app.websocket("/live", sends=str)
async def live(websocket: WebSocket) -> None: ...
"""


def test_one_version_and_the_messages_have_documents_of_their_own(project: Any) -> None:
    project.write("main.py", VERSIONED)
    assert list(json.loads(project.run("openapi", "--api-version", "2").out)["paths"]) == ["/new-raptors"]
    assert project.run("openapi", "--messages", "-o", "messages.json").out == "messages.json: 1 channels\n"
    assert json.loads((project.folder / "messages.json").read_text())["asyncapi"] == "3.0.0"
    wrong = project.run("openapi", "--api-version", "3")
    assert (wrong.status, wrong.out) == (1, "") and "none of the versions 1, 2" in wrong.err
    assert project.run("openapi", "--messages", "--api-version", "1").status == 2
