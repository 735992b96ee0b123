"""Models that come and go as messages: their decoders and dumpers, once an app. Knows backends; knows no WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from velocipy.models.base import ANY_BACKENDS

if TYPE_CHECKING:
    from velocipy.json.base import JSONEncoder
    from velocipy.models.base import Backends, Decode, Dumper, ModelBackend


class Codecs:
    """Decoders and dumpers of models, each made at its first use: pydantic's take a millisecond."""

    def __init__(self, backends: Backends, encoder: JSONEncoder) -> None:
        self._backends = backends
        self._encoder = encoder
        self._decoders: dict[Any, Decode] = {}
        self._dumpers: dict[Any, Dumper] = {}

    def decoder(self, model: Any) -> Decode:
        """JSON bytes -> that model."""
        if model not in self._decoders:
            self._decoders[model] = self._find(model).decoder(model, lambda: self._encoder)
        return self._decoders[model]

    def dumper(self, model: Any) -> Dumper:
        """That model -> JSON bytes."""
        if model not in self._dumpers:
            self._dumpers[model] = self._find(model).dumper(model, lambda: self._encoder)
        return self._dumpers[model]

    def _find(self, model: Any) -> ModelBackend:
        backend = self._backends.find(model)
        if backend is None:
            raise TypeError(
                f"no model backend knows {model!r}: use a dataclass, or a model of msgspec or pydantic"
            )
        return backend


_CODECS: WeakKeyDictionary[Any, Codecs] = WeakKeyDictionary()
"""By app; what it holds must not refer to the app."""


def codecs_of(app: Any, encoder: JSONEncoder) -> Codecs:
    """Those of an app, made at their first use; without an app, those of any backend that is installed."""
    key = ANY_BACKENDS if app is None else app
    codecs = _CODECS.get(key)
    if codecs is None:
        codecs = _CODECS[key] = Codecs(getattr(app, "models", ANY_BACKENDS), encoder)
    return codecs
