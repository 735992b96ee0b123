"""A folder of files for the cases on the wire: 5, 8, 57. Knows no case.

static/a.txt, static/sub/index.html, static/out -> ..      secret.txt and static-too/b.txt lie beside it
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from velocipy import StaticFiles

_folder = tempfile.TemporaryDirectory()
_root = Path(_folder.name) / "static"
(_root / "sub").mkdir(parents=True)
(_root / "sub" / "index.html").write_text("index")
(_root / "a.txt").write_text("inside")
(_root.parent / "secret.txt").write_text("secret")
(_root.parent / "static-too").mkdir()
(_root.parent / "static-too" / "b.txt").write_text("secret")
(_root / "out").symlink_to(_root.parent)

static = StaticFiles(_root, html=True)
