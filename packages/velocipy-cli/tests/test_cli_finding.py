"""Which app is meant: targets, paths, pyproject.toml, the usual files; and what is said where there is none."""

from pathlib import Path
from typing import Any

import pytest

from velocipy.cli.errors import CommandError
from velocipy.cli.finding import USUAL, Target, find_target


def found(project: Any, text: str | None) -> tuple[str, Path]:
    target = find_target(text, project.folder)
    return str(target), target.folder


def refused(project: Any, text: str | None) -> str:
    with pytest.raises(CommandError) as caught:
        find_target(text, project.folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("main", "main:app"),
        ("main:service", "main:service"),
        ("main:state.app", "main:state.app"),
        ("pkg.web:make", "pkg.web:make"),
        ("main.py", "main:app"),
        ("main.py:service", "main:service"),
        ("./main.py", "main:app"),
        ("odd-name.py:make", "odd-name:make"),
        ("pkg/web.py", "pkg.web:app"),
        ("pkg", "pkg:app"),
        ("pkg/", "pkg:app"),
        ("pkg/__init__.py", "pkg:app"),
    ],
)
def test_an_app_is_named_by_module_or_by_file(project: Any, text: str, means: str) -> None:
    for name in ("main.py", "odd-name.py", "pkg/__init__.py", "pkg/web.py"):
        project.write(name)
    assert found(project, text) == (means, project.folder)


def test_a_file_in_a_folder_that_is_no_package_is_imported_from_there(project: Any) -> None:
    project.write("services/main.py")
    assert found(project, "services/main.py") == ("main:app", project.folder / "services")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' names no module: write main:app, or path/to/main.py:app"),
        (":app", "':app' names no module: write main:app, or path/to/main.py:app"),
        ("main:", "'main:' names no attribute of a module: write main:app"),
        ("main:a-b", "'main:a-b' names no attribute of a module: write main:app"),
        ("main..x", "'main..x' names no module: write main:app, or path/to/main.py:app"),
        ("mian.py", "there is no file mian.py; did you mean main.py?"),
        ("/nowhere/main.py", "there is no file /nowhere/main.py"),
        ("C:\\main.py", "there is no file C:\\main.py; did you mean main.py?"),
        ("./notes.txt", "./notes.txt cannot be imported: a module is a file such as main.py"),
        ("main.old.py", "main.old.py cannot be imported: a module is a file such as main.py"),
    ],
)
def test_what_names_no_app_is_refused_with_what_to_write(project: Any, text: str, said: str) -> None:
    for name in ("main.py", "main.old.py", "notes.txt"):
        project.write(name)
    assert refused(project, text) == said


def test_pyproject_comes_before_the_usual_files(project: Any) -> None:
    project.write("main.py")
    project.write("pyproject.toml", '[tool.velocipy]\napp = "service:app"')
    assert found(project, None) == ("service:app", project.folder)


@pytest.mark.parametrize("name", USUAL)
def test_the_usual_files_are_found(project: Any, name: str) -> None:
    project.write(name)
    assert found(project, None) == (f"{Path(name).stem}:app", (project.folder / name).parent)


@pytest.mark.parametrize("text", ["", "tool = 3", "[tool]\nvelocipy = 'x'", "[tool.velocipy]\nport = 1"])
def test_a_pyproject_that_says_nothing_of_an_app_is_passed_over(project: Any, text: str) -> None:
    project.write("pyproject.toml", text)
    project.write("main.py")
    assert found(project, None) == ("main:app", project.folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool", "pyproject.toml cannot be read: "),
        ("[tool.velocipy]\napp = 3", 'app is a text such as "main:app", not 3'),
        ('[tool.velocipy]\napp = "a\\u0000/b.py"', "app is a text such as"),
        ('[tool.velocipy]\napp = "main:"', "pyproject.toml, [tool.velocipy] app: 'main:' names no attribute"),
    ],
)
def test_a_pyproject_that_is_broken_is_named(project: Any, text: str, said: str) -> None:
    project.write("pyproject.toml", text)
    project.write("main.py")
    message = refused(project, None)
    assert said in message
    assert str(project.folder / "pyproject.toml") in message


def test_bytes_that_are_no_text_are_a_broken_pyproject(project: Any) -> None:
    (project.folder / "pyproject.toml").write_bytes(b"\xff\xfe")
    assert "pyproject.toml cannot be read: " in refused(project, None)


def test_where_nothing_is_named_or_found_a_file_that_makes_an_app_is(project: Any) -> None:
    project.write("web.py")
    (project.folder / "folder.py").mkdir()
    assert "web.py makes an app: name it, web.py:app." in refused(project, None)


def test_a_target_is_written_as_it_is_named(tmp_path: Path) -> None:
    assert str(Target("main", "app", tmp_path)) == "main:app"


def test_a_folder_that_is_not_there_is_said(project: Any) -> None:
    outcome = project.run("routes", "--folder", "nowhere")
    assert (outcome.status, outcome.err) == (2, "velocipy: there is no folder nowhere\n")
