"""Where a server is to listen: hosts, ports, and whether somebody listens there already. Knows sockets; starts no server."""

from __future__ import annotations

import errno
import socket
import sys

from velocipy.cli.errors import CommandError

PORT = 8000

TRIES = 20
"""Ports that are tried from the first one on, where none was named."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that mean every address of the machine -> the one to show, since a browser cannot ask for all."""


def url_of(host: str, port: int) -> str:
    """The URL under which this machine reaches what listens there; an IPv6 address goes into brackets."""
    shown = ANYWHERE.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def free_port(host: str) -> int:
    """The first port from PORT on that nobody listens on. Raises CommandError if there is none."""
    for port in range(PORT, PORT + TRIES):
        if is_free(host, port):
            return port
    raise CommandError(f"no port from {PORT} to {PORT + TRIES - 1} is free on {host}: name one with --port")


def checked_port(host: str, port: int) -> int:
    """The port. Raises CommandError where somebody listens: Granian would share it, and each would get some of the requests."""
    if not is_free(host, port):
        raise CommandError(f"somebody listens on {url_of(host, port)} already: choose another --port")
    return port


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there. Raises CommandError for a host or a port that cannot be listened on at all."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if sys.platform != "win32":  # pragma: no branch - there it would let two listen
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as exc:
        if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
            return False
        raise CommandError(f"cannot listen on {host!r}, port {port}: {exc}") from None
    return True
