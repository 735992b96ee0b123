"""What velocipy-openapi brings: its version, one public name, its files with their licences, and nothing before it is needed."""

import gzip
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import velocipy.openapi
from velocipy.openapi.__about__ import __version__

HERE = Path(velocipy.openapi.__file__).parent


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-openapi")


def test_the_public_names_are_the_settings_the_pages_and_what_compares_documents() -> None:
    assert velocipy.openapi.__all__ == ["UI", "Change", "OpenAPI", "SwaggerUI", "diff"]


def test_an_app_that_is_served_loads_nothing_that_builds_documents() -> None:
    script = (
        "import sys; from velocipy import VelociPy; app = VelociPy(); app.__rsgi__; assert len(app.routes) == 4; "
        "print(*(m for m in sys.modules if m.startswith('velocipy.openapi') or m in ('msgspec', 'pydantic', 'httpx2')))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=30
    )
    loaded = set(out.stdout.split())
    assert "velocipy.openapi.plugin" in loaded
    assert not loaded & {
        "velocipy.openapi.document",
        "velocipy.openapi.schemas",
        "msgspec",
        "pydantic",
        "httpx2",
    }


def test_swagger_ui_is_there_compressed_with_its_licence_and_names_no_source_map() -> None:
    folder = HERE / "ui" / "assets"
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert "swagger-ui" in (folder / "NOTICE").read_text()
    bundle = gzip.decompress((folder / "swagger-ui-bundle.js.gz").read_bytes()).decode()
    assert "SwaggerUIBundle" in bundle and "sourceMappingURL" not in bundle[-200:]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 520_000


def test_the_page_has_no_script_or_style_of_its_own_inside() -> None:
    for page in (HERE / "ui").glob("*.html"):
        text = page.read_text()
        assert re.findall(r"<script(?![^>]* src=)", text) == []
        assert "<style" not in text and " style=" not in text and not re.search(r"\son\w+=", text)
