"""Endpoints for the cases of bodies: 18, 29 and 30. Knows no case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from case_tally import TALLY

from velocipy import APIRouter, FormData, Request

LIMIT = 1_000
"""Bytes that a body may have, but for /more, which takes twice as many."""

router = APIRouter()


@dataclass
class Item:
    text: str = ""


@router.post("/item")
@router.post("/more", max_content_length=2 * LIMIT)
@router.post("/none", max_content_length=0)
async def take_item(item: Item | None = None) -> int:
    """A model, whole or not at all."""
    TALLY["item"] += 1
    return 0 if item is None else len(item.text)


@router.post("/chunks")
async def take_chunks(request: Request) -> int:
    """A body as it comes."""
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
    except Exception as exc:
        TALLY[type(exc).__name__] += 1
        raise
    TALLY["chunks"] += 1
    return size


@router.post("/form")
async def take_form(form: FormData) -> Any:
    """A form."""
    TALLY["form"] += 1
    return list(form)
