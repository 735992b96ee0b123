"""msgspec's JSON as an encoder, the default where it is installed. The one module of json/ that imports msgspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from velocipy.json.base import encode_extra

if TYPE_CHECKING:
    from collections.abc import Callable


class MsgspecJSON:
    """msgspec's C encoder and decoder; both are bound once and have no layer of ours around them."""

    name = "msgspec"

    def __init__(self) -> None:
        self.encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=encode_extra).encode
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode
