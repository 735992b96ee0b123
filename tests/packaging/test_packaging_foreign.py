"""Adapters of other people's dists are found and used. Knows the foreign dist beside this file, built and installed as theirs are."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import Environment, build_wheel

pytestmark = pytest.mark.dists

FOREIGN = Path(__file__).parent / "foreign_dist"


def test_one_adapter_of_each_entry_point_group_is_found_and_used(
    new_environment: Callable[..., Environment], tmp_path: Path
) -> None:
    """The environment has the core's wheel and the foreign one, and no adapter of ours but those in the core."""
    source = shutil.copytree(FOREIGN, tmp_path / "source")
    environment = new_environment("velocipy-core", str(build_wheel(source, tmp_path / "dist")))
    done = environment.python(str(FOREIGN / "use_adapters.py"))
    groups = {
        "velocipy.protocols",
        "velocipy.json",
        "velocipy.models",
        "velocipy.storages",
        "velocipy.plugins",
    }
    assert {f"works: {group}" for group in groups} <= set(done.stdout.splitlines())
