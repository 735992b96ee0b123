"""What a piece of code costs, in instructions of the processor where valgrind is, else in CPU time. Knows clocks; not what is run.

A program of probes makes a `Meter` and measures with it; `run` starts it, under callgrind where that is installed, and joins what the
program says about each measurement with what callgrind counted in it. Callgrind writes its counts down and begins anew each time
that `getloadavg` of the C library is called, which nothing else calls: that is the mark at both ends of a measurement.

Instructions are the same at every load of the machine. Where they cannot be counted, each measurement takes turns with a control, a
fixed piece of Python: its share of the control is what is kept, since a slow moment meets both.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

INSTRUCTIONS: Final = "instructions"
NANOSECONDS: Final = "ns of CPU"
PATIENCE: Final = 1_800.0
ROUNDS: Final = 7
_COUNTING: Final = "BENCH_COUNTING"


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: what one operation costs at a size. `unit` is INSTRUCTIONS or NANOSECONDS."""

    series: str
    size: int
    cost: float
    unit: str


@dataclass(frozen=True, slots=True)
class _Said:
    """What the program says of a measurement: the operations in it, and what each took in CPU time."""

    series: str
    size: int
    operations: int
    nanoseconds: float


class Meter:
    """Of a program of probes: measures, and says what it has measured when it is closed."""

    def __init__(self) -> None:
        self._said: list[_Said] = []
        self._counted = _COUNTING in os.environ

    def measure(
        self, series: str, size: int, operations: int, run: Callable[[], object], warm: bool = True
    ) -> None:
        """What `run`, which does so many operations, costs at a size; once before to warm up, unless it can be run but once."""
        if warm:
            run()
        gc.collect()
        gc.disable()
        try:
            spent = self._marked(run) if self._counted or not warm else _shared(run)
        finally:
            gc.enable()
        self._said.append(_Said(series, size, operations, spent / operations))

    def _marked(self, run: Callable[[], object]) -> float:
        os.getloadavg()
        began = time.thread_time_ns()
        run()
        spent = time.thread_time_ns() - began
        os.getloadavg()
        return spent

    def close(self) -> None:
        print(json.dumps([asdict(each) for each in self._said]))


def _shared(run: Callable[[], object]) -> float:
    """Nanoseconds by the control's measure, see above."""
    turns = [(_spent(_control), _spent(run)) for _ in range(ROUNDS)]
    return median(own / control for control, own in turns) * min(control for control, _ in turns)


def _control() -> int:
    return sum(number & 7 for number in range(20_000))


def _spent(run: Callable[[], object]) -> int:
    began = time.thread_time_ns()
    run()
    return time.thread_time_ns() - began


def unit() -> str:
    """What costs are counted in here."""
    return INSTRUCTIONS if shutil.which("valgrind") else NANOSECONDS


def run(program: Path, arguments: Sequence[str], count: bool = True) -> list[Point]:
    """The points of a program of probes; with `count` false in CPU time even where valgrind is. RuntimeError where it fails."""
    command = [sys.executable, str(program), *arguments]
    if not count or unit() == NANOSECONDS:
        said = _said_by(command, {})
        return [Point(each.series, each.size, each.nanoseconds, NANOSECONDS) for each in said]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "counts")
        tool = [
            "valgrind",
            "-q",
            "--tool=callgrind",
            "--dump-before=getloadavg",
            f"--callgrind-out-file={out}",
        ]
        said = _said_by([*tool, *command], {_COUNTING: "1", "PYTHONHASHSEED": "0"})
        counts = [_total(Path(f"{out}.{number}")) for number in range(2, 2 * len(said) + 1, 2)]
    return [
        Point(each.series, each.size, count / each.operations, INSTRUCTIONS)
        for each, count in zip(said, counts, strict=True)
    ]


def _said_by(command: Sequence[str], extra: dict[str, str]) -> list[_Said]:
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **extra}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=env)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-800:]}")
    return [_Said(**each) for each in json.loads(done.stdout)]


def _total(dump: Path) -> int:
    for line in dump.read_text().splitlines():
        if line.startswith("totals: "):
            return int(line.split()[1])
    raise RuntimeError(f"callgrind wrote no totals into {dump.name}")
