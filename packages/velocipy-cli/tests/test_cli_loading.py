"""What is said when a module cannot be imported, or what it holds is no app."""

import subprocess
import sys
from typing import Any

import pytest


def said(project: Any, *arguments: str) -> str:
    outcome = project.run(*(arguments or ("routes",)))
    assert outcome.status == 1, outcome
    assert outcome.out == ""
    message: str = outcome.err
    assert "velocipy/cli/" not in message  # no frames of ours
    return message


def test_a_factory_is_called(project: Any) -> None:
    project.write(
        "main.py", "from velocipy import VelociPy\n\ndef make() -> VelociPy:\n    return VelociPy()"
    )
    assert project.run("routes", "main:make").out == "The app has no routes.\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app = 3", "main:app is an int, and no VelociPy app"),
        ("class app: ...", "main:app is an app, and no VelociPy app"),
        ("def app(): return 'x'", "main:app returns a str, and no VelociPy app"),
        (
            "async def app(): ...",
            "main:app is async: a function that makes an app is called before there is a loop",
        ),
        ("def app(a): ...", "cannot be called without arguments (missing a required argument: 'a')"),
        (
            "class A:\n    def __call__(self): raise SystemExit\napp = A()",
            "main:app is an A, and no VelociPy app",
        ),
        ("from velocipy import VelociPy\nservice = VelociPy()", "it has the app service: write main:service"),
        ("def create_app(): ...", "create_app may make one: write main:create_app"),
        ("apps = 1", "module main has no 'app'; did you mean 'apps'?"),
        ("", "module main has no 'app'; it has no VelociPy app either"),
    ],
)
def test_what_is_no_app_is_said_to_be_none(project: Any, text: str, message: str) -> None:
    project.write("main.py", text)
    assert message in said(project)


def test_a_syntax_error_is_shown_where_it_is(project: Any) -> None:
    project.write("main.py", "import broken")
    project.write("broken.py", "x = (\n")
    message = said(project)
    assert message.startswith("velocipy: main:app cannot be loaded:\n")
    assert 'broken.py", line 1' in message
    assert message.endswith("SyntaxError: '(' was never closed\n")


def test_an_exception_comes_with_the_users_frames_alone(project: Any) -> None:
    path = project.write("main.py", "import json\n\ndef read():\n    return json.loads('{')\n\napp = read()")
    message = said(project)
    assert [line.strip() for line in message.splitlines() if line.startswith("  File")] == [
        f'File "{path}", line 6, in <module>',
        f'File "{path}", line 4, in read',
    ]
    assert "json.decoder.JSONDecodeError: Expecting property name" in message


@pytest.mark.parametrize(
    "text", ["raise SystemExit('no settings')", "def app():\n    raise SystemExit('no settings')"]
)
def test_a_module_or_factory_that_exits_is_an_error_too(project: Any, text: str) -> None:
    project.write("main.py", text)
    assert said(project).endswith("SystemExit: no settings\n")


def test_a_factory_of_c_without_a_signature_is_called_all_the_same(project: Any) -> None:
    project.write("main.py", "app = min")
    outcome = project.run("routes")  # whose frames are ours alone, as it has none
    assert outcome.status == 1
    assert outcome.err.endswith("TypeError: min expected at least 1 argument, got 0\n")


def test_a_module_that_is_missing_is_not_taken_for_the_one_that_imports_it(project: Any) -> None:
    project.write("main.py", "import not_installed")
    assert said(project).endswith("ModuleNotFoundError: No module named 'not_installed'\n")
    assert "there is no module mian in" in said(project, "routes", "mian")
    assert "did you mean main:app?" in said(project, "routes", "mian")


def test_a_file_named_like_a_module_that_is_imported_already_is_to_be_renamed(project: Any) -> None:
    path = project.write("types.py")
    assert f"not {path}: rename the file" in said(project, "routes", "types:app")


def test_the_folder_that_is_named_comes_before_the_current_one(project: Any) -> None:
    project.write("main.py", "raise RuntimeError('the wrong one')")
    project.write("service/main.py")
    sys.path.insert(0, "")
    outcome = project.run("routes", "--folder", "service")
    assert outcome.status == 0
    assert "service/main.py:7" in outcome.out


def test_what_a_module_prints_is_kept_out_of_what_programs_read(project: Any) -> None:
    project.write("main.py", "from velocipy import VelociPy\nprint('starting')\napp = VelociPy()")
    outcome = project.run("routes", "--json")
    assert (outcome.status, outcome.out, outcome.err) == (0, "[]\n", "starting\n")


def test_an_app_that_is_configured_wrongly_is_no_traceback(project: Any) -> None:
    project.write("main.py", "from velocipy import VelociPy\napp = VelociPy(shutdown_grace=-1)")
    assert "shutdown_grace is a number of seconds of at least 0, not -1" in said(project)


def test_a_pipe_that_is_closed_ends_the_command_quietly(project: Any) -> None:
    lines = "\n".join(f"app.get('/{n}')(f)" for n in range(3_000))
    project.write("main.py", f"from velocipy import VelociPy\napp = VelociPy()\nasync def f(): ...\n{lines}")
    command = [sys.executable, "-m", "velocipy.cli", "routes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("METHODS")
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (141, "")  # 128 + SIGPIPE


def test_a_terminal_without_the_letters_of_a_path_shows_their_numbers(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(
        "main.py",
        "from velocipy import VelociPy\napp = VelociPy()\n@app.get('/\u00e9t\u00e9')\nasync def f(): ...",
    )
    command = [sys.executable, "-m", "velocipy.cli", "routes"]
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    out = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    assert rb"/\xe9t\xe9" in out
