"""HTTP/2 over the servers that speak it, with a client that is not ours: streams side by side, broken off, and what only HTTP/2 has.

By prior knowledge, and over TLS where ALPN chooses it. One server a kind serves all tests of the module, and its worker has to be the same
process at the end.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from multiplexed import Answer, Multiplexed
from servers import RunningServer, serve

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
HERE = Path(__file__).parent
KINDS = ("granian-rsgi", "granian-asgi", "hypercorn")
NUMBERS = count()
PROTOCOL_ERROR = 1


@pytest.fixture(scope="module")
def started() -> Iterator[Callable[[str], RunningServer]]:
    """A function from a kind to its server, which is started at its first use and has the same worker at the end."""
    running: dict[str, tuple[RunningServer, int]] = {}
    with ExitStack() as stack:

        def find(kind: str) -> RunningServer:
            if kind not in running:
                server = stack.enter_context(serve(kind, "http2_app:app", cwd=HERE))
                running[kind] = server, ask(server, "GET", "/state")["pid"]
            return running[kind][0]

        yield find
        for server, pid in running.values():
            assert ask(server, "GET", "/state")["pid"] == pid, (
                f"a worker of {server.kind} ended:\n{server.tail()}"
            )


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, started: Callable[[str], RunningServer]) -> RunningServer:
    return started(request.param)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Multiplexed]:
    with Multiplexed(server.port) as client:
        yield client


def once(server: RunningServer, *args: Any, **keywords: Any) -> tuple[Answer, int | None]:
    """One request on a connection of its own -> its answer, and the code of a GOAWAY."""
    with Multiplexed(server.port) as client:
        return client.answer(client.ask(*args, **keywords)), client.gone


def ask(server: RunningServer, *args: Any, **keywords: Any) -> Any:
    """The JSON of an answer."""
    return json.loads(once(server, *args, **keywords)[0].body)


def noted(client: Multiplexed, name: str, entries: int) -> list[Any]:
    """What an endpoint wrote down, once it is that much."""
    deadline = time.monotonic() + 20
    while len(found := json.loads(client.answer(client.ask("GET", f"/notes/{name}")).body)) < entries:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return list(found)


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_request_is_seen_as_it_was_sent(server: RunningServer, client: Multiplexed) -> None:
    fields = [("x-a", "1"), ("x-a", "2"), ("te", "trailers"), ("content-length", "5")]
    seen = json.loads(
        client.answer(client.ask("POST", "/seen", fields, b"hello", authority="a.example:8443")).body
    )
    assert (seen["method"], seen["version"], seen["body"]) == ("POST", "2", 5)
    assert (seen["host"], seen["url"]) == ("a.example", "http://a.example:8443/seen")
    assert [pair for pair in seen["headers"] if pair[0] != "host"] == sorted(map(list, fields))


@pytest.mark.case(25)
def test_crumbs_of_cookies_are_one_cookie_header(client: Multiplexed) -> None:
    """RFC 9113 section 8.2.3."""
    fields = [("cookie", "a=1"), ("cookie", 'b="2"; a=3'), ("cookie", "c=")]
    assert json.loads(client.answer(client.ask("GET", "/seen", fields)).body)["cookies"] == {
        "a": "1",
        "b": "2",
        "c": "",
    }


@pytest.mark.case(3)
@pytest.mark.parametrize("authority", ["a@b", "a b", "[", "a:99999", "a/b", "a" * 300])
def test_an_authority_that_is_no_host_is_refused(server: RunningServer, authority: str) -> None:
    answer, gone = once(server, "GET", "/seen", authority=authority)
    assert answer.status == 400 or answer.reset == PROTOCOL_ERROR or gone == PROTOCOL_ERROR


def test_a_host_line_stands_in_for_an_authority(server: RunningServer) -> None:
    assert ask(server, "GET", "/seen", [("host", "other.example")], authority=None)["host"] == "other.example"


def test_of_two_hosts_one_is_taken_or_neither(server: RunningServer) -> None:
    """The Host line, which is all that Granian's ASGI shows, and so what is checked over RSGI too; Hypercorn refuses both."""
    answer, gone = once(server, "GET", "/seen", [("host", "other.example")], authority="a.example")
    if server.kind == "hypercorn":
        assert (answer.status, gone) == (0, PROTOCOL_ERROR)
    else:
        assert json.loads(answer.body)["host"] == "other.example"


@pytest.mark.case(18)
@pytest.mark.parametrize("declared", ["2", "9"])
def test_a_length_that_is_not_the_body_s_breaks_the_stream(server: RunningServer, declared: str) -> None:
    """Hypercorn ends the whole connection."""
    answer, gone = once(server, "POST", "/seen", [("content-length", declared)], b"hello")
    assert answer.status in (0, 400) and (answer.reset == PROTOCOL_ERROR or gone is not None)


@pytest.mark.parametrize(
    "field",
    [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip"),
        ("upgrade", "websocket"),
        ("X-Upper", "1"),
        ("x-a", "a\0b"),
    ],
    ids=lambda field: field[0],
)
def test_a_field_of_http1_breaks_the_stream(server: RunningServer, field: tuple[str, str]) -> None:
    """RFC 9113 section 8.2; the app sees none of them."""
    answer, gone = once(server, "GET", "/seen", [field])
    assert answer.status == 0 and (answer.reset == PROTOCOL_ERROR or gone is not None)


def test_trailers_end_a_body_as_well_as_anything(client: Multiplexed) -> None:
    stream = client.ask("POST", "/upload/trailed", [], b"hello", trailers=[("x-checksum", "1")])
    assert (client.answer(stream).status, client.answer(stream).body) == (200, b"5")
    seen = json.loads(
        client.answer(client.ask("POST", "/seen", [], b"hello", trailers=[("x-checksum", "1")])).body
    )
    assert seen["body"] == 5 and "x-checksum" not in dict(seen["headers"])


# -- answers -----------------------------------------------------------------------------------------------------------


def test_answers_have_the_app_s_headers_and_none_of_the_connection(client: Multiplexed) -> None:
    answer = client.answer(client.ask("GET", "/own"))
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"own", ["3"])
    assert (answer.header("x-own"), answer.header("x-mixed")) == (["1", "2"], ["Case"])
    assert [line.partition(";")[0] for line in answer.header("set-cookie")] == ["a=1", "b=2"]
    assert client.answer(client.ask("GET", "/hop")).status == 500
    for path in ("/own", "/hop", "/rows/2", "/events", "/nowhere"):
        names = [name for name, _ in client.answer(client.ask("GET", path)).headers]
        assert not {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"} & {*names}
        assert [name.lower() for name in names] == names


@pytest.mark.case(8)
@pytest.mark.parametrize("path", ["/own", "/seen", "/rows/3", "/nowhere", "/small", "/hop"])
def test_head_has_the_headers_of_get_and_no_body(client: Multiplexed, path: str) -> None:
    """Granian sends any body that it is given, which a client of HTTP/2 takes for a broken stream."""
    get, head = client.answer(client.ask("GET", path)), client.answer(client.ask("HEAD", path))
    assert (head.status, head.body, head.ended, head.reset) == (get.status, b"", True, None)
    length = (
        [str(int(get.header("content-length")[0]) + 1)] if path == "/seen" else get.header("content-length")
    )  # its method is longer
    if (
        path != "/rows/3"
    ):  # what is made while it is sent has a length where it came whole, and HEAD does not make it
        assert head.header("content-length") == length
    assert head.header("content-type") == get.header("content-type")


@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 205, 304])
def test_what_has_no_body_ends_with_its_headers(client: Multiplexed, status: int) -> None:
    answer = client.answer(client.ask("GET", f"/empty/{status}"))
    assert (answer.status, answer.body, answer.ended) == (status, b"", True)


def test_streams_and_events_arrive_whole(client: Multiplexed) -> None:
    rows = client.answer(client.ask("GET", "/rows/300"))
    assert rows.body == b"".join(bytes([number % 256]) * 1_000 for number in range(300))
    assert client.answer(client.ask("GET", "/events")).body == b"data: 1\n\ndata: 2\n\n"


def test_fifty_streams_are_served_side_by_side(client: Multiplexed) -> None:
    """The later ones answer first; one after the other they would take 6 s."""
    began = time.monotonic()
    streams = [client.ask("GET", f"/number/{number}") for number in range(50)]
    assert [client.answer(stream).body for stream in streams] == [
        str(number).encode() for number in range(50)
    ]
    assert time.monotonic() - began < 5


# -- what breaks off ---------------------------------------------------------------------------------------------------


@pytest.mark.case(17)
def test_a_stream_that_is_reset_ends_its_endpoint_and_no_other_stream(client: Multiplexed) -> None:
    name = f"endless-{next(NUMBERS)}"
    endless, rows = client.ask("GET", f"/endless/{name}"), client.ask("GET", "/rows/30")
    client.some(endless, 3_000)
    client.reset(endless)
    assert len(client.answer(rows).body) == 30_000
    assert noted(client, name, 2) == ["begun", "left"]


@pytest.mark.case(18)
@pytest.mark.parametrize("fields", [[], [("content-length", "9000")]], ids=["no length", "a length"])
def test_an_upload_that_is_reset_is_a_client_that_left(
    server: RunningServer, client: Multiplexed, fields: list[tuple[str, str]]
) -> None:
    """Over RSGI Granian goes on for ever with empty chunks: who counts on an end of them never comes back."""
    name = f"upload-{next(NUMBERS)}"
    stream = client.ask("POST", f"/upload/{name}", fields, b"x" * 5_000, end=False)
    time.sleep(0.2)  # until the endpoint has them
    client.reset(stream)
    (heard,) = noted(client, name, 1)
    assert heard[1] == "ClientDisconnected"
    assert heard[0] in (0, 5_000)


@pytest.mark.case(29)
def test_a_body_beyond_the_limit_is_413_and_the_connection_goes_on(
    server: RunningServer, client: Multiplexed
) -> None:
    for fields in ([], [("content-length", "2000")]):
        answer = client.answer(client.ask("POST", "/small", fields, b"x" * 2_000))
        assert (answer.status, answer.body) == (413, b'{"detail":"Payload Too Large"}')
    assert (
        client.answer(client.ask("GET", "/own")).status == 200
        or server.kind == "hypercorn"
        and client.gone is not None
    )


def test_a_client_that_vanishes_with_ten_streams_leaves_nothing(server: RunningServer) -> None:
    """Hypercorn keeps tasks of a connection that is gone for as long as its keep-alive, 5 s, whatever the app."""
    tasks = ask(server, "GET", "/state")["tasks"]  # that of the connection which asks among them
    name, deadline = f"vanished-{next(NUMBERS)}", time.monotonic() + 20
    with Multiplexed(server.port) as client:
        for stream in [client.ask("GET", f"/endless/{name}-{number}") for number in range(10)]:
            client.some(stream, 1_000)
    with Multiplexed(server.port) as client:
        for number in range(10):
            assert noted(client, f"{name}-{number}", 2) == ["begun", "left"]
        while (
            server.kind != "hypercorn"
            and json.loads(client.answer(client.ask("GET", "/state")).body)["tasks"] > tasks
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)


# -- over TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody has signed but itself, and its key."""
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *made, *names], check=True, capture_output=True, timeout=60)
    return certificate, key


@pytest.mark.parametrize("kind", KINDS)
def test_over_tls_the_client_s_list_chooses_the_protocol(kind: str, certificate: tuple[Path, Path]) -> None:
    chain, key = map(str, certificate)
    options = (
        ["--certfile", chain, "--keyfile", key]
        if kind == "hypercorn"
        else ["--ssl-certificate", chain, "--ssl-keyfile", key]
    )
    context = ssl.create_default_context(cafile=chain)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with serve(
        kind, "http2_app:app", cwd=HERE, options=options, answered=lambda port: handshakes(port, context)
    ) as server:
        with Multiplexed(server.port, tls=context) as client:
            assert client.protocol == "h2"
            seen = json.loads(client.answer(client.ask("GET", "/seen", authority="localhost")).body)
            assert (seen["version"], seen["url"]) == ("2", "https://localhost/seen")
            assert client.answer(client.ask("HEAD", "/own")).header("content-length") == ["3"]


def handshakes(port: int, context: ssl.SSLContext) -> bool:
    """Whether somebody answers, over TLS."""
    try:
        with Multiplexed(port, tls=context, timeout=2) as client:
            return client.answer(client.ask("GET", "/state")).status == 200
    except OSError:
        return False
