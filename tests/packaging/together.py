"""Runs alone where all dists of ours are installed: `python -I together.py`. Knows what each is for; not which versions are there.

One app that uses every dist through what an app is written against, over both protocols. Exits with what did not work. It is also
what an older release of one dist is tried with beside newer ones of the others, so it asks for nothing that only one of them has.
"""

import contextlib
import importlib.metadata
import io
import json
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

from velocipy import APIRouter, Depends, Query, Request, Response, VelociPy, WebSocket
from velocipy.limiter import Limiter, limit, rate_limit
from velocipy.middleware import CORSMiddleware, RequestIDMiddleware, SessionMiddleware
from velocipy.openapi import OpenAPI
from velocipy.openapi_ui import ReDoc, Scalar
from velocipy.redis import RedisStorage
from velocipy.security import APIKeyHeader, CrossOriginCheck
from velocipy.testing import TestClient

KEY = "k-5fJq0d8vXb2mPz7RwLtY"
SECRET = "a secret of this program's own, 32 bytes long"


def make_app() -> VelociPy:
    app = VelociPy(openapi=OpenAPI(pages={"/scalar": Scalar(), "/redoc": ReDoc()}))
    app.add_middleware(RequestIDMiddleware())
    app.add_middleware(CORSMiddleware(["https://shop.example"]))
    app.add_middleware(SessionMiddleware(SECRET, https_only=False))
    limited = rate_limit(Limiter(), rules=[limit("2/minute")])
    guarded = APIRouter("/guarded", dependencies=[Depends(APIKeyHeader("X-API-Key", keys=[KEY]))])

    async def page(size: Annotated[int, Query(le=100)] = 20) -> AsyncIterator[int]:
        yield size

    @app.get("/items/{number}")
    async def item(number: int, size: Annotated[int, Depends(page)]) -> dict[str, int]:
        return {"number": number, "size": size}

    @app.post("/notes", dependencies=[Depends(CrossOriginCheck())])
    async def note(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        request.session["noted"] = body
        return body

    @app.get("/noted")
    async def noted(request: Request) -> dict[str, Any]:
        return dict(request.session["noted"])

    @app.get("/limited", dependencies=[Depends(limited)])
    async def few() -> Response:
        return Response(b"few", media_type="text/plain")

    @guarded.get("/")
    async def inside() -> str:
        return "inside"

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    app.include_router(guarded)
    return app


def check(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        sys.exit(f"{what}: {found!r}, not {wanted!r}")


def use(interface: str) -> None:
    """Ask one protocol's app for all of it."""
    with TestClient(make_app(), interface=interface) as client:
        check("binding", client.get("/items/7?size=3").json(), {"number": 7, "size": 3})
        check("refusal", client.get("/items/7?size=300").status_code, 422)
        check("session", client.post("/notes", json={"a": 1}).status_code, 200)
        check("session", client.get("/noted").json(), {"a": 1})
        foreign = client.post("/notes", json={}, headers={"sec-fetch-site": "cross-site"})
        check("origin", foreign.status_code, 403)
        shown = client.get("/items/7", headers={"origin": "https://shop.example"}).headers
        check("cors", shown["access-control-allow-origin"], "https://shop.example")
        check("limits", [client.get("/limited").status_code for _ in range(3)], [200, 200, 429])
        check("guard", client.get("/guarded/").status_code, 401)
        check("guard", client.get("/guarded/", headers={"x-api-key": KEY}).text, "inside")
        paths = client.get("/openapi.json").json()["paths"]
        check("document", "/items/{number}" in paths, True)
        for path in ("/docs", "/scalar", "/redoc"):
            check(f"page {path}", client.get(path).status_code, 200)
        with client.websocket_connect("/echo") as socket:
            socket.send_text("hello")
            check("websocket", socket.receive_text(), "hello")


def command() -> None:
    """The command lists the routes of this program's app."""
    from velocipy.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()) as told:
        check("velocipy routes", main(["routes", f"{__file__}:make_app", "--json"]), 0)
    check(
        "velocipy routes", "/items/{number}" in {route["path"] for route in json.loads(told.getvalue())}, True
    )


if __name__ == "__main__":
    for name in ("asgi", "rsgi"):
        use(name)
    command()
    RedisStorage("redis://127.0.0.1:6379")  # connects when it is used
    ours = sorted(one for one in importlib.metadata.packages_distributions().get("velocipy", []))
    print("together:", *(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(ours))))
