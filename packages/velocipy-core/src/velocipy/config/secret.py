"""A text that shows itself to nobody by accident. Knows nothing of where it came from."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A password or key: `repr`, `str`, f-strings, logs and tracebacks show `***`; `reveal()` gives the text.

    Secrets are equal when their texts are, compared in constant time. JSON and pickle refuse them.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a secret is a text, not {type(text).__name__}")
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself: hand it on, do not keep it."""
        text: str = object.__getattribute__(self, "_text")
        return text

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret is immutable")

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(*(_bytes(secret) for secret in (self, other)))

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere: reveal() it where it is used")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)


def _bytes(secret: Secret) -> bytes:
    # An environment may hold bytes that are no UTF-8; Python keeps them as halves of surrogate pairs.
    return secret.reveal().encode("utf-8", "surrogatepass")
