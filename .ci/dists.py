"""Builds every dist, checks the files, and tries subsets in clean environments. Knows wheels, reads no code of ours.

python .ci/dists.py              build, check, try each subset
python .ci/dists.py build OUT    only build wheels and sdists into OUT
python .ci/dists.py wheels OUT   only build wheels into OUT
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ROOT / "tests" / "packaging" / "subset.py"
CORE = "velocipy-core"
META = "velocipy"
BARE = [
    f"velocipy-{part}" for part in ("asgi", "rsgi", "limiter", "openapi", "security", "openapi-ui", "cli")
]

# What is asked for -> what must then be there, beside the core, and nothing else of ours.
SUBSETS: dict[tuple[str, ...], list[str]] = {
    (CORE,): [],
    (CORE, "velocipy-rsgi[granian]"): ["velocipy-rsgi"],
    (CORE, "velocipy-asgi[uvicorn]"): ["velocipy-asgi"],
    ("velocipy-redis",): ["velocipy-limiter", "velocipy-redis"],
    ("velocipy",): BARE,
    ("velocipy[all]",): [*BARE, "velocipy-redis"],
}


def run(*command: str, cwd: Path | None = None) -> None:
    print("+", *command, flush=True)
    subprocess.run(command, check=True, cwd=cwd)


def build(out: Path, *kinds: str) -> None:
    """Build `kinds` (none: sdist, and the wheel from the sdist's folder) of every dist into `out`."""
    for pyproject in sorted(ROOT.glob("packages/*/pyproject.toml")):
        run(sys.executable, "-m", "hatchling", "build", "-d", str(out), *kinds, cwd=pyproject.parent)


def pins(out: Path) -> Path:
    """A constraints file that ties every dist of ours to its wheel in `out`.

    Needed because PyPI has a `velocipy` of somebody else's with a higher version, and because uv remembers a wheel that
    it found by --find-links by its file name alone.
    """
    lines = []
    for pyproject in sorted(ROOT.glob("packages/*/pyproject.toml")):
        name = tomllib.loads(pyproject.read_text())["project"]["name"]
        (wheel,) = out.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
        lines.append(f"{name} @ {wheel.as_uri()}\n")
    file = out / "pins.txt"
    file.write_text("".join(lines))
    return file


def check_files(out: Path) -> None:
    """Metadata that an index accepts, and wheels without stray files (the meta-package's has none by design)."""
    run("twine", "check", "--strict", *map(str, sorted([*out.glob("*.whl"), *out.glob("*.tar.gz")])))
    run("check-wheel-contents", "--toplevel", "velocipy", *map(str, sorted(out.glob("velocipy_*.whl"))))


def subsets_of(name: str, siblings: list[str]) -> dict[tuple[str, ...], list[str]]:
    """The subsets that a dist takes part in, and the dist alone, which brings these siblings."""
    parts = {
        asked: there
        for asked, there in SUBSETS.items()
        if name in there or any(re.split(r"\[", one)[0] == name for one in asked)
    }
    return {(name,): sorted({name, *siblings} - {CORE, META}), **parts}


def try_subset(where: Path, constraints: Path, asked: tuple[str, ...], siblings: list[str]) -> None:
    """Install `asked` into an environment of its own below `where`, and use it there."""
    python = install(where, constraints, asked)
    run(python, "-I", str(SMOKE), *siblings, cwd=where)


def install(where: Path, constraints: Path, asked: tuple[str, ...]) -> str:
    """A new environment with what is asked for, ours as the constraints pin them -> its interpreter."""
    run("uv", "venv", "-q", "-p", sys.executable, str(where))
    python = str(where / "bin" / "python")
    run("uv", "pip", "install", "-q", "-p", python, "-c", str(constraints), *asked)
    return python


def main(arguments: list[str]) -> None:
    match arguments:
        case ["build", folder]:
            build(Path(folder))
        case ["wheels", folder]:
            build(Path(folder), "-t", "wheel")
        case []:
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch, "dist")
                build(out)
                check_files(out)
                constraints = pins(out)
                for number, (asked, siblings) in enumerate(SUBSETS.items()):
                    try_subset(Path(scratch, f"environment-{number}"), constraints, asked, siblings)
        case _:
            sys.exit("usage: dists.py [build OUT | wheels OUT]")


if __name__ == "__main__":
    main(sys.argv[1:])
