"""The comparison before the timing. Knows hand-made answers and two small servers in threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from benchkit.compare import Answer, asks, differences, exact, fetch, lacks, loose, places, worded
from benchkit.workloads import WORKLOADS, Ask, Workload

JSON = ("content-type", "application/json")


def answer(status: int = 200, body: bytes = b'{"a":1}', *headers: tuple[str, str]) -> Answer:
    return Answer(status, headers or (JSON,), body)


@contextmanager
def serving(status: int, body: bytes, headers: dict[str, str]) -> Iterator[int]:
    """A server that gives one answer to every GET; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_equal_answers_have_no_differences() -> None:
    assert exact(answer(), answer()) == []


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (answer(201), "status"),
        (answer(200, b'{"a": 1}'), "body"),
        (answer(200, b'{"a":1}', ("content-type", "text/json")), "headers"),
        (answer(200, b'{"a":1}', JSON, ("x-extra", "1")), "headers"),
        (answer(200, b'{"a":1}', JSON, JSON), "number of headers"),
    ],
)
def test_every_part_of_an_answer_counts(other: Answer, named: str) -> None:
    found = exact(answer(), other)
    assert found and any(line.startswith(named) for line in found)


def test_a_stream_may_have_a_length_where_chunks_were_expected() -> None:
    chunked = ("transfer-encoding", "chunked")
    streamed = answer(200, b"abc", JSON, chunked)
    assert exact(streamed, answer(200, b"abc", ("content-length", "3"), JSON)) == []
    assert exact(streamed, answer(200, b"abc", ("content-length", "4"), JSON))
    assert exact(answer(200, b"abc", ("content-length", "3"), JSON), streamed)
    assert exact(streamed, answer(200, b"abc", ("content-length", "3"), JSON, chunked))


def test_of_a_long_body_only_the_beginning_is_shown() -> None:
    (found,) = exact(answer(), answer(200, b"x" * 50_000))
    assert len(found) < 400 and "(50,003 characters) came" in found


def test_the_wording_of_a_422_is_free_but_its_places_are_not() -> None:
    raw = answer(422, b'{"detail":[{"loc":["query","page"],"msg":"a"}]}', JSON, ("content-length", "44"))
    same = answer(
        422, b'{"detail":[{"loc":["query","page"],"msg":"other words"}]}', JSON, ("content-length", "54")
    )
    elsewhere = answer(
        422, b'{"detail":[{"loc":["query","size"],"msg":"a"}]}', JSON, ("content-length", "44")
    )
    assert worded(raw, same) == []
    assert worded(raw, elsewhere) != []
    assert worded(raw, answer(422, b"oops", JSON)) != []


def test_the_wording_of_a_404_is_not_free() -> None:
    """It is timed, so a shorter text would be a faster one."""
    assert worded(answer(404, b'{"detail":"Not Found"}'), answer(404, b'{"detail":"?"}')) != []


def test_a_success_where_a_refusal_was_due_is_always_a_difference() -> None:
    refusal = answer(422, b'{"detail":[]}')
    assert worded(refusal, answer(200)) != []
    assert loose(refusal, answer(200)) != []


def test_peers_may_space_their_json_and_word_their_refusals() -> None:
    assert (
        loose(answer(200, b'{"a":1}'), answer(200, b'{ "a": 1 }', ("content-type", "application/json; v=1")))
        == []
    )
    assert loose(answer(422), answer(400, b"bad")) == []
    assert loose(answer(200, b'{"a":1}'), answer(200, b'{"a":2}')) != []


def test_peers_are_not_asked_what_frameworks_may_see_differently() -> None:
    workload = WORKLOADS["items"]
    assert set(asks(workload, worded)) - set(asks(workload, loose)) == set(workload.ours)
    assert workload.ours


def test_places_of_a_text_are_none_and_of_another_shape_are_its_own() -> None:
    assert places(b'{"detail":"Not Found"}') == []
    assert places(b'{"detail":[{"loc":["query",0]}]}') == [["query", "0"]]
    assert places(b"[]") != places(b"{}")


def test_date_and_server_are_left_out_and_allow_is_a_set() -> None:
    with serving(200, b"x", {"Allow": "POST, GET"}) as port:
        found = fetch(port, Ask("GET", "/"))
    assert dict(found.headers) == {"allow": "GET, POST", "content-length": "1"}


def test_two_servers_that_differ_in_one_header_are_named_with_the_request() -> None:
    workload = Workload("tiny", "tiny", Ask("GET", "/a?b=1"))
    with serving(200, b"x", {"x-kind": "one"}) as base, serving(200, b"x", {"x-kind": "two"}) as other:
        assert differences(workload, base, base, exact) == []
        (text,) = differences(workload, base, other, exact)
    assert "tiny: GET /a?b=1" in text and "'x-kind': 'two'" in text


def test_two_servers_that_agree_on_the_wrong_status_are_refused() -> None:
    """Otherwise two apps that both fail would be timed failing."""
    workload = Workload("tiny", "tiny", Ask("GET", "/"), status=200)
    with serving(500, b"x", {}) as port:
        (text,) = differences(workload, port, port, exact)
    assert "the base answers 500, not 200" in text


def test_a_server_that_does_not_answer_is_a_difference_and_not_a_crash() -> None:
    workload = Workload("tiny", "tiny", Ask("GET", "/"))
    with serving(200, b"x", {}) as base:
        with serving(200, b"x", {}) as gone:
            pass
        (text,) = differences(workload, base, gone, exact)
    assert "no answer" in text


def test_every_workload_times_a_request_and_compares_wrong_ones() -> None:
    assert list(WORKLOADS) == [
        "plain",
        "json",
        "items",
        "body",
        "pydantic",
        "rows",
        "deps",
        "stream",
        "chunks",
        "file",
        "echo",
        "empty",
        "armored",
        "missing",
    ]
    assert all(workload.wrong or workload.ours for workload in WORKLOADS.values())


def test_an_app_that_has_no_such_route_is_told_from_one_that_answers_wrongly() -> None:
    workload = Workload("tiny", "tiny", Ask("GET", "/"))
    with serving(404, b"x", {}) as port:
        assert lacks(workload, port)
        assert not lacks(WORKLOADS["missing"], port)
    with serving(500, b"x", {}) as port:
        assert not lacks(workload, port)
    assert not lacks(workload, port)  # which is gone


def test_a_server_that_takes_no_websocket_differs() -> None:
    workload = Workload("talk", "talk", Ask("GET", "/"), message=b"raptor")
    with serving(200, b"x", {}) as port:
        (text,) = differences(workload, port, port, exact)
    assert "no WebSocket: the handshake was answered with" in text
