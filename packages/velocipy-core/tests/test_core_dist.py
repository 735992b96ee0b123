"""What velocipy-core promises as a dist: its version, and that its adapters are registered under their names."""

from importlib.metadata import distribution, version

from velocipy.__about__ import __version__


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-core")


def test_every_registered_adapter_loads() -> None:
    entries = distribution("velocipy-core").entry_points
    assert {entry.group for entry in entries} == {
        "pytest11",
        "velocipy.codings",
        "velocipy.json",
        "velocipy.models",
        "velocipy.storages",
    }
    for entry in entries:
        assert entry.load() is not None
