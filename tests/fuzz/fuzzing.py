"""`hatch run fuzz`: every fuzz target for so many seconds. Knows the command line and the clock; the targets are the tests beside it.

A property runs in rounds of ROUND examples until its time is over, each round with a seed of its own. Exit status: 0 all hold, 1 one does
not, 2 wrong arguments. A failing input is printed as small as it gets, and kept in `.hypothesis`, from where the tests try it first.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, settings

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
PREFIX: Final = "test_fuzz_"
ROUND: Final = 250
"""Examples that hypothesis draws with one seed: enough for it to lead from one to the next, and over in some seconds."""

Property = Callable[[], Any]


def targets() -> list[str]:
    """The names of the targets: of `test_fuzz_query.py` it is `query`."""
    return sorted(path.stem.removeprefix(PREFIX) for path in HERE.glob(f"{PREFIX}*.py"))


def properties_of(target: str) -> Iterator[tuple[str, Property]]:
    """Every property of a target, by the name of its test."""
    module = importlib.import_module(PREFIX + target)
    for name, value in vars(module).items():
        if getattr(value, "is_hypothesis_test", False):
            yield name.removeprefix("test_"), value


def hold(prove: Property, seconds: float) -> tuple[int, str | None]:
    """Rounds of a property until the time is over -> (examples, None), or as many as there were and how it failed."""
    deadline, rounds = time.monotonic() + seconds, 0
    while True:
        rounds += 1
        try:
            prove()
        except Exception as exc:
            return rounds * ROUND, "".join(traceback.format_exception(exc))
        if time.monotonic() > deadline:
            return rounds * ROUND, None


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="hatch run fuzz", description=__doc__)
    made.add_argument(
        "--targets",
        nargs="*",
        choices=targets(),
        default=targets(),
        metavar="TARGET",
        help="default: %(default)s",
    )
    made.add_argument(
        "--seconds", type=float, default=10.0, help="for each property of a target (default %(default)s)"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """One after the other; a line for each."""
    args = parser().parse_args(arguments)
    sys.path[:0] = [str(HERE), str(ROOT / "tests" / "conformance")]
    settings.register_profile(
        "fuzz", max_examples=ROUND, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
    )
    settings.load_profile("fuzz")
    failed = 0
    for target in args.targets:
        for name, prove in properties_of(target):
            began = time.monotonic()
            examples, fault = hold(prove, args.seconds)
            said = "holds" if fault is None else "FAILED"
            print(
                f"{said:6} {target:10} {examples:9,} examples {time.monotonic() - began:6.1f} s  {name}",
                flush=True,
            )
            if fault is not None:
                failed += 1
                print(fault, flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
