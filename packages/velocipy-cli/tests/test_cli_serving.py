"""`velocipy dev` and `run` before anything is served: where they listen, what they learn of the app, what they tell a server."""

import argparse
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from velocipy.cli import addresses, describing, developing, running
from velocipy.cli.addresses import checked_port, free_port, is_free, url_of
from velocipy.cli.describing import Description, describe
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.running import Serving, grace_of
from velocipy.cli.served import broken_app, load_or_tell, name_target
from velocipy.testing import TestClient

APP = """
from velocipy import VelociPy

app = VelociPy()


@app.get("/")
async def hello(): ...


@app.post("/")
async def answer(): ...
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Serving]:
    """What servers are told, none of which starts."""
    heard: list[Serving] = []
    monkeypatch.setitem(running.SERVERS, "granian", heard.append)
    monkeypatch.setitem(running.SERVERS, "uvicorn", heard.append)
    for name in ("MODULE", "ATTRIBUTE", "FOLDER"):
        monkeypatch.setenv(f"VELOCIPY_CLI_{name}", "")
    return heard


def test_urls_are_what_a_browser_can_ask_for() -> None:
    assert url_of("127.0.0.1", 1) == "http://127.0.0.1:1"
    assert url_of("::1", 1) == "http://[::1]:1"
    assert url_of("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert url_of("::", 1) == "http://[::1]:1"
    assert url_of("localhost", 1) == "http://localhost:1"


def test_a_port_that_is_taken_is_passed_over_or_refused(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "PORT", taken)
    assert not is_free("127.0.0.1", taken)
    assert taken < free_port("127.0.0.1") < taken + addresses.TRIES
    with pytest.raises(CommandError, match=f"somebody listens on http://127.0.0.1:{taken} already"):
        checked_port("127.0.0.1", taken)
    monkeypatch.setattr(addresses, "TRIES", 1)
    with pytest.raises(CommandError, match=f"no port from {taken} to {taken} is free on 127.0.0.1"):
        free_port("127.0.0.1")


@pytest.mark.parametrize("host", ["203.0.113.9", "a..b", "\ud800", "::zz"])
def test_a_host_that_cannot_be_listened_on_is_said_at_once(host: str) -> None:
    with pytest.raises(CommandError, match="cannot listen on "):
        free_port(host)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "1e3", "９", "9" * 5000])
def test_a_port_is_a_number_from_1_to_65535(project: Any, port: str) -> None:
    project.write("main.py")
    outcome = project.run("run", f"--port={port}")
    assert outcome.status == 2
    assert "a port is a number from 1 to 65535" in outcome.err


def test_run_tells_the_server_what_it_was_told(project: Any, told: list[Serving], free: int) -> None:
    project.write("main.py", "from velocipy import VelociPy\napp = VelociPy(shutdown_grace=2.5)")
    outcome = project.run(
        "run", "--host=[::1]", f"--port={free}", "--workers=3", "--access-log", "--log-level=error"
    )
    assert outcome.status == 0
    (serving,) = told
    assert (serving.host, serving.port, serving.workers) == ("::1", free, 3)
    assert (serving.access_log, serving.log_level, serving.reload) == (True, "error", ())
    assert serving.grace == 8  # 2.5 and the margin, rounded up
    assert serving.load() is sys.modules["main"].app


def test_run_refuses_before_any_server_starts(
    project: Any, told: list[Serving], taken: int, free: int
) -> None:
    project.write("main.py", "1 / 0")
    assert "ZeroDivisionError" in project.run("run", f"--port={free}").err
    assert "--workers is at least 1, not 0" in project.run("run", "--workers=0").err
    assert "somebody listens" in project.run("run", f"--port={taken}").err
    assert told == []


def test_dev_watches_the_folder_and_says_where_to_look(project: Any, told: list[Serving]) -> None:
    project.write("main.py", APP.replace("VelociPy(", "VelociPy(plugins=False, "))
    outcome = project.run("dev", "--server", "uvicorn")
    (serving,) = told
    assert outcome.status == 0
    assert (serving.reload, serving.grace) == ((project.folder,), developing.GRACE)
    assert [line.split(maxsplit=1) for line in outcome.out.split("\n") if line] == [
        ["App", "main:app"],
        ["URL", f"http://127.0.0.1:{serving.port}"],
        ["Server", "uvicorn, ASGI"],
        ["Routes", "2, which `velocipy routes` lists"],
        ["Try", f"curl http://127.0.0.1:{serving.port}/"],
    ]


def test_dev_watches_nothing_if_it_is_told_so(project: Any, told: list[Serving]) -> None:
    project.write("main.py")
    project.run("dev", "--no-reload")
    assert told[0].reload == ()


def test_dev_serves_an_app_that_is_broken(project: Any, told: list[Serving]) -> None:
    project.write("main.py", "1 / 0")
    outcome = project.run("dev")
    assert outcome.status == 0
    assert "ZeroDivisionError: division by zero" in outcome.out
    with TestClient(told[0].load()) as client:
        assert client.get("/").status_code == 500


def test_the_page_of_docs_is_shown_where_there_is_one(tmp_path: Path) -> None:
    shown = developing.banner(
        Target("main", "app", tmp_path), Description(1, "/a", "/docs", 10.0), "http://h:1", "granian"
    )
    assert [line.split() for line in shown.strip().splitlines()][2] == ["Docs", "http://h:1/docs"]
    assert "curl http://h:1/a" in shown


# -- what is learned of an app -----------------------------------------------------------------------------------------


def test_an_app_is_described_from_outside(project: Any) -> None:
    project.write(
        "main.py",
        """
        print("to be kept out")
        from velocipy import VelociPy
        app = VelociPy(shutdown_grace=3, plugins=False)
        @app.get("/{a}")
        async def a(a: int): ...
        @app.post("/b")
        async def b(): ...
        @app.get("/c")
        async def c(): ...
        """,
    )
    assert describe(Target("main", "app", project.folder)) == Description(3, "/c", None, 3.0)
    assert "main" not in sys.modules


@pytest.mark.parametrize(
    "text",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(90,)).start()",
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
        "import atexit\natexit.register(print, 'bye')",
        "import os, sys\nos.write(1, b'{}\\n')\nsys.stdout.write('half a line')",
    ],
)
def test_what_a_module_leaves_running_or_prints_does_not_matter(
    project: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "TIMEOUT", 40.0)
    project.write("main.py", f"{text}\nfrom velocipy import VelociPy\napp = VelociPy()")
    assert describe(Target("main", "app", project.folder)).routes == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\nos._exit(3)", "main:app ended the interpreter with 3"),
        (
            "import os, sys\nprint('why', file=sys.stderr, flush=True)\nos.abort()",
            "main:app ended the interpreter with -6\nwhy",
        ),
        ("input()", "EOFError"),
        (
            "import velocipy\napp = velocipy.VelociPy(shutdown_grace=-1)",
            "shutdown_grace is a number of seconds",
        ),
    ],
)
def test_a_module_that_ends_badly_is_said_to(project: Any, text: str, said: str) -> None:
    project.write("main.py", text)
    with pytest.raises(CommandError) as caught:
        describe(Target("main", "app", project.folder))
    assert said in str(caught.value)


def test_a_module_that_never_ends_is_given_up(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "TIMEOUT", 1.0)
    project.write("main.py", "import threading\nthreading.Event().wait()")
    with pytest.raises(
        CommandError, match="main:app was not imported within 1 s: does the module start some"
    ):
        describe(Target("main", "app", project.folder))


def test_plugins_that_cannot_be_set_up_are_said(project: Any) -> None:
    project.write(
        "main.py",
        """
        from velocipy import VelociPy
        from velocipy.exceptions import ConfigurationError

        class App(VelociPy):
            def set_up_plugins(self) -> None:
                raise ConfigurationError("no such plugin")

        app = App()
        """,
    )
    with pytest.raises(CommandError, match="no such plugin"):
        describe(Target("main", "app", project.folder))


def test_the_time_to_stop_is_the_apps_and_a_margin() -> None:
    assert grace_of(Description(0, "/", None, 0.0)) == running.KILL_MARGIN
    assert grace_of(Description(0, "/", None, 10.1)) == 11 + running.KILL_MARGIN


# -- the page of an app that is broken -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/any/where"])
@pytest.mark.parametrize(
    ("accept", "kind", "part"),
    [
        ("*/*", "text/plain; charset=utf-8", "x < <b>\n"),
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8", "x &lt; &lt;b&gt;"),
        ("application/json", "application/json", '"hint": "x < <b>"'),
    ],
)
def test_a_broken_app_says_so_in_the_form_that_is_asked_for(
    path: str, accept: str, kind: str, part: str
) -> None:
    with TestClient(broken_app("x < <b>")) as client:
        for method in ("GET", "POST", "DELETE"):
            answer = client.request(method, path, headers={"accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (500, kind)
            assert answer.headers["cache-control"] == "no-store"
            assert part in answer.text


def test_a_worker_tells_what_is_wrong_and_goes_on(project: Any, told: list[Serving], capsys: Any) -> None:
    name_target(Target("main", "app", project.folder))
    app = load_or_tell()
    assert "there is no module main" in capsys.readouterr().err
    assert app.title == "broken"


def test_reloading_is_by_files_that_an_app_is_made_of() -> None:
    from watchfiles import Change

    from velocipy.cli.watching import SourceFilter

    is_watched = SourceFilter()
    for name in ("main.py", "a/page.html", ".env", ".env.local", "pyproject.toml", "a/row.jinja"):
        assert is_watched(Change.modified, f"/app/{name}"), name
    for name in ("app.db", "app.log", "a.pyc", ".venv/lib/a.py", "__pycache__/a.py", ".git/config.toml"):
        assert not is_watched(Change.modified, f"/app/{name}"), name


@pytest.mark.parametrize(
    ("server", "module", "said"),
    [
        ("granian", "granian", "granian is not installed: pip install 'velocipy-rsgi[granian]'"),
        ("granian", "watchfiles", "reloading needs watchfiles: pip install 'velocipy-rsgi[granian]'"),
        ("uvicorn", "uvicorn", "uvicorn is not installed: pip install 'velocipy-asgi[uvicorn]'"),
    ],
)
def test_a_server_that_is_not_installed_is_named_with_the_command(
    project: Any, monkeypatch: pytest.MonkeyPatch, server: str, module: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "velocipy.cli.watching", raising=False)
    for name in ("MODULE", "ATTRIBUTE", "FOLDER"):
        monkeypatch.setenv(f"VELOCIPY_CLI_{name}", "")
    project.write("main.py")
    before = threading.active_count()
    outcome = project.run("dev", "--server", server)
    assert outcome.status == 1
    assert said in outcome.err
    assert threading.active_count() <= before + 5


def test_uvicorn_is_told_what_serves_and_that_proxies_are_the_app_s_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda target, **settings: told.update(settings, target=target))
    running.serve_uvicorn(Serving(load_or_tell, "::1", 8001, workers=3, grace=7))
    assert (told["target"], told["factory"]) == ("velocipy.cli.served:load_or_tell", True)
    assert (told["host"], told["port"], told["workers"], told["reload"]) == ("::1", 8001, 3, False)
    assert (told["timeout_graceful_shutdown"], told["proxy_headers"]) == (7, False)
    running.serve_uvicorn(Serving(load_or_tell, "::1", 8001, reload=(tmp_path,)))
    assert (told["workers"], told["reload"], told["reload_dirs"]) == (None, True, [str(tmp_path)])


def test_granian_is_told_what_serves_and_what_to_watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from velocipy.cli.watching import SourceFilter

    told: list[dict[str, Any]] = []

    class Granian:
        def __init__(self, target: str, **settings: Any) -> None:
            told.append({**settings, "target": target})

        def serve(self, target_loader: Any, wrap_loader: bool) -> None:
            told.append({"loader": target_loader, "wrapped": wrap_loader})

    monkeypatch.setattr("granian.server.Server", Granian, raising=False)
    monkeypatch.setattr("granian.Granian", Granian)
    running.serve_granian(Serving(load_or_tell, "::1", 8001, workers=3, grace=7, reload=(tmp_path,)))
    settings, served = told
    assert (settings["target"], settings["address"], settings["port"]) == (
        "velocipy.cli.served:load_or_tell",
        "::1",
        8001,
    )
    assert (settings["workers"], settings["workers_kill_timeout"]) == (3, 7)
    assert (settings["reload_paths"], settings["reload_filter"]) == ([tmp_path], SourceFilter)
    assert served == {"loader": load_or_tell, "wrapped": False}


def test_every_server_that_can_be_chosen_is_described() -> None:
    assert running.SERVERS.keys() == running.PROTOCOLS.keys()
    parser = argparse.ArgumentParser()
    running.add_arguments(parser)
    assert parser.parse_args([]).server == "granian"


def test_an_app_under_development_is_in_debug_and_no_other(project: Any, told: list[Serving]) -> None:
    project.write("main.py", APP.replace("VelociPy()", "VelociPy(debug=True)"))
    outcome = project.run("run", f"--port={free_port('127.0.0.1')}")
    assert outcome.err == "velocipy: main:app has debug=True, which is left out here: velocipy dev has it\n"
    assert not told[0].load().debug
    project.run("dev")
    assert told[1].load().debug


def test_a_module_that_cannot_be_imported_is_shown_with_its_own_lines(
    project: Any, told: list[Serving]
) -> None:
    project.write(
        "main.py", "secret_key = 'hunter2'\n\n\ndef start():\n    raise OSError('no disk')\n\n\nstart()"
    )
    project.run("dev")
    with TestClient(told[0].load()) as client:
        answer = client.get("/", headers={"accept": "application/json"})
        assert answer.status_code == 500
        (raised,) = answer.json()["debug"]["exceptions"]
        assert [(frame["line"], frame["code"]) for frame in raised["frames"]] == [
            (5, "raise OSError('no disk')"),
            (8, "start()"),
        ]
        page = client.get("/", headers={"accept": "text/html"})
        assert " data-waits" in page.text
        assert "no disk" in page.text
        assert "hunter2" not in page.text
        stranger = client.get("/", headers={"x-forwarded-for": "192.0.2.1"})
        assert stranger.json() == {"detail": "The app cannot be loaded"}


def test_a_syntax_error_is_shown_where_it_is(project: Any, told: list[Serving]) -> None:
    project.write("main.py", "x = 1\ndef f(:\n    pass\n")
    project.run("dev")
    with TestClient(told[0].load()) as client:
        answer = client.get("/", headers={"accept": "application/json"})
        (raised,) = answer.json()["debug"]["exceptions"]
        assert (raised["frames"][0]["line"], raised["frames"][0]["code"]) == (2, "def f(:")
