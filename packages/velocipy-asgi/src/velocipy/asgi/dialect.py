"""ASGI 3 as source for the handler compiler. Knows scope, receive and send; everything about HTTP itself is core's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from velocipy.asgi.connection import ASGIConnection, HeaderView, hosts_of, joined_lines, read_body
from velocipy.asgi.head import head
from velocipy.asgi.lifespan import serve_lifespan
from velocipy.asgi.root import at_path, below, root_path, routed_path
from velocipy.asgi.websocket import ASGIWebSocket
from velocipy.protocols import Dialect

if TYPE_CHECKING:
    from velocipy.protocols import HeaderPairs


def native(pairs: HeaderPairs) -> list[tuple[bytes, bytes]]:
    """[("a", "b")] -> [(b"a", b"b")]; the gate has let nothing but ASCII through."""
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in pairs]


def _field_text(first: str, name: str, default: str) -> str:
    return f"value.decode() if (value := {first}.get({name.encode()!r})) is not None and value.isascii() else {default}"


dialect: Dialect = Dialect(
    name="asgi",
    args=("scope", "receive", "send"),
    is_socket="scope['type'] == 'websocket'",
    method="scope['method']",
    # Asking costs 35 ns; nearly no request has a root.
    path="(routed_path(scope) if scope.get('root_path') else scope['path'])",
    root_path="(root_path(scope) if scope.get('root_path') else '')",
    scheme="scope.get('scheme', 'http')",
    headers="HeaderView(scope['headers'])",
    # Undecoded, and without a HeaderView, which a handler that reads no header does not make: 100 ns instead of 420, and 190 as a
    # comprehension, which is a function of its own before Python 3.12.
    hosts=(
        "hosts = []",
        "for name, value in scope['headers']:",
        "    if name == b'host': hosts.append(value)",
    ),
    query_text="scope['query_string'].decode('latin-1')",
    connect="ASGIConnection(scope, receive, send)",
    connect_socket="ASGIWebSocket(scope, receive, send)",
    unpack=("scope = connection.scope", "receive = connection.receive", "send = connection.emit"),
    # The table costs 230 ns for six headers, a HeaderView that makes it itself 420 and one that is given it 110; a look-up there takes
    # 130, and here 60.
    fields=(
        "lines = scope['headers']",
        "first = dict(lines)",
        "if len(first) < len(lines): first = dict(reversed(lines))",
    ),
    headers_of_fields="HeaderView(lines, first)",
    hosts_of_fields="hosts_of(lines)",
    hosts_in_place="[first[b'host']] if len(first) == len(lines) and b'host' in first else hosts_of(lines)",
    knows_host="len(first) == len(lines) and first.get(b'host') in known_hosts",
    field=lambda first, name: f"{first}.get({name.encode()!r})",
    field_text=_field_text,
    # Which has nothing to join where no name comes twice.
    field_joined=lambda first, name, default: (
        f"({_field_text(first, name, default)}) if len({first}) == len(lines) else joined_lines(lines, {name.encode()!r}, {default})"
    ),
    field_value=lambda value: repr(value.encode()),
    read_body="read_body({length}, scope, receive, {limit}, {seconds})",
    # A list of its own for each answer: servers and foreign middleware add to it.
    send_body=(
        "await send({{'type': 'http.response.start', 'status': {status}, "
        "'headers': [*{headers}, (b'content-length', b'%d' % len(body))]}})",
        "await send({{'type': 'http.response.body', 'body': body}})",
    ),
    send_counted=(
        "await send({{'type': 'http.response.start', 'status': {status}, 'headers': [*{headers}]}})",
        "await send({{'type': 'http.response.body', 'body': body}})",
    ),
    send_empty=(
        "await send({{'type': 'http.response.start', 'status': {status}, 'headers': [*{headers}]}})",
        "await send({{'type': 'http.response.body', 'body': b''}})",
    ),
    # A plain function: the app awaits what it returns, and one coroutine less is 70 ns.
    enter=("def enter", ""),
    prelude=("if scope['type'] == 'lifespan': return serve_lifespan(app.lifespan, receive, send)",),
    native=native,
    env={
        "ASGIConnection": ASGIConnection,
        "ASGIWebSocket": ASGIWebSocket,
        "HeaderView": HeaderView,
        "hosts_of": hosts_of,
        "joined_lines": joined_lines,
        "read_body": read_body,
        "root_path": root_path,
        "routed_path": routed_path,
        "serve_lifespan": serve_lifespan,
    },
    below=below,
    at_path=at_path,
    head=head,
)
