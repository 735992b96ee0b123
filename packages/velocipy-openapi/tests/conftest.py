"""The kitchen sink, served. Knows servers; knows nothing of what is asked of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import RunningServer, serve

HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=["granian-rsgi", "uvicorn-h11"])
def sink(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """kitchen_sink.py on a real server of either protocol."""
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    with serve(
        request.param, "kitchen_sink:app", cwd=HERE, env={"PYTHONPATH": os.pathsep.join(paths)}
    ) as running:
        yield running
        assert running.alive(), running.tail()
