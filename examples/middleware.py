"""Middleware in three styles: a function, a class with hooks, and built-in ones; ASGI middleware of another project is one line more.

granian middleware:app --interface rsgi      # or: uvicorn middleware:app
curl -i localhost:8000/                      # x-request-id, server-timing, x-powered-by
curl -i localhost:8000/reports/slow          # a span of its own in server-timing; the router's cache-control
curl -i -H "x-maintenance: on" localhost:8000/   # 503, answered by the function
curl -i localhost:8000/ -H "x-api-version: 1"    # 410, refused by the class
curl localhost:8000/metrics                  # Prometheus text, for the same machine alone
"""

import asyncio
import logging
from typing import Annotated

from velocipy import (
    APIRouter,
    Depends,
    Header,
    HTTPException,
    JSONResponse,
    Request,
    Response,
    VelociPy,
)
from velocipy.middleware import (
    CallNext,
    MetricsMiddleware,
    Middleware,
    RequestIDFilter,
    RequestIDMiddleware,
    TimingMiddleware,
    span,
)

handler = logging.StreamHandler()
handler.addFilter(RequestIDFilter())
handler.setFormatter(logging.Formatter("%(levelname)s [%(request_id)s] %(message)s"))
log = logging.getLogger("reports")
log.addHandler(handler)

metrics = MetricsMiddleware()
app = VelociPy(title="Middleware", middleware=[RequestIDMiddleware(), TimingMiddleware(), metrics])


class APIVersion(Middleware):
    """A class with hooks: `before` is bound like a dependency and may refuse, `header` makes a header of what it returned."""

    response_headers = {"x-powered-by": "VelociPy"}
    header_name = "x-api-version"

    def before(self, asked: Annotated[int, Header(alias="x-api-version", ge=1)] = 2) -> int | Response:
        return asked if asked >= 2 else JSONResponse({"detail": "version 1 is gone"}, 410)

    def header(self, token: int) -> str:
        return str(token)


app.add_middleware(APIVersion)


@app.middleware("http")
async def maintenance(request: Request, call_next: CallNext) -> Response:
    """A function wraps what is inside: it may answer by itself, or change the answer."""
    if request.header("x-maintenance") == "on":
        return JSONResponse({"detail": "back soon"}, 503, {"retry-after": "60"})
    return await call_next(request)


class NoStore(Middleware):
    """Constants alone: merged when the handler is compiled."""

    response_headers = {"cache-control": "no-store"}


reports = APIRouter(prefix="/reports", middleware=[NoStore()])


async def rows() -> list[str]:
    with span("db"):
        await asyncio.sleep(0.01)
    return ["one", "two"]


@reports.get("/slow")
async def slow(found: Annotated[list[str], Depends(rows)]) -> dict[str, list[str]]:
    log.warning("a slow report")
    return {"rows": found}


app.include_router(reports)


@app.get("/")
async def home(request: Request) -> dict[str, str]:
    return {"request_id": request.state.request_id}


def local(request: Request) -> None:
    """Metrics tell what an app does, so they are not for everybody."""
    if request.client is not None and request.client[0] not in ("127.0.0.1", "::1", "testclient"):
        raise HTTPException(404)


app.get("/metrics", dependencies=[Depends(local)], include_in_schema=False)(metrics.endpoint)
