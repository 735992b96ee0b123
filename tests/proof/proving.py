"""`hatch run proof`: what takes a night and not a merge. Knows the stages and their commands; proves nothing itself.

properties  every property test of the workspace with ten times as many examples (`--hypothesis-profile=deep`)
fuzz        every fuzz target, so many seconds for each of its properties (`hatch run fuzz`)
soak        so many mixed requests to each server by clients that leave when they like (`hatch run soak`)

Exit status: 0 all stages passed, 1 one did not, 2 wrong arguments. What stages write is shown as they write it; a table is the end.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
STAGES: Final = ("properties", "fuzz", "soak")
HATCHES: Final = (".venv/bin/hatch", ".hatch/tools/bin/hatch")
"""Where hatch is when it is not on the path: as CONTRIBUTING.md and `.ci/run` set it up."""


def find_hatch() -> str:
    """The command that runs tests in their environment. Raises SystemExit where there is none."""
    places = [shutil.which("hatch"), *(str(ROOT / place) for place in HATCHES)]
    for place in places:
        if place is not None and Path(place).exists():
            return place
    raise SystemExit(f"no hatch on the path nor in {' nor in '.join(HATCHES)}: python -m pip install hatch")


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="hatch run proof", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)} (default: all)")
    add("--jobs", type=int, default=2, help="processes of the property tests (default %(default)s)")
    add("--seconds", type=float, default=10.0, help="of each property of a fuzz target (default %(default)s)")
    add("--visits", type=int, default=200_000, help="of the soak, to each server (default %(default)s)")
    add("--servers", nargs="*", help="of the soak (default: all)")
    return made


def commands(args: argparse.Namespace, hatch: str) -> dict[str, list[str]]:
    """The command of every stage."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    tests = [
        f"-n={args.jobs}",
        "--dist=loadscope",
        "--hypothesis-profile=deep",
        "--timeout=3600",
        "-m",
        "hypothesis",
    ]
    soak = ["--visits", str(args.visits), "--warm-up", str(args.visits // 4), "--judge", "in-use"]
    servers = ["--servers", *args.servers] if args.servers else []
    return {
        "properties": [hatch, "test", "-py", python, "--", *tests, "packages", "tests"],
        "fuzz": [sys.executable, "tests/fuzz/fuzzing.py", "--seconds", str(args.seconds)],
        "soak": [sys.executable, "tests/soak/soaking.py", *soak, *servers],
    }


def main(arguments: list[str] | None = None) -> int:
    """Every stage, whatever the ones before it came to."""
    made = parser()
    args = made.parse_args(arguments)
    stages = args.stages or list(STAGES)
    for stage in stages:
        if stage not in STAGES:
            made.error(f"there is no stage {stage!r}: choose of {', '.join(STAGES)}")
    found = commands(args, find_hatch() if "properties" in stages else "hatch")
    table, failed = [], 0
    for stage in stages:
        print(f"== {stage}: {' '.join(found[stage])}", flush=True)
        began = time.monotonic()
        code = subprocess.run(found[stage], cwd=ROOT, check=False).returncode
        failed += code != 0
        table.append(f"{stage:12} {'passed' if code == 0 else 'FAILED':7} {time.monotonic() - began:7.0f} s")
    print("\n" + "\n".join(table), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
