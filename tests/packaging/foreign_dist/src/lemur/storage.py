"""Keys and bytes in a dict. Knows nothing of VelociPy: a storage is what has these methods."""


class DictStorage:
    """Holds what it is given until it is deleted."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self._values.get(key)

    async def set(self, key: str, value: bytes) -> None:
        self._values[key] = value

    async def delete(self, key: str) -> None:
        self._values.pop(key, None)
