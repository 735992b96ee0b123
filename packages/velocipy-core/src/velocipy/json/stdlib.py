"""The standard library's JSON as an encoder: always there, exact, and the slowest. Knows no other encoder."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from velocipy.json.base import encode_extra


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class StdlibJSON:
    """`json` with compact output, UTF-8 only, and neither NaN nor Infinity (RFC 8259 section 6)."""

    name = "stdlib"

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=encode_extra
        ).encode
        self._decode = json.JSONDecoder(parse_constant=_refuse_constant).decode

    def encode(self, value: Any) -> bytes:
        """Value -> compact UTF-8 JSON."""
        return self._encode(value).encode()

    def decode(self, data: bytes) -> Any:
        """UTF-8 JSON -> value; ValueError for another encoding, a byte order mark, or nesting beyond Python's stack."""
        try:
            return self._decode(str(data, "utf-8"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
