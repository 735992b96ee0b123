"""JSON that is kind to readers: indented by two spaces. Knows the standard library's json."""

import json
from typing import Any


class IndentedJSON:
    """An encoder for `VelociPy(json_encoder="lemur")`."""

    name = "lemur"

    def encode(self, value: Any) -> bytes:
        return json.dumps(value, indent=2).encode()

    def decode(self, data: bytes) -> Any:
        return json.loads(data)
