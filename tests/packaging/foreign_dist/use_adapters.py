"""Runs in the environment that has the foreign dist's wheel and core's: each adapter, found by its name, does its work."""

import asyncio
import sys
from typing import Any, cast

from lemur.models import Point
from lemur.protocol import Call

from velocipy import VelociPy, plugins
from velocipy.exceptions import MissingAdapterError

app = VelociPy(json_encoder="lemur")


@app.post("/points/{name}")
async def add(name: str, point: Point, scale: int = 1) -> dict[str, Any]:
    return {"name": name, "x": point.x * scale, "y": point.y * scale}


@app.post("/points/{name}/turned")
async def turn(name: str, point: Point) -> Point:
    return Point(point.y, point.x)


@app.get("/")
async def index() -> str:
    return "hello"


def ask(call: Call, of: VelociPy = app) -> Call:
    asyncio.run(of._serve("lemur")(call))
    return call


def check(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        sys.exit(f"{what}: wanted {wanted!r}, found {found!r}")
    print("works:", what)


def check_protocol() -> None:
    call = ask(Call("GET", "/"))
    check("velocipy.protocols", (call.status, call.content), (200, b"hello"))
    check("a path that is not there", ask(Call("GET", "/nowhere")).status, 404)


def check_encoder_and_models() -> None:
    kind = {"content-type": "application/json"}
    call = ask(Call("POST", "/points/a", kind, b"[1, 2]", "scale=10"))
    check("velocipy.models", call.status, 200)
    check("velocipy.json", call.content, b'{\n  "name": "a",\n  "x": 10,\n  "y": 20\n}')
    turned = ask(Call("POST", "/points/a/turned", kind, b"[1, 2]"))
    check("results of a model backend", turned.content, b"[\n  2,\n  1\n]")
    refused = ask(Call("POST", "/points/a", kind, b"[1]"))
    check("errors of a model backend", (refused.status, b"expected [x, y]" in refused.content), (422, True))


def check_storage() -> None:
    storage = cast("Any", plugins.load("velocipy.storages", "lemur"))()

    async def use() -> list[bytes | None]:
        await storage.set("key", b"value")
        found = await storage.get("key")
        await storage.delete("key")
        return [found, await storage.get("key")]

    check("velocipy.storages", asyncio.run(use()), [b"value", None])


def check_plugin() -> None:
    check("velocipy.plugins", ask(Call("GET", "/leaves")).content, b'{\n  "leaves": 3\n}')
    check("an app without plugins", ask(Call("GET", "/leaves"), VelociPy(plugins=False)).status, 404)


def check_slip() -> None:
    try:
        plugins.load("velocipy.json", "lemour")
    except MissingAdapterError as exc:
        check("a slip in a name", "did you mean 'lemur'?" in str(exc), True)
    else:
        sys.exit("a name that nothing has was found")


check_protocol()
check_encoder_and_models()
check_storage()
check_plugin()
check_slip()
