"""The app that hostile bodies on the wire are sent to. Knows no server; remembers how often its endpoints ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from velocipy import FormData, Request, VelociPy


@dataclass
class Item:
    text: str = ""


app = VelociPy(plugins=False, max_content_length=1_000)
ran: Counter[str] = Counter()


@app.get("/plain")
async def plain() -> str:
    return "plain"


@app.get("/ran")
async def show_ran() -> Any:
    return dict(ran)


@app.post("/item")
async def take_item(item: Item | None = None) -> int:
    ran["item"] += 1
    return 0 if item is None else len(item.text)


@app.post("/stream")
async def take_stream(request: Request) -> int:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    ran["stream"] += 1
    return size


@app.post("/form")
async def take_form(form: FormData) -> Any:
    ran["form"] += 1
    return list(form)


slow = VelociPy(plugins=False, body_timeout=0.5)
slow.add_route("/item", take_item, ["POST"])
slow.add_route("/stream", take_stream, ["POST"])
slow.add_route("/form", take_form, ["POST"])
app.mount("/slow", slow)


@app.get("/unwritable")
async def unwritable() -> Any:
    return {"first": "x" * 100_000, "then": object()}
