"""Holds idle connections to a server, from a process of its own. Knows sockets; does not know what they cost.

    python holder.py KIND PORT COUNT       KIND is `websocket` or `kept`, an HTTP connection after its first answer

Says `open` once all are there, and closes them at the next line of its standard input.
"""

from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchkit.chatter import opened

SHAKE: Final = (
    b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def websocket(port: int) -> socket.socket:
    return opened(port, SHAKE)


def kept(port: int) -> socket.socket:
    """A connection on which `GET /` was answered."""
    made = socket.create_connection(("127.0.0.1", port), 20)
    made.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while not answer.endswith(b"Hello, World!"):
        got = made.recv(4096)
        if not got:
            raise OSError("the server has closed a connection")
        answer += got
    return made


KINDS: Final[dict[str, Callable[[int], socket.socket]]] = {"websocket": websocket, "kept": kept}


def main(arguments: Sequence[str]) -> int:
    kind, port, count = arguments[0], int(arguments[1]), int(arguments[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = [KINDS[kind](port) for _ in range(count)]
    print("open", flush=True)
    sys.stdin.readline()
    lost = 0
    for each in held:
        each.setblocking(False)
        try:
            lost += each.recv(1) == b""
        except BlockingIOError:
            pass
        each.close()
    print(lost, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
