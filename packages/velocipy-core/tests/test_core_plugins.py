"""Entry points: what is found by name, what an absent or broken adapter says, and that nothing else is loaded."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from velocipy import plugins
from velocipy.exceptions import MissingAdapterError


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Path]:
    """A directory on the path that holds an installed dist with adapters of its own."""
    info = tmp_path / "lemur-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lemur\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[velocipy.json]\nlemur = lemur_adapter:encoder\nbroken = lemur_broken:encoder\n"
        "[velocipy.models]\nlemur = lemur_adapter:backend\nmsgspec = lemur_broken:backend\n"
    )
    (tmp_path / "lemur_adapter.py").write_text("encoder = 'the encoder'\nbackend = 'the backend'\n")
    (tmp_path / "lemur_broken.py").write_text("import a_module_that_is_not_there\n")
    sys.path.insert(0, str(tmp_path))
    plugins._entry_points.cache_clear()
    yield tmp_path
    sys.path.remove(str(tmp_path))
    plugins._entry_points.cache_clear()
    sys.modules.pop("lemur_adapter", None)


def test_a_first_party_name_is_loaded_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)
    for group, name in plugins.FIRST_PARTY:
        assert plugins.load(group, name) is not None


@pytest.mark.parametrize("dist", ["asgi", "rsgi"])
def test_a_missing_dist_is_named_with_the_command_that_installs_it(
    dist: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(f"velocipy.{dist}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, f"velocipy.{dist}", None)
    with pytest.raises(MissingAdapterError) as caught:
        plugins.load("velocipy.protocols", dist)
    assert str(caught.value) == f"velocipy-{dist} is not installed: pip install velocipy-{dist}"


@pytest.mark.parametrize(
    "error", ["import not_there_at_all", "raise ModuleNotFoundError('no name')", "import velocipy.jsonx"]
)
def test_an_adapter_that_is_there_but_broken_raises_its_own_error(
    error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is installed, so a command that installs it would mislead."""
    (tmp_path / "half_adapter.py").write_text(error)
    monkeypatch.syspath_prepend(tmp_path)
    where = plugins.FirstParty("half_adapter", "thing", "velocipy-half")
    monkeypatch.setitem(plugins.FIRST_PARTY, ("velocipy.json", "half"), where)
    with pytest.raises(ModuleNotFoundError):
        plugins.load("velocipy.json", "half")


def test_an_adapter_of_another_dist_is_found_by_its_entry_point(foreign: Path) -> None:
    assert plugins.load("velocipy.json", "lemur") == "the encoder"
    assert "lemur" in plugins.names("velocipy.json")


def test_a_broken_adapter_of_another_dist_raises_its_own_error(foreign: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        plugins.load("velocipy.json", "broken")


def test_an_unknown_name_lists_what_there_is_and_the_nearest(foreign: Path) -> None:
    with pytest.raises(MissingAdapterError, match="did you mean 'lemur'") as caught:
        plugins.load("velocipy.json", "lemurr")
    assert "stdlib, msgspec, orjson" in str(caught.value)
    with pytest.raises(MissingAdapterError, match="installed are none"):
        plugins.load("velocipy.nothing", "x")


def test_all_adapters_of_a_group_are_those_of_others(foreign: Path) -> None:
    """Ours are not loaded: the library that one adapts may be missing, and names of ours are nobody else's."""
    assert plugins.installed("velocipy.models") == [("lemur", "the backend")]


def test_ours_come_first_and_once() -> None:
    names = plugins.names("velocipy.json")
    assert names[:3] == ["stdlib", "msgspec", "orjson"]
    assert len(names) == len(set(names))


def test_what_is_not_installed_is_no_adapter_that_is_present(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [name for name, _ in plugins.present("velocipy.json")]
    monkeypatch.delitem(sys.modules, "velocipy.json.orjson", raising=False)
    monkeypatch.setitem(sys.modules, "orjson", None)
    assert [name for name, _ in plugins.present("velocipy.json")] == [
        name for name in everything if name != "orjson"
    ]
