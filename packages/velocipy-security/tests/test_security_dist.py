"""The public door of velocipy-security: its version, its names, and what importing it costs."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import velocipy
import velocipy.security
from velocipy.security.__about__ import __version__


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-security")


def test_all_is_complete_and_what_is_visible() -> None:
    names = velocipy.security.__all__
    assert names == sorted(names) and len(names) == len(set(names))
    assert {name for name in dir(velocipy.security) if not name.startswith("_")} == set(names)
    for name in names:
        assert getattr(velocipy.security, name) is not None


@pytest.mark.parametrize(
    "name", [name for name in velocipy.security.__all__ if name not in ("digest_ha1", "same_secret")]
)
def test_the_core_says_where_a_name_lives(name: str) -> None:
    with pytest.raises(
        ImportError, match=f"{name} lives in velocipy.security.*pip install velocipy-security"
    ):
        getattr(velocipy, name)


def test_importing_the_package_imports_no_protocol_and_nothing_that_it_does_not_need() -> None:
    seen = (
        "import sys; import velocipy.security; print(*(m for m in sys.modules if m.startswith('velocipy.')))"
    )
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    assert not [name for name in out.stdout.split() if name.split(".")[1] in {"asgi", "rsgi", "testing"}]
    assert "velocipy.security.csrf" not in out.stdout.split()
