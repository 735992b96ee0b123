"""What the built wheels hold. Knows archives; installs nothing."""

import zipfile
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.dists

SOURCES = Path(__file__).parents[2] / "packages"
TEMPLATES = SOURCES / "velocipy-cli" / "src" / "velocipy" / "cli" / "templates"


def files(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def test_no_two_wheels_ship_one_file(wheels: Path) -> None:
    counted = Counter(name for wheel in wheels.glob("*.whl") for name in files(wheel))
    assert len(list(wheels.glob("*.whl"))) == 10
    assert [name for name, times in counted.items() if times > 1] == []


def test_only_the_cores_wheel_has_the_file_that_makes_velocipy_a_package(wheels: Path) -> None:
    owners = [wheel.name for wheel in wheels.glob("*.whl") if "velocipy/__init__.py" in files(wheel)]
    assert [name.split("-")[0] for name in owners] == ["velocipy_core"]


def test_every_wheel_with_code_says_that_it_is_typed(wheels: Path) -> None:
    for wheel in wheels.glob("velocipy_*.whl"):
        part = wheel.name.split("-")[0].removeprefix("velocipy_")
        folder = "velocipy" if part == "core" else f"velocipy/{part}"
        assert f"{folder}/py.typed" in files(wheel), wheel.name


def test_the_wheel_of_the_meta_package_is_metadata_alone(wheels: Path) -> None:
    (wheel,) = wheels.glob("velocipy-[0-9]*.whl")
    assert {name.split("/")[0] for name in files(wheel)} == {"velocipy-0.1.0.dist-info"}


def test_no_wheel_ships_tests_or_leftovers(wheels: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        odd = [n for n in files(wheel) if "__pycache__" in n or n.startswith("tests/") or "/tests/" in n]
        assert odd == [], wheel.name


def test_the_wheel_of_the_command_has_its_script_and_what_new_projects_are_made_of(wheels: Path) -> None:
    (wheel,) = wheels.glob("velocipy_cli-*.whl")
    there = {name.rpartition("/")[2] for name in files(wheel) if name.startswith("velocipy/cli/templates/")}
    assert there == {path.name for path in TEMPLATES.iterdir()}
    (entry_points,) = (name for name in files(wheel) if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(wheel).read(entry_points).decode()
    assert text == "[console_scripts]\nvelocipy = velocipy.cli.main:main\n"


def test_the_wheels_of_the_docs_pages_have_their_files_and_the_licences_of_these(wheels: Path) -> None:
    for dist, part in (("velocipy_openapi", "openapi/ui"), ("velocipy_openapi_ui", "openapi_ui")):
        (wheel,) = wheels.glob(f"{dist}-[0-9]*.whl")
        source = SOURCES / dist.replace("_", "-") / "src" / "velocipy" / part
        there = {path.relative_to(source).as_posix() for path in source.rglob("*") if is_shipped(path)}
        folder = f"velocipy/{part}/"
        assert {name.removeprefix(folder) for name in files(wheel) if name.startswith(folder)} == there
        assert any(name.endswith("LICENSE") for name in there)


def is_shipped(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
