"""What velocipy-cli is as a dist: its version, its script, and that nobody pays for it who does not use it."""

import contextlib
import io
import subprocess
import sys
from importlib.metadata import distribution, version

import pytest

import velocipy.cli
from velocipy.cli import adapters
from velocipy.cli.__about__ import __version__
from velocipy.cli.main import COMMANDS, main
from velocipy.exceptions import MissingAdapterError


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-cli")


def test_the_package_itself_holds_a_docstring_that_names_every_command() -> None:
    assert velocipy.cli.__doc__ is not None
    assert all(command in velocipy.cli.__doc__ for command in COMMANDS)


def test_the_script_is_called_velocipy() -> None:
    scripts = {
        each.name: each.load()
        for each in distribution("velocipy-cli").entry_points.select(group="console_scripts")
    }
    assert scripts == {"velocipy": main}


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"velocipy-cli {__version__}\n")


def test_a_command_that_is_none_names_the_one_that_was_meant_or_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rotes"]) == main(["frobnicate"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "velocipy: there is no command 'rotes'; did you mean 'routes'?"
    assert second == f"velocipy: there is no command 'frobnicate': there are {', '.join(COMMANDS)}"


def test_a_program_that_takes_the_output_and_one_that_breaks_off_call_main(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stands for stdout need be no file with an encoding; 130 is 128 + SIGINT, as shells have it."""

    def run(options: object) -> int:
        if isinstance(sys.stdout, io.StringIO):
            print("routes")
            return 0
        raise KeyboardInterrupt

    monkeypatch.setattr("velocipy.cli.listing.run", run)
    with contextlib.redirect_stdout(io.StringIO()) as taken:
        assert main(["routes"]) == 0
    assert taken.getvalue() == "routes\n"
    assert main(["routes"]) == 130


def test_a_dialect_that_is_not_installed_is_none_of_the_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> object:
        if name == "asgi":
            raise MissingAdapterError("velocipy-asgi is not installed")
        return object()

    monkeypatch.setattr(adapters, "find_dialect", find)
    assert adapters.installed_protocols() == ["rsgi"]


def test_an_app_does_not_import_the_command() -> None:
    seen = "import sys; import velocipy; velocipy.VelociPy(); print(*(m for m in sys.modules if m.startswith('velocipy.')))"
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    assert not [name for name in out.stdout.split() if name.startswith("velocipy.cli")]


def test_the_command_imports_no_server_and_no_watcher_before_it_serves() -> None:
    seen = "import sys; from velocipy.cli.main import make_parser; make_parser(); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    assert not {"granian", "uvicorn", "watchfiles"} & set(out.stdout.split())


@pytest.mark.parametrize("module", ["velocipy", "velocipy.cli"])
def test_both_modules_are_the_command(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert out.stdout == f"velocipy-cli {__version__}\n"
