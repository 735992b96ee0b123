"""The load generator for WebSockets: a program of its own, so that it can be pinned. Knows frames; does not know servers.

    python chatter.py '{"port": 8000, "request": "<base64>", "message": "<base64>", "seconds": 1.0, "connections": 64}'
    -> {"requests": 31415, "seconds": 1.0003, "faults": []}

N connections, on each of them one message after the other, the next when the last has come back. No event loop in between: a
select and a recv cost 3 us a message, so that the server stays the limit.
"""

from __future__ import annotations

import base64
import json
import select
import socket
import sys
import time
from typing import Final

PATIENCE: Final = 5.0


def client_frame(text: bytes) -> bytes:
    """A masked text frame of at most 125 bytes (RFC 6455 section 5.2); a mask of zeros leaves the text as it is."""
    return bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text


def server_frame(text: bytes) -> bytes:
    return bytes([0x81, len(text)]) + text


def opened(port: int, request: bytes) -> socket.socket:
    """A connection whose handshake was taken. Raises OSError; ValueError where it was refused."""
    made = socket.create_connection(("127.0.0.1", port), PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.sendall(request)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        got = made.recv(4096)
        head += got
        if not got or not head.startswith(b"HTTP/1.1 101"[: len(head)]):
            raise ValueError(f"the handshake was answered with {head[:60]!r}")
    return made


def chat(port: int, request: bytes, message: bytes, seconds: float, connections: int) -> dict[str, object]:
    """The report. A connection that ends, or an answer that is not the message, ends all with a fault."""
    sent, due = client_frame(message), server_frame(message)
    sockets = {one.fileno(): one for one in (opened(port, request) for _ in range(connections))}
    halves: dict[int, bytes] = {}
    poll = select.epoll()
    for number, one in sockets.items():
        poll.register(number, select.EPOLLIN)
        one.setblocking(False)
    began = time.perf_counter()
    for one in sockets.values():
        one.send(sent)
    count, until = 0, began + seconds
    while (now := time.perf_counter()) < until:
        for number, _ in poll.poll(max(until - now, 0)):
            got = halves.pop(number, b"") + sockets[number].recv(4096)
            if got == due:
                count += 1
                sockets[number].send(sent)
            elif got and due.startswith(got):
                halves[number] = got
            else:
                return {"requests": count, "seconds": seconds, "faults": [f"{got[:40]!r} came back"]}
    spent = time.perf_counter() - began
    for one in sockets.values():
        one.close()
    return {"requests": count, "seconds": spent, "faults": []}


def main() -> None:
    asked = json.loads(sys.argv[1])
    request, message = (base64.b64decode(asked.pop(name)) for name in ("request", "message"))
    print(json.dumps(chat(request=request, message=message, **asked)))


if __name__ == "__main__":
    main()
