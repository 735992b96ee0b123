"""What grows with an app: matching, registering, importing. Knows how to count it; does not know requests or servers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

SIZES: Final = (10, 100, 1_000, 10_000)

_REGISTER: Final = """\
import time
{load}
async def shared(item_id: int, page: int = 1, size: int = 20) -> dict: return {{}}
def own(number):
    async def endpoint(item_id: int, page: int = number, size: int = 20) -> dict: return {{}}
    return endpoint
endpoints = [{endpoint} for number in range({count})]
started = time.process_time()
app = {app}()
for number, endpoint in enumerate(endpoints):
    app.get(f"/area{{number % 100}}/things{{number}}/{{{{item_id}}}}")(endpoint)
print(time.process_time() - started)
"""

_IMPORT: Final = """\
import asyncio, time
started = time.process_time()
{load}
print(time.process_time() - started)
"""


def templates(count: int) -> list[str]:
    """`count` templates as an API of that size would have them: typed holes under `count / 10` prefixes, two levels deep."""
    return [f"/area{number % max(1, count // 10)}/things{number}/{{item_id:int}}" for number in range(count)]


def match_ns(count: int, rounds: int = 7) -> float:
    """Nanoseconds of one match in a tree of `count` routes: 20 paths spread over it, the best of the rounds."""
    from velocipy.routing.path import PathTemplate
    from velocipy.routing.tree import RouteTree

    tree: RouteTree[str] = RouteTree(lambda template: template.text)
    for text in templates(count):
        tree.leaf(PathTemplate.parse(text))
    step = max(1, count // 20)
    paths = [text.replace("{item_id:int}", "42") for text in templates(count)[::step]] * 500
    if any(tree.match(path) is None for path in paths[:40]):
        raise AssertionError("a path of the growth bench does not match: there would be nothing to time")
    return min(_timed(tree.match, paths) for _ in range(rounds))


def _timed(call: Callable[[str], object], paths: Sequence[str]) -> float:
    started = time.thread_time_ns()
    for path in paths:
        call(path)
    return (time.thread_time_ns() - started) / len(paths)


def register_ours(count: int, endpoint: str = "shared") -> str:
    """A program that registers `count` typed routes and prints the CPU seconds that it took.

    `endpoint` is "shared", one function for all of them, or "own(number)", a function of its own for each.
    """
    load = "from velocipy import VelociPy"
    return _REGISTER.format(load=load, app="VelociPy", count=count, endpoint=endpoint)


def register_fastapi(count: int, endpoint: str = "shared") -> str:
    load = "from fastapi import FastAPI"
    return _REGISTER.format(load=load, app="FastAPI", count=count, endpoint=endpoint)


def import_program(statement: str) -> str:
    """A program that prints the CPU seconds of an import, asyncio already being there."""
    return _IMPORT.format(load=statement)


def least(programs: Sequence[tuple[str, str]], runs: int) -> list[float]:
    """(python, program) -> the least number of seconds each printed, the programs taking turns; the first turn warms up."""
    turns = [[_printed(python, program) for python, program in programs] for _ in range(runs + 1)]
    return [min(column) for column in zip(*turns[1:], strict=True)]


def _printed(python: str, program: str) -> float:
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{python} failed: {done.stderr.strip()[-500:]}")
    return float(done.stdout)


def imported_beside(statement: str, unwanted: Sequence[str]) -> list[str]:
    """Which of the `unwanted` modules the statement brings in."""
    program = f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & set({list(unwanted)!r})))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()
