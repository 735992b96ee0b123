"""The plugin of pytest: fixtures on the protocols that a marker names, lifespans in the loop of the test, overrides that go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

APP = """
import asyncio
from contextlib import asynccontextmanager
from typing import Annotated
import pytest
from velocipy import Depends, VelociPy
from velocipy.http.request import Request

async def current_user() -> str:
    return "nobody"

@asynccontextmanager
async def lifespan(app):
    app.state.loop = asyncio.get_running_loop()
    log.append("up")
    yield
    assert asyncio.get_running_loop() is app.state.loop
    log.append("down")

log = []
main = VelociPy(lifespan=lifespan)

@main.get("/protocol")
async def protocol(request: Request) -> str:
    return type(request).__module__

@main.get("/loop")
async def loop(request: Request) -> bool:
    return request.app.state.loop is asyncio.get_running_loop()

@main.get("/user")
async def user(name: Annotated[str, Depends(current_user)]) -> str:
    return name

@pytest.fixture
def app():
    return main
"""


class Outcomes:
    """What became of the tests of a run, and all that was said about those that failed."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.text = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.text += report.longreprtext

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid.partition("::")[2])
            self.text += report.longreprtext
        elif report.when == "call":
            self.passed.append(report.nodeid.partition("::")[2])


Run = Callable[..., Outcomes]
NUMBERS = count()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs tests of a project whose app is APP, in this process (a process each takes 0.7 s), with our plugin and those that are named."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run_tests(tests: str, *arguments: str, app: str = APP, setting: str = "") -> Outcomes:
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{setting}\n")
        project = tmp_path / f"test_project_{next(NUMBERS)}.py"  # of a name that no run before has imported
        project.write_text(app + tests)
        bare = [
            f"-p no:{name}"
            for name in ("terminal", "cacheprovider", "faulthandler", "capture", "unraisableexception")
        ]
        outcomes = Outcomes()
        pytest.main(
            [
                *(f"--rootdir={tmp_path}", "--import-mode=importlib", "--strict-markers", "-W", "error"),
                *(
                    "-W",
                    "ignore:assertions not in test modules",
                ),  # under `python -O`, which leaves those of tests
                *("-p", "velocipy.testing.pytest_plugin", *" ".join(bare).split(), *arguments),
                str(project),
            ],
            plugins=[outcomes],
        )
        return outcomes

    return run_tests


def test_a_test_runs_on_every_protocol_that_its_marker_names(run: Run) -> None:
    outcomes = run(
        """
seen = []

@pytest.mark.velocipy(protocols=["rsgi", "asgi"])
def test_both(client, velocipy_protocol):
    seen.append((velocipy_protocol, type(client.server).__name__, client.get("/loop").json()))

@pytest.mark.velocipy(protocols="asgi")
def test_one(client, velocipy_protocol):
    assert velocipy_protocol == "asgi"

def test_none(client, velocipy_protocol):
    assert velocipy_protocol is None
    assert client.get("/loop").json() is True

def test_what_was_seen():
    assert seen == [("rsgi", "RSGIServer", True), ("asgi", "ASGIServer", True)]
    assert log == ["up", "down"] * 4
"""
    )
    assert (len(outcomes.passed), outcomes.failed) == (5, []), outcomes.text


def test_a_setting_of_the_project_names_protocols_for_all_tests(run: Run) -> None:
    outcomes = run(
        """
def test_a(client): assert client.get("/loop").json()

@pytest.mark.velocipy(protocols=["asgi"])
def test_b(client): assert client.get("/loop").json()

def test_c(): pass
""",
        setting="velocipy_protocols = rsgi asgi",
    )
    assert (len(outcomes.passed), outcomes.failed) == (4, []), outcomes.text


def test_the_marker_takes_what_a_client_takes_and_the_nearest_counts(run: Run) -> None:
    outcomes = run(
        """
@pytest.mark.velocipy(follow_redirects=True, lifespan=False, headers={"x-a": "1"})
class TestMarked:
    def test_class(self, client):
        assert client.follow_redirects
        assert client.headers["x-a"] == "1"

    @pytest.mark.velocipy(headers={"x-a": "2"})
    def test_nearest(self, client):
        assert client.follow_redirects
        assert client.headers["x-a"] == "2"

def test_no_lifespan_ran():
    assert log == []
"""
    )
    assert (len(outcomes.passed), outcomes.failed) == (3, []), outcomes.text


@pytest.mark.parametrize("plugins", [(), ("-p", "anyio")], ids=["alone", "anyio"])
def test_a_coroutine_test_has_its_lifespan_in_its_own_loop_whoever_runs_it(
    run: Run, plugins: tuple[str, ...]
) -> None:
    mark = "@pytest.mark.anyio" if plugins else ""
    outcomes = run(
        f"""
pytestmark = pytest.mark.velocipy(protocols=["rsgi", "asgi"])

{"@pytest.fixture" if plugins else ""}
def anyio_backend(): return "asyncio"

{mark}
async def test_it(async_client, override):
    override(current_user, lambda: "alice")
    assert log[-1] == "up"
    assert (await async_client.get("/user")).text == "alice"
    assert main.state.loop is asyncio.get_running_loop()

class TestMethods:
    {mark}
    async def test_it(self, async_client):
        assert (await async_client.get("/user")).text == "nobody"

    {mark}
    @pytest.mark.velocipy(lifespan=False)
    async def test_no_lifespan(self, async_client):
        assert log[-1] == "down"

def test_all_is_down():
    assert log == ["up", "down"] * 4
""",
        *plugins,
    )
    assert (len(outcomes.passed), outcomes.failed) == (7, []), outcomes.text


def test_what_a_coroutine_test_raises_fails_it_and_the_lifespan_still_ends(run: Run) -> None:
    outcomes = run(
        """
async def test_it(async_client):
    assert (await async_client.get("/user")).text == "bob"

def test_the_lifespan_ended():
    assert log == ["up", "down"]
"""
    )
    assert outcomes.passed == ["test_the_lifespan_ended"]
    assert outcomes.failed == ["test_it"]
    assert "assert 'nobody' == 'bob'" in outcomes.text


def test_an_override_is_gone_after_its_test(run: Run) -> None:
    outcomes = run(
        """
def test_with(client, override):
    override(current_user, lambda: "alice")
    assert client.get("/user").text == "alice"
    override(current_user, lambda: "bob")
    assert client.get("/user").text == "bob"

def test_without(client):
    assert client.get("/user").text == "nobody"
    assert main.dependency_overrides == {}
"""
    )
    assert (len(outcomes.passed), outcomes.failed) == (2, []), outcomes.text


def test_the_clock_of_a_test_is_gone_after_it(run: Run) -> None:
    outcomes = run(
        """
from velocipy.clock import wall

def test_with(clock):
    before = wall()
    clock.move(60)
    assert wall() == before + 60

def test_without():
    before = wall()
    while wall() == before:
        pass
"""
    )
    assert (len(outcomes.passed), outcomes.failed) == (2, []), outcomes.text


def test_a_project_without_an_app_is_told_what_to_write(run: Run) -> None:
    outcomes = run("def test_it(client): pass", app="")
    assert outcomes.failed == ["test_it"]
    assert "need one that is called `app`. In conftest.py:" in outcomes.text
    assert "def app() -> VelociPy:" in outcomes.text


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("protocols=['http']", "test_it: protocols are 'asgi' and 'rsgi', not 'http'"),
        (
            "protocols=['rsgi'], lifespn=False",
            "test_it: velocipy() takes no 'lifespn'; did you mean 'lifespan'?",
        ),
        ("'rsgi'", "test_it: velocipy() takes keywords alone: velocipy(protocols=['rsgi', 'asgi'])"),
    ],
)
def test_a_marker_that_makes_no_sense_stops_the_run_and_is_told_with_its_test(
    run: Run, marker: str, told: str
) -> None:
    outcomes = run(f"@pytest.mark.velocipy({marker})\ndef test_it(client): pass")
    assert outcomes.passed == []
    assert told in outcomes.text


def test_the_plugin_alone_imports_no_client() -> None:
    script = "import pytest, sys; before = set(sys.modules); import velocipy.testing.pytest_plugin\n"
    script += "print(sorted(m for m in set(sys.modules) - before if not m.startswith('velocipy.exports')))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "httpx2" not in done.stdout
    assert "asyncio" not in done.stdout
    assert "velocipy.app" not in done.stdout
