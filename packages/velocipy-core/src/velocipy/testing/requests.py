"""Raw requests for handshakes and hand-made exchanges. Knows HTTP/1.1's upgrade; sends nothing."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from velocipy.testing.exchange import RawRequest
from velocipy.testing.transports import raw_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx2

    from velocipy.testing.exchange import Pairs

    Text = str | bytes

# Not part of a handshake (RFC 6455 section 4.1), though httpx2 adds them to every request.
NOT_IN_HANDSHAKE = frozenset((b"accept-encoding", b"connection"))


def handshake_request(
    request: httpx2.Request, subprotocols: Sequence[str] | None, client: tuple[str, int]
) -> RawRequest:
    """The upgrade request of RFC 6455 section 4.1."""
    raw = raw_request(request, client)
    headers: Pairs = (
        *(pair for pair in raw.headers if pair[0] not in NOT_IN_HANDSHAKE),
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", base64.b64encode(os.urandom(16))),
    )
    if subprotocols:
        headers += ((b"sec-websocket-protocol", ", ".join(subprotocols).encode("latin-1")),)
    scheme = {"http": "ws", "https": "wss"}.get(raw.scheme, raw.scheme)
    return replace(raw, headers=headers, scheme=scheme)


def bare_request(
    method: str,
    target: Text,
    headers: Iterable[tuple[Text, Text]],
    *,
    http_version: str,
    scheme: str,
    authority: str | None,
    client: tuple[str, int],
) -> RawRequest:
    """Exactly what is given, nothing added: no Host, no Content-Length. Text goes out as latin-1."""
    return RawRequest(
        method=method,
        target=raw(target),
        headers=tuple((raw(name), raw(value)) for name, value in headers),
        scheme=scheme,
        http_version=http_version,
        authority=authority,
        client=client,
    )


def raw(text: Text) -> bytes:
    """A name or value of a header as it goes over the wire."""
    return text.encode("latin-1") if isinstance(text, str) else text
