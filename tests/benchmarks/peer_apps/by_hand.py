"""What frameworks without parameter binding leave to their users: reading ints, the body's model, three plain dependencies."""

import os

import msgspec

FILE = os.environ.get("BENCH_FILE", __file__)
KIBIBYTE = b"raptor " * 146 + b"!\n"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


encode = msgspec.json.Encoder().encode
decode_item = msgspec.json.Decoder(Item).decode


def bounded(text: str | None, default: int, low: int, high: int | None = None) -> int:
    """Raises ValueError for what is no int within the bounds."""
    if text is None:
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError("not a valid integer")
    value = int(text)
    if value < low or (high is not None and value > high):
        raise ValueError("out of range")
    return value


async def chunks():
    for number in range(3):
        yield b"chunk %d\n" % number


async def kibibytes():
    for _ in range(100):
        yield KIBIBYTE


async def tenant(level: int) -> dict:
    return {"level": level}


async def user(of: dict) -> dict:
    return {"name": "raptor", "tenant": of}


async def session(of: dict) -> dict:
    return {"id": 7, "user": of}
