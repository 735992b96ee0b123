"""Makes .merged/velocipy, one tree of links to every dist's sub-packages. Knows folders, reads no code.

For tools that do not join the source roots of one package: griffe (the API pages) and pyright in editors.
"""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def merge(root: Path) -> Path:
    """Rebuild the tree below `root` and return it."""
    merged = root / ".merged" / "velocipy"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    for source in sorted(root.glob("packages/*/src/velocipy")):
        for child in source.iterdir():
            if child.name != "__pycache__":
                (merged / child.name).symlink_to(child)
    return merged


if __name__ == "__main__":
    merge(ROOT)
