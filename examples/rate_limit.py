"""Limits: several rules on a route, one for the whole app, costs, refunds, requests at once and messages of a WebSocket.

granian rate_limit:app --interface rsgi       # or: uvicorn rate_limit:app
for i in $(seq 6); do curl -i http://127.0.0.1:8000/search?q=boots; done        # the sixth is a 429
curl -i -X POST 'http://127.0.0.1:8000/login?password=wrong'                     # three wrong ones a minute
for i in $(seq 3); do curl -i http://127.0.0.1:8000/export & done; wait          # two at once; the third is a 503
REDIS_URL=redis://localhost:6379 granian rate_limit:app --interface rsgi --workers 4        # one count over all workers

Without REDIS_URL each worker counts in its own memory, so that four workers admit four times as much.
"""

import asyncio
import os
from typing import Any

from velocipy import APIRouter, Depends, HTTPException, Request, VelociPy, WebSocket
from velocipy.limiter import (
    ConcurrencyRule,
    Limiter,
    RateLimitAlgorithm,
    RateLimitMiddleware,
    RateLimitRule,
    concurrency,
    everybody,
    for_paths,
    limit,
    limited_messages,
    rate_limit,
    refund,
)


def storage() -> Any:
    """Redis where it is named, else memory; velocipy-redis is imported only if it is needed."""
    url = os.environ.get("REDIS_URL")
    if url:
        from velocipy.limiter.storage import RedisStorage

        return RedisStorage(url)
    from velocipy.limiter.storage import MemoryStorage

    return MemoryStorage()


limiter = Limiter(storage=storage())
app = VelociPy(title="Rate limits")

# Everybody: 1,000 requests an hour from one address, whatever they ask for; a probe of the machine's own is not counted.
app.add_middleware(
    RateLimitMiddleware(limiter, rules=[limit("1000/hour", name="all")], exempt=for_paths("/health"))
)


@app.get("/health")
async def health() -> str:
    """Never limited."""
    return "ok"


# Two rules: short bursts and a day's worth. Both admit a request, or neither counts it.
search_rules = [
    RateLimitRule(name="search-burst", limit=5, window=10, algorithm=RateLimitAlgorithm.SLIDING_WINDOW),
    RateLimitRule(name="search-day", limit=200, window=86_400, algorithm=RateLimitAlgorithm.FIXED_WINDOW),
]


@app.get("/search")
async def search(q: str, _: None = Depends(rate_limit(limiter, rules=search_rules))) -> dict[str, str]:
    """Five within any ten seconds."""
    return {"found": q}


# What a request costs may depend on it: an export takes ten of the hundred units, a page one.
def units(request: Request) -> int:
    """How many units a request takes."""
    return 10 if request.query_params.get("format") == "csv" else 1


reports = APIRouter(
    prefix="/reports",
    dependencies=[Depends(rate_limit(limiter, rules=[limit("100/hour", name="reports")], cost=units))],
)


@reports.get("/{number:int}")
async def report(number: int, format: str = "json") -> dict[str, Any]:
    """One unit, or ten as CSV."""
    return {"report": number, "format": format}


app.include_router(reports)


# What takes long is bounded by how many there are at once, for all clients together; a slot is free when its request ends.
exports = ConcurrencyRule(name="exports", limit=2, status=503, retry_after=5)


@app.get("/export", dependencies=[Depends(concurrency(limiter, exports, identifier=everybody))])
async def export() -> dict[str, int]:
    """Half a second of work, two at once."""
    await asyncio.sleep(0.5)
    return {"rows": 1_000}


@app.post("/login")
async def login(
    request: Request,
    password: str,
    _: None = Depends(rate_limit(limiter, rules=[limit("3/minute", name="login")])),
) -> dict[str, bool]:
    """Only wrong passwords count: a right one gives back what it took."""
    if password != "talons":
        raise HTTPException(401, "wrong password")
    await refund(request)
    return {"in": True}


@app.websocket("/chat")
async def chat(websocket: WebSocket) -> None:
    """Five messages a second; who sends more is closed with 1008."""
    await websocket.accept()
    async for message in limited_messages(websocket, limiter, [limit("5/second", name="chat")]):
        await websocket.send(message)
