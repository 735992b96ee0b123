"""MessagePack, written by msgspec: the values that the JSON encoders write, in another form. Knows no JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from velocipy.json.base import encode_extra

if TYPE_CHECKING:
    from collections.abc import Callable


class MessagePack:
    """What JSON has a text for, such as dates and UUIDs, is that text here too, so that one model describes both forms."""

    name = "msgpack"
    format = "MessagePack"

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self.decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(ext_hook=_refuse_extension).decode

    def encode(self, value: Any) -> bytes:
        """Value -> MessagePack. Raises TypeError or ValueError for what JSON cannot say either."""
        return self._encode(msgspec.to_builtins(value, str_keys=True, enc_hook=encode_extra))


def _refuse_extension(code: int, data: memoryview) -> Any:
    raise ValueError(f"extension {code} has no value in JSON")
