"""The kits in interpreters that are started otherwise: without asserts, in development mode, on uvloop. Knows no case by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

KIT = """
import asyncio, logging, sys
from velocipy.testing.conformance import CAPABILITIES, CASES, run_in_process

loop_factory = asyncio.new_event_loop
if "uvloop" in sys.argv:
    import uvloop
    loop_factory = uvloop.new_event_loop
logging.disable()               # of what cases raise in the app
ran = 0
for interface, capabilities in CAPABILITIES.items():
    for case in CASES.values():
        if case.needs <= capabilities:
            run_in_process(case, interface, loop_factory=loop_factory)
            ran += 1
print(ran, "cases ran on", loop_factory.__module__)
"""

WRONG = """
from velocipy.storage import MemoryStorage
from velocipy.testing.conformance import Nonconforming
from velocipy.testing.storages import StorageContract

class Forgetful(MemoryStorage):
    async def get(self, key):
        await super().get(key)

class Contract(StorageContract):
    def make(self):
        return Forgetful()

found = []
for name in [name for name in dir(Contract) if name.startswith("test_")]:
    try:
        getattr(Contract(), name)()
    except Nonconforming:
        found.append(name)
print(*found)
"""


def run(script: str, *options: str, argument: str = "") -> str:
    """What a script prints in an interpreter with these options, which takes warnings for errors."""
    command = [sys.executable, *options, "-W", "error", "-c", script, *filter(None, [argument])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.once
@pytest.mark.parametrize(("option", "loop"), [("-OO", "uvloop"), ("-Xdev", "asyncio")])
def test_every_case_holds_however_the_interpreter_and_its_loop_are_started(option: str, loop: str) -> None:
    """Both protocols; a resource that nobody closes, or a coroutine that nobody awaits, is written to stderr in development mode."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    ran, *_, module = run(KIT, option, argument=loop).split()
    assert int(ran) > 100
    assert module.partition(".")[0] == loop


def test_the_contract_of_storages_finds_what_is_wrong_without_asserts() -> None:
    """A storage that never finds anything: every test that expects a value fails."""
    found = run(WRONG, "-OO").split()
    assert "test_what_is_set_is_got_byte_for_byte" in found
    assert "test_an_update_sees_what_is_there_and_returns_what_is_kept" in found
    assert "test_a_key_that_was_never_set_has_no_value" not in found
