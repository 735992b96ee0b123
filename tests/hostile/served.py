"""The app that hostile cases on the wire are sent to. Knows no server; remembers how often its endpoints ran."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from velocipy import FormData, Request, StaticFiles, VelociPy

LIMIT = 1_000
"""Bytes that a body may have, but for /more, which takes twice as many."""


@dataclass
class Item:
    text: str = ""


app = VelociPy(plugins=False, max_content_length=LIMIT)
ran: Counter[str] = Counter()


_folder = tempfile.TemporaryDirectory()
_root = Path(_folder.name) / "static"
(_root / "sub").mkdir(parents=True)
(_root / "sub" / "index.html").write_text("index")
(_root / "a.txt").write_text("inside")
(_root.parent / "secret.txt").write_text("secret")
(_root.parent / "static-too").mkdir()
(_root.parent / "static-too" / "b.txt").write_text("secret")
(_root / "out").symlink_to(_root.parent)
app.mount("/static", StaticFiles(_root, html=True))


@app.get("/plain")
async def plain() -> str:
    return "plain"


@app.get("/ran")
async def show_ran() -> Any:
    return dict(ran)


@app.post("/item")
@app.post("/more", max_content_length=2 * LIMIT)
@app.post("/none", max_content_length=0)
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
