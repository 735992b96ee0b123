"""What the kit's endpoints note, and what they wait for. Knows keys; holds a bounded number of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from velocipy.routing.router import APIRouter

MAX_KEYS = 1_000
MAX_NOTES = 1_000
PATIENCE = 10.0
"""How long an endpoint waits to be released, in seconds, lest a case that fails leaves it for ever."""

router: APIRouter = APIRouter()


class Entry:
    """The notes of one key, and the way on for who waits."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.released: asyncio.Event = asyncio.Event()


_entries: OrderedDict[str, Entry] = OrderedDict()


def entry(key: str) -> Entry:
    """What stands under a key; the oldest goes when there are too many."""
    if key not in _entries:
        _entries[key] = Entry()
        if len(_entries) > MAX_KEYS:
            _entries.popitem(last=False)
    return _entries[key]


def note(key: str, what: object) -> None:
    """Add a note."""
    known = entry(key).notes
    if len(known) < MAX_NOTES:
        known.append(str(what))


async def released(key: str) -> None:
    """Wait for `POST /release/{key}`."""
    await asyncio.wait_for(entry(key).released.wait(), PATIENCE)


@router.get("/notes/{key}")
async def read_notes(key: str) -> list[str]:
    """Everything noted under a key."""
    return entry(key).notes


@router.post("/release/{key}")
async def release_key(key: str) -> None:
    """Let go on who waits for this key."""
    entry(key).released.set()
