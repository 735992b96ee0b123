"""The two exceptions that an RSGI server raises into an app. Granian's own when it is installed, so that apps catch them."""

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
    # Both sorts are RuntimeErrors whose class is named RSGIProtocolError or RSGIProtocolClosed: that is the whole
    # interface an adapter may rely on, as Granian's module must not be imported by it.
    OwnRSGIProtocolError.__name__ = "RSGIProtocolError"
    OwnRSGIProtocolClosed.__name__ = "RSGIProtocolClosed"
    try:
        from granian._granian import RSGIProtocolClosed, RSGIProtocolError
    except ImportError:
        RSGIProtocolError, RSGIProtocolClosed = OwnRSGIProtocolError, OwnRSGIProtocolClosed


def protocol_error() -> RuntimeError:
    return RSGIProtocolError("RSGI protocol error")


def protocol_closed() -> RuntimeError:
    return RSGIProtocolClosed("RSGI transport is closed")
