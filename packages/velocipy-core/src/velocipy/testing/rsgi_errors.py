"""The exceptions an RSGI server raises into an app: Granian's own where it is installed. Knows nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING


class OwnRSGIProtocolError(RuntimeError):
    """The app used the protocol object in a way it does not allow."""


class OwnRSGIProtocolClosed(RuntimeError):
    """The client is gone."""


if TYPE_CHECKING:
    RSGIProtocolError = OwnRSGIProtocolError
    RSGIProtocolClosed = OwnRSGIProtocolClosed
else:
    # All are RuntimeErrors whose class is named RSGIProtocolError or RSGIProtocolClosed. That much an adapter
    # may rely on, which must not import Granian to tell them apart.
    OwnRSGIProtocolError.__name__ = "RSGIProtocolError"
    OwnRSGIProtocolClosed.__name__ = "RSGIProtocolClosed"
    try:
        from granian._granian import RSGIProtocolClosed, RSGIProtocolError
    except ImportError:  # pragma: no cover - where no Granian is installed; nothing else differs
        RSGIProtocolError, RSGIProtocolClosed = OwnRSGIProtocolError, OwnRSGIProtocolClosed


def protocol_error() -> RuntimeError:
    """What a server raises for a call that is out of order."""
    return RSGIProtocolError("RSGI protocol error")


def protocol_closed() -> RuntimeError:
    """What a server raises for a call after the client has left."""
    return RSGIProtocolClosed("RSGI transport is closed")
