"""A Valkey for the tests of a session, and what they ask of it. Knows fixtures; the server is in redis_server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import Server, binaries


@pytest.fixture(scope="session", params=binaries(), ids=lambda binary: Path(binary).name)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not harm it; on every server that there is."""
    with Server(tmp_path_factory.mktemp("redis"), binary=request.param) as started:
        yield started
