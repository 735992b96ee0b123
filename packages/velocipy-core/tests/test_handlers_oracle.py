"""Compiled handlers against the plain interpreter beside this file, for drawn signatures, middleware and requests."""

import asyncio
import importlib.util
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from velocipy import UploadFile
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.http import forms
from velocipy.testing import AsyncTestClient


def load(name: str) -> Any:
    """A module that lies beside this file."""
    spec = importlib.util.spec_from_file_location(f"velocipy_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    if spec.name not in sys.modules:
        sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


oracle, memory, worlds, endpoints = map(load, ("oracle", "memory", "worlds", "endpoints"))
Outcome = list[Any]


def thorough(examples: int) -> settings:
    """So many worlds where hypothesis draws a hundred of anything, the same ones at every run."""
    examples = examples * settings().max_examples // 100
    return settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )


class Kept(UploadFile):
    """An upload that is looked after when its request is over."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        worlds.OPENED.append(self)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all runs; uploads are looked after, and what is logged on purpose is not shown."""
    patch = pytest.MonkeyPatch()
    patch.setattr(forms, "UploadFile", Kept)
    logging.getLogger("velocipy").setLevel(logging.CRITICAL)
    with asyncio.Runner() as runner:
        yield runner
    logging.getLogger("velocipy").setLevel(logging.NOTSET)
    patch.undo()


def plain(sent: Any) -> Any:
    """An answer for comparison: headers by name, of which lines of one name keep their order and Vary is a set."""
    vary = {each for name, line in sent.headers if name == "vary" for each in line.split(", ")}
    headers = sorted((pair for pair in sent.headers if pair[0] != "vary"), key=lambda pair: pair[0])
    return sent.status, headers, sorted(vary), sent.body


async def compiled(app: Any, interface: str, sendings: list[Any], events: list[Any]) -> Outcome:
    """What the app does for these requests on one of the protocols, from its start to its stop."""
    outcome: Outcome = []
    client = AsyncTestClient(app, interface=interface)
    try:
        await client.__aenter__()
    except Exception:
        return ["not started"]
    for sending in sendings:
        target = f"{sending.path}?{sending.query}"
        exchange = client.exchange(sending.method, target, headers=sending.headers, body=sending.body)
        await exchange.wait_app(30)
        assert exchange.fault is None and exchange.response is not None, exchange.fault
        if exchange.error is not None:
            outcome.append(("raised", type(exchange.error).__name__))
        else:
            headers = [(name.decode(), value.decode()) for name, value in exchange.response.headers]
            # Where a message ends and whether the connection lives on is the adapter's business.
            headers = [pair for pair in headers if pair[0] not in ("content-length", "connection")]
            outcome.append(plain(memory.Sent(exchange.response.status, headers, b"".join(exchange.download))))
        over(outcome, events)
    try:
        await client.aclose()
    except Exception:
        outcome.append("not stopped")
    return outcome


async def interpreted(app: Any, sendings: list[Any], events: list[Any]) -> Outcome:
    """What the interpreter does in its place."""
    outcome: Outcome = []
    plan = app._dispatcher.plan(app.routes[0])
    scope = oracle.AppScope()
    try:
        await scope.start([plan])
    except Exception:
        return ["not started"]
    for sending in sendings:
        connection = memory.Connection(
            sending.method, "/decoded", sending.query, sending.headers, sending.body
        )
        try:
            sent = await oracle.Oracle(plan, app, connection, sending.values, scope).run()
            outcome.append(plain(sent))
        except worlds.Abort as exc:
            outcome.append(("raised", type(exc).__name__))
        over(outcome, events)
    try:
        await scope.stop()
    except Exception:
        outcome.append("not stopped")
    return outcome


def over(outcome: Outcome, events: list[Any]) -> None:
    """A request is over: what has happened in it, and no file is open."""
    outcome.append((list(events), worlds.open_uploads()))
    events.clear()
    worlds.OPENED.clear()


def agree(runner: asyncio.Runner, app: Any, sendings: list[Any], events: list[Any]) -> Outcome:
    """Compiled handlers of both dialects do what the interpreter does; what that is."""

    def noted(call: Any) -> Outcome:
        events.clear()
        outcome: Outcome = runner.run(call)
        return [*outcome, list(events)]

    expected = noted(interpreted(app, sendings, events))
    for interface in ("asgi", "rsgi"):
        found = noted(compiled(app, interface, sendings, events))
        assert found == expected, (
            f"{app.routes[0].explain(interface)}\n{told(found)}\n  instead of\n{told(expected)}"
        )
    return expected


def told(outcome: Outcome) -> str:
    return "\n".join(map(repr, outcome))


def run_world(runner: asyncio.Runner, data: st.DataObject, **limits: Any) -> None:
    """Draw a world and requests, and hold the three ways against each other."""
    world = data.draw(worlds.worlds(**limits))
    try:
        app = worlds.build(world)
    except BindingError:
        assume(False)
    sendings = data.draw(st.lists(worlds.requests(world), min_size=1, max_size=2))
    agree(runner, app, sendings, world.events)
    assert worlds.SHARED.headers.raw == [("x-own", "1"), ("x-constant", "own")]


@pytest.mark.case(28)
@given(data=st.data())
@thorough(300)
def test_compiled_handlers_do_what_the_interpreter_does(runner: asyncio.Runner, data: st.DataObject) -> None:
    run_world(runner, data)


@given(data=st.data())
@thorough(200)
def test_hooks_read_what_lies_on_both_sides_of_wrapping_middleware(
    runner: asyncio.Runner, data: st.DataObject
) -> None:
    run_world(
        runner, data, most=2, app=False, troubles=["none", "none", "known"], middleware=["hook", "wrap"]
    )


@given(data=st.data())
@thorough(150)
def test_forms_are_closed_when_the_request_is_over(runner: asyncio.Runner, data: st.DataObject) -> None:
    run_world(runner, data, bodies=["form"], most=3, app=False)


@given(data=st.data())
@thorough(100)
def test_app_scoped_values_are_made_once_and_left_at_the_end(
    runner: asyncio.Runner, data: st.DataObject
) -> None:
    run_world(runner, data, bodies=["none"], app=True)


def run_endpoint(runner: asyncio.Runner, data: st.DataObject, drawn: Any) -> None:
    """Draw an endpoint and requests, and hold the three ways against each other."""
    endpoint = data.draw(drawn)
    try:
        app = endpoints.build(endpoint)
    except ConfigurationError:
        assume(False)
    sendings = data.draw(st.lists(endpoints.requests(endpoint), min_size=1, max_size=3))
    answers = agree(runner, app, sendings, endpoint.events)[0:-1:2]
    assert len(endpoint.formats) == 1 or all("accept" in varies for _, _, varies, _ in answers)


@given(data=st.data())
@thorough(400)
def test_parameters_of_every_source_and_kind_arrive_alike(
    runner: asyncio.Runner, data: st.DataObject
) -> None:
    run_endpoint(runner, data, endpoints.readers())


@given(data=st.data())
@thorough(400)
def test_results_of_every_kind_are_sent_alike(runner: asyncio.Runner, data: st.DataObject) -> None:
    run_endpoint(runner, data, endpoints.writers())
