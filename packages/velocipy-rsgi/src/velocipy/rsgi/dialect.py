"""RSGI as source for the handler compiler. Knows scope and protocol; everything about HTTP itself is core's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from velocipy.protocols import Dialect
from velocipy.rsgi.connection import RSGIConnection, read_body
from velocipy.rsgi.head import head
from velocipy.rsgi.lifespan import start, stop
from velocipy.rsgi.root import at_path, below, root_path
from velocipy.rsgi.websocket import RSGIWebSocket

if TYPE_CHECKING:
    from velocipy.protocols import HeaderPairs


def native(pairs: HeaderPairs) -> list[tuple[str, str]]:
    """RSGI takes pairs of str as they are."""
    return list(pairs)


dialect: Dialect = Dialect(
    name="rsgi",
    args=("scope", "proto"),
    is_socket="scope.proto == 'ws'",
    method="scope.method",
    path="scope.path",
    root_path="root_path(scope)",
    scheme="scope.scheme",
    headers="scope.headers",
    # HTTP/2 has no Host line; who has one does not pay for asking the server for the authority.
    hosts=("hosts = headers.get_all('host') or (scope.authority or '',)",),
    query_text="scope.query_string",
    connect="RSGIConnection(scope, proto)",
    connect_socket="RSGIWebSocket(scope, proto)",
    unpack=("scope = connection.scope", "proto = connection.proto"),
    read_body="read_body({length}, scope, proto, {limit}, {seconds})",
    send_body=("proto.response_bytes({status}, {headers}, body)",),
    send_empty=("proto.response_empty({status}, {headers})",),
    # A plain function: RSGI awaits what it returns, and one coroutine less is 70 ns.
    enter=("def enter", ""),
    prelude=(),
    native=native,
    env={
        "RSGIConnection": RSGIConnection,
        "RSGIWebSocket": RSGIWebSocket,
        "read_body": read_body,
        "root_path": root_path,
    },
    below=below,
    at_path=at_path,
    head=head,
    start=start,
    stop=stop,
)
