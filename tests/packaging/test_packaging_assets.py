"""The files of the docs pages are those of the pinned npm packages, as far as that can be seen without fetching them."""

from __future__ import annotations

import gzip
import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load() -> ModuleType:
    """.ci/ui_assets.py, which fetches them."""
    spec = importlib.util.spec_from_file_location("ui_assets", ROOT / ".ci" / "ui_assets.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load()


@pytest.mark.parametrize("package", TOOL.PINNED, ids=lambda package: package.name)
def test_every_file_of_a_pinned_package_is_there_and_names_its_version(package: Any) -> None:
    for name in package.plain.values():
        assert (package.folder / name).read_text().strip()
    served = [gzip.decompress((package.folder / name).read_bytes()) for name in package.compressed.values()]
    assert any(package.version.encode() in content for content in served)
    for old, new in package.edits.items():
        assert any(new in content for content in served) and not any(old in content for content in served)


def test_no_file_is_there_that_no_package_brought() -> None:
    brought = {
        path for package in TOOL.PINNED for path in [*package.compressed.values(), *package.plain.values()]
    }
    there = {path.name for folder in (TOOL.SWAGGER, TOOL.OTHERS) for path in folder.iterdir()}
    assert there - brought == {"scalar.LICENSE"}


def test_an_edit_that_fits_no_longer_stops_the_tool(tmp_path: Path) -> None:
    tarball = tmp_path / "made-1.tgz"
    content = b"ask `there`\n//# sourceMappingURL=x.map"
    with tarfile.open(tarball, "w:gz") as archive:
        member = tarfile.TarInfo("package/a.js")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    fits = TOOL.Package("made", "1", "", tmp_path, {"a.js": "a.js.gz"}, {}, {b"`there`": b"`here`"})
    assert gzip.decompress(TOOL.assets(fits, tarball)["a.js.gz"]) == b"ask `here`\n"
    gone = TOOL.Package("made", "1", "", tmp_path, {"a.js": "a.js.gz"}, {}, {b"`nowhere`": b"`here`"})
    with pytest.raises(SystemExit, match="nowhere"):
        TOOL.assets(gone, tarball)
