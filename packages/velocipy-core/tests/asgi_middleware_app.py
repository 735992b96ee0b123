"""An app inside OpenTelemetry's, asgi-correlation-id's and Starlette's middleware, for tests in process and on servers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from velocipy import (
    EventSourceResponse,
    FileResponse,
    HTTPException,
    Request,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.middleware import SecurityHeadersMiddleware

FILE = Path(tempfile.gettempdir(), "velocipy-asgi-middleware.bin")
FILE.write_bytes(bytes(range(256)) * 8_192)
"""2 MiB: long enough to count as bulk."""


async def add_header(request: Any, call_next: Any) -> Any:
    """Starlette's way to write middleware."""
    response = await call_next(request)
    response.headers["x-base"] = request.url.path
    return response


def make_app() -> tuple[VelociPy, InMemorySpanExporter]:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    left: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, str]]:
        yield {"opened": "at start"}

    app = VelociPy(
        plugins=False, lifespan=lifespan, middleware=[SecurityHeadersMiddleware()], max_content_length=100_000
    )
    app.add_asgi_middleware(OpenTelemetryMiddleware, tracer_provider=provider)
    app.add_asgi_middleware(CorrelationIdMiddleware, header_name="X-Correlation-ID")
    app.add_asgi_middleware(BaseHTTPMiddleware, dispatch=add_header)
    app.add_asgi_middleware(GZipMiddleware, minimum_size=500)

    @app.get("/items/{id:int}")
    async def item(request: Request, id: int) -> dict[str, Any]:
        trace_id = trace.get_current_span().get_span_context().trace_id
        return {
            "id": id,
            "opened": request.app.state.opened,
            "correlation": correlation_id.get(),
            "trace": f"{trace_id:032x}",
            "client": request.client is not None,
            "url": str(request.url),
            "filler": "x" * 1_000,
        }

    @app.post("/items")
    async def add(items: dict[str, int]) -> int:
        return sum(items.values())

    @app.post("/upload")
    async def upload(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("nobody expected this")

    @app.get("/refuses")
    async def refuses() -> None:
        raise HTTPException(409, "taken")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            for number in range(1_000):
                yield f"row {number}\n"

        return StreamingResponse(rows())

    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield "one\n" * 1_000
            await asyncio.sleep(0.1)
            raise ValueError("in the middle")

        return StreamingResponse(rows(), headers={"content-length": "10000"})

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(FILE)

    @app.get("/late")
    async def late(request: Request) -> EventSourceResponse:
        async def events() -> AsyncIterator[str]:
            try:
                await asyncio.sleep(30)
                yield "never"
            finally:
                left.append("late")

        return EventSourceResponse(events())

    @app.get("/waits")
    async def waits(request: Request) -> str:
        await asyncio.wait_for(request.disconnected(), 20)
        left.append("waits")
        return "gone"

    @app.get("/left")
    async def who_left() -> list[str]:
        return left

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send(message)

    @app.websocket("/refused")
    async def refused(websocket: WebSocket) -> None:
        raise HTTPException(401)

    @app.websocket("/raises")
    async def raises(websocket: WebSocket) -> None:
        raise ValueError("nobody expected this")

    @app.websocket("/chooses")
    async def chooses(websocket: WebSocket) -> None:
        await websocket.accept("chat")

    return app, spans


app = make_app()[0]
