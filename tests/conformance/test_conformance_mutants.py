"""The kit against adapters that are broken on purpose. Knows that every case must catch one; runs in process only."""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from pathlib import Path

import mutants.answering
import mutants.bodies
import mutants.connecting
import mutants.reading
import mutants.streaming
import pytest
from mutants.base import MUTANTS, Mutant

from velocipy import plugins, protocols
from velocipy.testing.conformance import CASES, run_in_process, sockets

QUICK = 1.5
"""Seconds that a case gets on a mutant: some of them hang."""

ENDLESS = ("TICKS", "RUSH")
"""How often endpoints send to a peer that has left: who never hears of it gets to the end within QUICK."""

HARMLESS = (
    "the_lifespan_starts_once_before_requests",
    "methods_and_paths_arrive",
    "messages_come_back_as_they_went",
)

CAUGHT = [(mutant, name) for mutant in MUTANTS for name in mutant.caught_by]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A function that puts a mutant in the place of the adapter that it was made from."""

    def put(mutant: Mutant) -> None:
        load = plugins.load
        wanted = (protocols.GROUP, mutant.dialect.name)
        monkeypatch.setattr(
            plugins,
            "load",
            lambda group, name: mutant.dialect if (group, name) == wanted else load(group, name),
        )
        for place, replacement in mutant.gates.items():
            module, _, path = place.partition(":")
            *owners, name = path.split(".")
            monkeypatch.setattr(reduce(getattr, owners, import_module(module)), name, replacement)
        for count in ENDLESS:
            monkeypatch.setattr(sockets, count, 50)

    return put


@pytest.mark.parametrize(("mutant", "name"), CAUGHT, ids=[f"{mutant.name}-{name}" for mutant, name in CAUGHT])
def test_a_broken_adapter_fails_the_case(mutant: Mutant, name: str, install) -> None:  # type: ignore[no-untyped-def]
    """The case fails on the mutant, while the adapter as it is passes it."""
    run_in_process(CASES[name], mutant.dialect.name)
    install(mutant)
    with pytest.raises((AssertionError, ConnectionError)):
        run_in_process(CASES[name], mutant.dialect.name, seconds=QUICK)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_broken_adapter_still_serves(mutant: Mutant, install) -> None:  # type: ignore[no-untyped-def]
    """A mutant has one fault: one that could not serve at all would fail every case, and prove nothing of any."""
    install(mutant)
    name = next(name for name in HARMLESS if name not in mutant.caught_by)
    run_in_process(CASES[name], mutant.dialect.name)


def test_every_case_catches_a_mutant() -> None:
    """No case is there that nothing can fail."""
    assert {name for _, name in CAUGHT} == set(CASES)


def test_every_file_of_mutants_was_read() -> None:
    """A file that nobody imports would prove nothing; each mutant says what is broken under a name of its own."""
    read = {module.__file__ for module in vars(mutants).values() if hasattr(module, "__file__")}
    assert read == {str(path) for path in Path(__file__).with_name("mutants").glob("*.py")}
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.fault for mutant in MUTANTS)
