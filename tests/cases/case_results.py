"""Results that JSON cannot say, and an app that returns them, for case 40. Knows values; asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from case_models import Plain

from velocipy import BackgroundTasks, VelociPy


def cycle() -> Any:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


def deep(levels: int) -> Any:
    """A list in a list, and so on."""
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


UNWRITABLE: dict[str, Callable[[], Any]] = {
    "a number of 5,000 digits": lambda: 10**5_000,
    "half a surrogate pair": lambda: "\ud800",
    "half a surrogate pair as key": lambda: {"\ud800": 1},
    "a cycle": cycle,
    "100,000 levels": lambda: deep(100_000),
    "an object": object,
    "a class": lambda: Plain,
    "a function": lambda: len,
    "an exception": lambda: ValueError("secret"),
    "a complex number": lambda: 1j,
    "a tuple as key": lambda: {(1, 2): 3},
    "a generator": lambda: (n for n in [1]),
}


def results_app(encoder: str) -> tuple[VelociPy, list[str]]:
    """An app that returns each of UNWRITABLE in a dict, in a model, and from a Response with a background task; and which tasks ran."""
    app, ran = VelociPy(plugins=False, json_encoder=encoder), list[str]()

    @app.get("/dict/{name}")
    async def in_dict(name: str) -> Any:
        return {"first": "x" * 100_000, "then": UNWRITABLE[name]()}

    @app.get("/model/{name}")
    async def in_model(name: str) -> Any:
        return Plain(s="x" * 100_000, x=UNWRITABLE[name]())

    @app.get("/task/{name}")
    async def with_task(name: str, tasks: BackgroundTasks) -> Any:
        tasks.add_task(ran.append, name)
        return ["x" * 100_000, UNWRITABLE[name]()]

    @app.get("/fine")
    async def fine(tasks: BackgroundTasks) -> Any:
        tasks.add_task(ran.append, "fine")
        nan, inf = float("nan"), float("inf")
        return {"f": nan, "x": [inf, -inf, {"a": nan}]}

    return app, ran
