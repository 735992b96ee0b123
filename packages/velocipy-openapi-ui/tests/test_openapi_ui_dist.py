"""What velocipy-openapi-ui brings: its version, two names, their files with licences, and nothing before it is needed."""

import gzip
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import velocipy.openapi_ui
from velocipy.openapi.ui.base import UI
from velocipy.openapi_ui import ReDoc, Scalar
from velocipy.openapi_ui.__about__ import __version__

HERE = Path(velocipy.openapi_ui.__file__).parent


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-openapi-ui")


def test_the_public_names_are_the_two_pages() -> None:
    assert velocipy.openapi_ui.__all__ == ["ReDoc", "Scalar"]


def test_importing_the_package_loads_neither_page_nor_a_protocol() -> None:
    seen = "import sys; import velocipy.openapi_ui; print(*(m for m in sys.modules if m.startswith('velocipy.')))"
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    assert set(out.stdout.split()) == {"velocipy.exports", "velocipy.openapi_ui"}


@pytest.mark.parametrize("kind", [ReDoc, Scalar])
def test_a_page_has_its_files_compressed_and_a_licence_beside_them(kind: type[UI]) -> None:
    library, start = kind.files.values()
    assert library.suffix == ".gz" and start.parent == HERE
    text = gzip.decompress(library.read_bytes()).decode()
    assert "sourceMappingURL" not in text[-200:]
    licence = (library.parent / f"{kind.title.lower()}.LICENSE").read_text()
    assert "Copyright" in licence and "shall be included in all" in licence
    assert set(kind.scripts) <= set(kind.files)


def test_the_files_are_small_enough_for_a_wheel() -> None:
    assert sum(path.stat().st_size for path in (HERE / "assets").iterdir()) < 2_200_000


def test_redoc_asks_no_host_for_its_picture_which_is_its_name_now() -> None:
    text = gzip.decompress(ReDoc.files["redoc.standalone.js"].read_bytes()).decode()
    assert "cdn.redoc.ly" not in text and text.count("%3ERedoc%3C/text%3E") == 2
