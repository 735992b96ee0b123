"""What velocipy-limiter promises while it is reserved: its name, its version, and no effect."""

import subprocess
import sys
from importlib.metadata import version

import velocipy.limiter
from velocipy.limiter.__about__ import __version__


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-limiter")


def test_importing_the_reserved_package_brings_its_docstring_and_no_names() -> None:
    """A reserved package that exported something would pretend."""
    assert velocipy.limiter.__doc__ is not None
    assert [name for name in vars(velocipy.limiter) if not name.startswith("__")] == []


def test_importing_the_reserved_package_imports_nothing_else_of_ours_than_core() -> None:
    seen = (
        "import sys; import velocipy.limiter; print(*(m for m in sys.modules if m.startswith('velocipy.')))"
    )
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    assert not [name for name in out.stdout.split() if name.split(".")[1] in {"asgi", "rsgi", "testing"}]
