"""What both raw apps share: reading text, the body's model, the three dependencies. Knows no protocol and no framework."""

from __future__ import annotations

import functools
import os
import re
import uuid
from collections.abc import AsyncGenerator
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl

import msgspec
import pydantic

MAX_BODY: Final = 10 * 1024 * 1024
"""Bytes of a request body that are read at most, as in VelociPy's default."""


class Item(msgspec.Struct):
    """The body of `POST /body`."""

    name: str
    price: float
    tags: list[str] = []


class Model(pydantic.BaseModel):
    """The body of `POST /pydantic`, and a row of `GET /rows`."""

    name: str
    price: float
    tags: list[str] = []


ROWS: Final = [Model(name=f"raptor {number}", price=number / 4, tags=["claw"]) for number in range(1_000)]
"""Made once: what is measured is how they are written."""

one: Final = pydantic.TypeAdapter(Model)
many: Final = pydantic.TypeAdapter(list[Model])
decode_model: Final = one.validate_json
encode_model: Final = one.dump_json
encode_models: Final = many.dump_json

encode: Final = msgspec.json.Encoder().encode
decode_item: Final = msgspec.json.Decoder(Item).decode

Errors = list[dict[str, object]]


def parse_query(text: str) -> dict[str, str]:
    """`a=1&b=2` -> {"a": "1", "b": "2"}. The standard library only where something is escaped: it takes four times as long."""
    if "%" in text or "+" in text:
        return dict(parse_qsl(text, keep_blank_values=True))
    query = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        query[name] = value
    return query


def is_whole(text: str) -> bool:
    """ASCII digits, perhaps after one minus: `int()` alone would take `1_0`, ` 1` and other scripts' digits too."""
    return text.isascii() and text.removeprefix("-").isdigit()


def whole(query: dict[str, str], name: str, default: int, low: int, high: int | None, errors: Errors) -> int:
    """The query parameter as an int within [low, high]; a fault is added to `errors` and the default stands in."""
    text = query.get(name)
    if text is None:
        return default
    if not is_whole(text):
        return fault(errors, name, "not a valid integer", default)
    value = int(text)
    if value < low or (high is not None and value > high):
        return fault(errors, name, "out of range", default)
    return value


def fault(errors: Errors, name: str, message: str, default: int) -> int:
    errors.append({"loc": ["query", name], "msg": message, "type": "value_error"})
    return default


def is_json(content_type: str) -> bool:
    return (
        content_type == "application/json"
        or content_type.partition(";")[0].strip().lower() == "application/json"
    )


def body_fault(exc: msgspec.ValidationError) -> bytes:
    """msgspec's `... - at `$.price`` or `... missing required field `name`` -> a 422 body."""
    message, _, place = str(exc).partition(" - at `$")
    inner = [part for part in place.rstrip("`").split(".") if part]
    missing = message.partition("missing required field `")[2].rstrip("`")
    loc = ["body", *inner, *([missing] if missing else [])]
    return encode({"detail": [{"loc": loc, "msg": message, "type": "value_error"}]})


def model_fault(exc: pydantic.ValidationError) -> tuple[int, bytes]:
    """pydantic's errors -> the status and body of a 400 or 422."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return 400, detail("Bad Request")
    faults = [
        {"loc": ["body", *error["loc"]], "msg": error["msg"], "type": error["type"]} for error in errors
    ]
    return 422, encode({"detail": faults})


def detail(text: str) -> bytes:
    return encode({"detail": text})


async def chunks() -> AsyncGenerator[bytes, None]:
    """The body of `GET /stream`."""
    for number in range(3):
        yield b"chunk %d\n" % number


KIBIBYTE: Final = b"raptor " * 146 + b"!\n"


async def kibibytes() -> AsyncGenerator[bytes, None]:
    """The body of `GET /chunks`."""
    for _ in range(100):
        yield KIBIBYTE


FILE: Final = os.environ.get("BENCH_FILE", __file__)
"""What `GET /file` sends."""

PIECE: Final = 120 * 1024
"""Bytes of a file that are in memory at once, where the server leaves its reading to the app."""

RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def etag(found: os.stat_result) -> str:
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}"'


@functools.lru_cache(maxsize=256)
def http_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def one_range(text: str | None, size: int) -> tuple[int, int] | None:
    """The bytes (from, up to and without) that a Range of one part asks for; None where it asks for all, or cannot be served."""
    found = RANGE.fullmatch(text or "")
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    start, stop = (
        (int(first), min(int(last or size) + 1, size)) if first else (max(size - int(last), 0), size)
    )
    return (start, stop) if start < stop else None


HARMLESS: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
ORIGINS: Final = frozenset({"https://app.example"})
OPEN_PATHS: Final = frozenset({"/armored"})
"""What is served over http too: the bench has no TLS."""

GUARDS: Final = [
    ("vary", "Origin, Accept-Encoding"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("content-security-policy", "default-src 'self'"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
]
"""What `GET /armored` sends with every answer."""

LEAST: Final = 500
"""Bytes of a body that is worth compressing."""


@functools.lru_cache(maxsize=256)
def takes_gzip(accepted: str) -> bool:
    """Whether gzip is among the codings that an Accept-Encoding takes."""
    for member in accepted.lower().split(","):
        name, _, parameter = member.partition(";")
        if name.strip() in ("gzip", "*"):
            return not parameter.strip().startswith("q=0") or parameter.strip().strip("q=0.") != ""
    return False


@functools.lru_cache(maxsize=256)
def is_our_host(host: str) -> bool:
    return host.rpartition(":")[0] in ("127.0.0.1", "localhost")


def request_id(sent: str | None) -> str:
    return sent if sent is not None and HARMLESS.fullmatch(sent) is not None else uuid.uuid4().hex


async def tenant(level: int) -> dict[str, int]:
    """The innermost dependency of `GET /deps`; the handler has read `level` from the query."""
    return {"level": level}


async def user(of: dict[str, int]) -> dict[str, object]:
    return {"name": "raptor", "tenant": of}


async def session(of: dict[str, object]) -> dict[str, object]:
    return {"id": 7, "user": of}
