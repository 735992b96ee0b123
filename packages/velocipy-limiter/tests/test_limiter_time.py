"""A test moves time for the limiter, whatever it counts with: `velocipy.testing.Clock`."""

from __future__ import annotations

import pytest

from velocipy import Depends, MemoryStorage, VelociPy
from velocipy.limiter import Limiter, RateLimitAlgorithm, RateLimitRule, rate_limit
from velocipy.testing import Clock, TestClient


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@pytest.mark.parametrize("storage", [None, MemoryStorage()], ids=["limiter's", "keys"])
@pytest.mark.parametrize("algorithm", RateLimitAlgorithm)
def test_a_window_ends_when_the_test_says_so(
    interface: str, storage: MemoryStorage | None, algorithm: RateLimitAlgorithm
) -> None:
    app = VelociPy()
    rule = RateLimitRule(name=f"{algorithm} {interface}", limit=2, window=60, algorithm=algorithm)

    @app.get("/", dependencies=[Depends(rate_limit(Limiter(storage), rules=[rule]))])
    async def endpoint() -> str:
        return "admitted"

    with TestClient(app, interface=interface) as client, Clock() as clock:
        for _ in range(3):
            assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
            wait = int(client.get("/").headers["retry-after"])
            clock.move(wait - 1)
            assert client.get("/").status_code == 429
            clock.move(1)
            assert client.get("/").status_code == 200
            clock.move(120)
