"""Prints the folders of packages/ that a change touches, with those that depend on them. Knows git and requirements only.

    python .ci/changed.py BASE   -> packages=["velocipy-asgi", ...], one line for a workflow's outputs

A change outside packages/, docs/ and the Markdown pages may touch anything, and so does a base that git does not know.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def requirements(root: Path) -> dict[str, set[str]]:
    """Folder -> folders of the siblings that it requires."""
    tables = {
        path.parent.name: tomllib.loads(path.read_text())["project"]
        for path in sorted(root.glob("packages/*/pyproject.toml"))
    }
    folder_of = {table["name"]: folder for folder, table in tables.items()}
    needs: dict[str, set[str]] = {}
    for folder, table in tables.items():
        names = {re.split(r"[^\w-]", requirement)[0] for requirement in table["dependencies"]}
        needs[folder] = {folder_of[name] for name in names if name in folder_of}
    return needs


def affected(files: list[str], needs: dict[str, set[str]]) -> list[str]:
    """Changed files -> folders to test, sorted."""
    if any(not name.startswith(("packages/", "docs/")) and not name.endswith(".md") for name in files):
        return sorted(needs)
    hit = {name.split("/")[1] for name in files if name.startswith("packages/")} & set(needs)
    while more := {folder for folder, siblings in needs.items() if siblings & hit} - hit:
        hit |= more
    return sorted(hit)


def changed_files(base: str) -> list[str]:
    """Files that differ between `base` and HEAD; a file that stands for everything when git cannot tell."""
    done = subprocess.run(
        ["git", "diff", "--name-only", f"{base}...HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines() if done.returncode == 0 else ["pyproject.toml"]


if __name__ == "__main__":
    print("packages=" + json.dumps(affected(changed_files(sys.argv[1]), requirements(ROOT))))
