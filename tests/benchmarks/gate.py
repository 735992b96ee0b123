"""`hatch run bench-gate`: bytecode instructions a request, against those of opcodes.json. Knows the file and the tolerance.

hatch run bench-gate             compare; status 1 where a request costs more, or so much less that the file is to be renewed
hatch run bench-gate --renew     write the counts of this tree into the file, to be committed with the change that explains them

Counts belong to a version of Python, since each compiles to other instructions. That of the file is the one `.ci/run` begins with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchkit.opcodes import Count, counted
from benchkit.report import aligned
from benchkit.workloads import WORKLOADS
from inprocess import REQUESTS, app_from, call_of

FILE: Final = Path(__file__).with_name("opcodes.json")
PROTOCOLS: Final = ("rsgi", "asgi")
PYTHON: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"

IN_THREADS: Final = {("file", "asgi")}
"""What is read in threads goes other ways as they happen to run: there are no counts of it."""

MORE: Final = 0.01
"""Of the count in the file that a request may cost more: the counts themselves do not vary."""
LESS: Final = 0.1
"""Of the count that it may cost less before the file must be renewed, so that what was gained cannot be lost again unseen."""

Counts = Mapping[str, Count]


async def measured(names: Sequence[str]) -> dict[str, Count]:
    """{"plain rsgi": Count(...), ...} of our app."""
    app = app_from("ours")
    return {
        f"{name} {protocol}": await counted(
            call_of(protocol, app, WORKLOADS[name].timed, WORKLOADS[name].message)[0]
        )
        for name in names
        for protocol in PROTOCOLS
        if (name, protocol) not in IN_THREADS
    }


def verdicts(found: Counts, wanted: Counts) -> list[str]:
    """One line for each row that is beyond the tolerance, or is in one of the two alone."""
    lines = [f"{row}: not in the file" for row in found if row not in wanted]
    lines += [f"{row}: in the file, but not measured" for row in wanted if row not in found]
    for row in found:
        if row in wanted:
            lines += _beyond(row, "bytecode instructions", found[row].opcodes, wanted[row].opcodes)
            lines += _beyond(row, "calls", found[row].calls, wanted[row].calls)
    return lines


def _beyond(row: str, what: str, found: int, wanted: int) -> list[str]:
    if wanted * (1 - LESS) <= found <= wanted * (1 + MORE):
        return []
    change = found / wanted - 1
    advice = "make it cheaper, or say why it must cost that and" if change > 0 else "good:"
    return [
        f"{row}: {found:,} {what}, {wanted:,} in the file ({change:+.1%}); {advice} run `hatch run bench-gate --renew`"
    ]


def read(file: Path = FILE) -> tuple[str, dict[str, Count]]:
    """(the version of Python, the counts)."""
    kept = json.loads(file.read_text())
    return kept["python"], {row: Count(**count) for row, count in kept["counts"].items()}


def write(found: Counts, file: Path = FILE) -> None:
    rows = ",\n".join(f"  {json.dumps(row)}: {json.dumps(asdict(count))}" for row, count in found.items())
    file.write_text(f'{{\n "python": "{PYTHON}",\n "counts": {{\n{rows}\n }}\n}}\n')


def table(found: Counts, wanted: Counts) -> list[list[str]]:
    lines = [["row", "protocol", "instructions", "in the file", "calls", "in the file"]]
    for row, count in found.items():
        kept = wanted.get(row, Count(0, 0))
        figures = (count.opcodes, kept.opcodes, count.calls, kept.calls)
        lines.append([*row.split(), *(f"{figure:,}" for figure in figures)])
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="hatch run bench-gate", description=__doc__)
    parser.add_argument("--renew", action="store_true", help="write the file anew")
    args = parser.parse_args(arguments)
    found = asyncio.run(measured(REQUESTS))
    python, wanted = read() if FILE.exists() else (PYTHON, {})
    print(aligned(table(found, wanted)))
    if args.renew:
        write(found)
        return 0
    if python != PYTHON:
        print(f"The counts of the file are those of Python {python}; this is {PYTHON}.", file=sys.stderr)
        return 2
    lines = verdicts(found, wanted)
    print("\n".join(lines) or "Every row is within the tolerance.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
