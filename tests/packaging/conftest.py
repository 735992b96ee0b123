"""Fixtures of what is built once: wheels, and environments of one test each."""

from collections.abc import Callable
from pathlib import Path

import pytest
from environments import Environment, build_wheels, make_environment


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of every dist, built from the tree."""
    return build_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def new_environment(wheels: Path, tmp_path: Path) -> Callable[..., Environment]:
    """`new_environment("velocipy-core", "velocipy-rsgi[granian]")` -> an Environment with just that."""

    def make(*requirements: str) -> Environment:
        environment = make_environment(tmp_path / "environment", wheels)
        environment.install(*requirements)
        return environment

    return make
