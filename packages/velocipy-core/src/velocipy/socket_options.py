"""What a WebSocket route's declaration says of its messages and origins. Knows the keywords; knows no WebSocket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from velocipy.exceptions import ConfigurationError
from velocipy.origins import DEFAULT_POLICY, AllowedOrigins, OriginPolicy, origin_policy

DEFAULT_MAX_MESSAGE_SIZE: Final = 1024 * 1024
"""Bytes of a message that is received where nobody says otherwise: 1 MiB."""


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """What a WebSocket route's declaration says about its messages; made by `socket_options`."""

    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    send_timeout: float | None = None
    origins: OriginPolicy = DEFAULT_POLICY


DEFAULT_OPTIONS: Final = SocketOptions()


def socket_options(
    *,
    allowed_origins: AllowedOrigins = None,
    require_origin: bool = False,
    allow_credentials: bool = False,
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
    send_timeout: float | None = None,
) -> SocketOptions:
    """The keywords of `@app.websocket(...)` checked; the first three are `velocipy.origins.origin_policy`'s.

    `max_message_size` is in bytes (text as UTF-8): a longer message closes with 1009. Until it is whole it lies in the server,
    whose own limit bounds the memory: 16 MiB on Uvicorn (`--ws-max-size`) and Hypercorn (`websocket_max_message_size`), 64 MiB
    on Granian, which has no option for it. `send_timeout` is in seconds: how long a peer may take to make room for one message
    (None: for ever, or until the server's own pings give it up). Raises ConfigurationError.
    """
    if not isinstance(max_message_size, int) or isinstance(max_message_size, bool) or max_message_size < 0:
        raise ConfigurationError(f"max_message_size is a number of bytes, not {max_message_size!r}")
    if send_timeout is not None and not (
        isinstance(send_timeout, (int, float)) and not isinstance(send_timeout, bool) and send_timeout > 0
    ):
        raise ConfigurationError(
            f"send_timeout is a number of seconds above 0, or None, not {send_timeout!r}"
        )
    origins = origin_policy(
        allowed_origins, require_origin=require_origin, allow_credentials=allow_credentials
    )
    if origins.listed is not None and not origins.listed:
        raise ConfigurationError(
            "allowed_origins is empty, which no page passes: name origins, or 'same-origin'"
        )
    return SocketOptions(max_message_size, send_timeout, origins)
