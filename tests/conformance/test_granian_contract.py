"""Holds the in-process RSGI server against the real Granian: one fact a test, the same assertion on both.

A fact that fails on `granian` only has changed in a new release: measure, then change `velocipy.testing` with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import contract_app
import pytest
from contract_drivers import Answer, Driver, Granian, InProcess, Socket
from servers import serve

pytestmark = pytest.mark.servers
HERE = Path(__file__).parent
CONTENT = Path(contract_app.__file__).read_bytes()


@pytest.fixture(scope="module")
def granian() -> Iterator[Granian]:
    with serve("granian-rsgi", "contract_app:app", cwd=HERE) as server:
        yield Granian(server)
        assert server.alive(), server.tail()


@pytest.fixture(params=["in-process", "granian"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    if request.param == "granian":
        yield request.getfixturevalue("granian")
        return
    inside = InProcess()
    with inside.client:
        yield inside


# Start-up, scope and headers.


def test_init_is_called_while_the_loop_stands_still(driver: Driver) -> None:
    assert driver.notes("lifespan") == [False, "ran"]


def test_the_scope_has_a_decoded_path_and_a_raw_query(driver: Driver) -> None:
    driver.ask("/scope%2F%FF%zz%E2%98%83?a=%20&b=+", "OPTIONS")
    assert driver.notes("scope") == [
        "http",
        "1.6",
        "1.1",
        "http",
        "OPTIONS",
        "/scope/\ufffd%zz☃",
        "a=%20&b=+",
        None,
        [1, 1],
    ]


def test_the_scope_is_frozen_and_clones_its_headers(driver: Driver) -> None:
    driver.ask("/frozen")
    assert driver.notes("frozen") == ["AttributeError", "AttributeError", False]


def test_headers_are_a_case_blind_mapping_that_loses_what_is_not_visible_ascii(driver: Driver) -> None:
    sent = [
        ("X-Dup", "1"),
        ("x-dup", "2"),
        ("X-Bad", "\xff"),
        ("X-Mixed", "\xe9"),
        ("X-Mixed", "ok"),
        ("X-Tab", "a\tb"),
    ]
    driver.ask("/headers", headers=sent)
    assert driver.notes("headers") == [
        ["x-dup", "x-bad", "x-mixed", "x-tab"],
        [["x-dup", "1"], ["x-dup", "2"], ["x-mixed", "ok"], ["x-tab", "a\tb"]],
        ["1", "default", "default", "a\tb", "1", "default", "default"],
        [["1", "2"], [], ["ok"], ["a\tb"], ["1", "2"], []],
        ["1", "", "", "a\tb", "KeyError"],
        [True, False, True],
        [True, True],
        "TypeError",
    ]


# The request body.


def test_the_whole_body_can_be_had_once(driver: Driver) -> None:
    driver.ask("/body_call", "POST", body=b"hello")
    assert driver.notes("body_call") == ["hello", "RSGIProtocolError", "RSGIProtocolError"]


def test_the_body_can_be_iterated_once_and_ends_with_an_empty_chunk(driver: Driver) -> None:
    driver.ask("/body_iterate", "POST", body=b"hello")
    assert driver.notes("body_iterate") == [
        [5, 0],
        "RSGIProtocolError",
        "StopAsyncIteration",
        "RSGIProtocolError",
    ]


def test_no_body_is_one_empty_chunk(driver: Driver) -> None:
    driver.ask("/body_iterate")
    assert driver.notes("body_iterate")[0] == [0]


def test_next_needs_iter_first(driver: Driver) -> None:
    driver.ask("/body_next_first", "POST", body=b"hello")
    assert driver.notes("body_next_first") == ["StopAsyncIteration", "hello"]


def test_the_body_can_be_read_after_the_answer(driver: Driver) -> None:
    driver.ask("/body_after_answer")
    assert driver.notes("body_after_answer") == [""]


@pytest.mark.case(18)
@pytest.mark.parametrize("framing", [("content-length", "50"), ("transfer-encoding", "chunked")])
def test_a_cut_body_iterates_to_two_empty_chunks(driver: Driver, framing: tuple[str, str]) -> None:
    driver.cut("/body_iterate", [framing], b"hello", b"world")
    assert driver.notes("body_iterate")[0] == [5, 5, 0, 0]


@pytest.mark.case(18)
def test_a_cut_body_raises_from_the_call_and_is_no_disconnect(driver: Driver) -> None:
    """client_disconnect() does not resolve after a body that was cut: the reader of the body has to tell."""
    driver.cut("/cut_call", [("content-length", "50")], b"hello")
    assert driver.notes("cut_call") == ["RSGIProtocolClosed", "TimeoutError"]


# A client that leaves.


@pytest.mark.case(17)
def test_client_disconnect_resolves_and_answers_go_nowhere(driver: Driver) -> None:
    driver.cut("/leaves_early", [])
    assert driver.notes("leaves_early") == [None, None, None]


@pytest.mark.case(17)
def test_a_client_that_leaves_during_an_unread_body_is_seen_by_reading_it(driver: Driver) -> None:
    driver.cut("/leaves_unread", [("content-length", "50")], b"hello")
    assert driver.notes("leaves_unread") == ["TimeoutError", "RSGIProtocolClosed", "TimeoutError"]


@pytest.mark.case(17)
def test_a_client_that_leaves_behind_an_unread_body_is_seen_once_that_is_read(driver: Driver) -> None:
    """The server itself reads no further than one piece."""
    driver.cut("/leaves_unread_whole", [("content-length", "10")], b"hello", b"world", whole=True)
    assert driver.notes("leaves_unread_whole") == ["TimeoutError", [5, 5, 0], None]


@pytest.mark.case(17)
def test_a_client_that_leaves_behind_an_unread_body_of_one_piece_is_seen(driver: Driver) -> None:
    driver.cut("/leaves_unread_piece", [("content-length", "5")], b"hello", whole=True)
    assert driver.notes("leaves_unread_piece") == [None, [5, 0], None]


def test_client_disconnect_resolves_when_asked_after_the_fact(driver: Driver) -> None:
    driver.cut("/leaves_before_asked", [])
    assert driver.notes("leaves_before_asked") == [None]


@pytest.mark.case(17)
def test_sending_into_a_stream_raises_after_the_client_left(driver: Driver) -> None:
    driver.cut("/leaves_stream", [])
    assert driver.notes("leaves_stream") == [None, None, "RSGIProtocolClosed", "RSGIProtocolClosed"]


def test_client_disconnect_does_not_resolve_after_a_whole_answer(driver: Driver) -> None:
    driver.ask("/never_leaves")
    assert driver.notes("never_leaves") == ["TimeoutError"]


def test_what_the_protocol_returns_is_awaitable_but_no_coroutine(driver: Driver) -> None:
    driver.ask("/awaitables")
    assert driver.notes("awaitables") == ["TypeError", "TimeoutError"]


# Answers.


def test_a_second_answer_is_ignored_and_a_second_stream_raises(driver: Driver) -> None:
    assert driver.ask("/second_answer") == Answer(
        200, ((b"x-first", b"1"), (b"content-length", b"5")), b"first"
    )
    assert driver.notes("second_answer") == [None, None, None, "RSGIProtocolError"]


def test_wrong_types_raise_and_leave_the_answer_open(driver: Driver) -> None:
    answer = driver.ask("/wrong_types")
    assert (answer.body, answer.header(b"x-tuple")) == (b"after all that", [b"fine"])
    statuses = ["TypeError", "TypeError", "TypeError", "OverflowError", "OverflowError"]
    headers = ["TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "UnicodeEncodeError"]
    bodies = ["TypeError", "TypeError", "ValueError", "OverflowError"]
    assert driver.notes("wrong_types") == [*statuses, *headers, *bodies]


@pytest.mark.case(12)
def test_headers_that_are_not_allowed_are_dropped_in_silence(driver: Driver) -> None:
    assert driver.ask("/odd_headers") == Answer(
        200,
        (
            (b"x-upper", b"Value"),
            (b"x-unicode", "é☃".encode()),
            (b"x-dup", b"1"),
            (b"x-dup", b"2"),
            (b"x-empty", b""),
            (b"content-length", b"4"),
        ),
        b"body",
    )


@pytest.mark.case(10)
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/length/bytes/5", Answer(200, ((b"content-length", b"5"),), b"12345")),
        ("/length/bytes/5,4", Answer(200, ((b"content-length", b"5"),), b"12345")),
        ("/length/empty/9", Answer(200, ((b"content-length", b"0"),))),
        ("/length/stream/3", Answer(200, ((b"content-length", b"3"),), b"123")),
        ("/length/stream/9", Answer(200, ((b"content-length", b"9"),), b"12345", "ServerClosed")),
        ("/length/stream/abc", Answer(fault="ServerClosed")),
    ],
)
def test_a_declared_length_is_trusted(driver: Driver, target: str, expected: Answer) -> None:
    """A stream is truncated to it or closed short of it; `response_empty` overrules it; one of several is sent."""
    assert driver.ask(target) == expected


@pytest.mark.case(10)
@pytest.mark.parametrize(
    ("declared", "fault"),
    [("3", "WireDesync"), ("9", "ResponseNeverEnds"), ("abc", "WireDesync"), ("4,5", "WireDesync")],
)
def test_a_wrong_length_of_a_buffered_body_breaks_the_wire(driver: Driver, declared: str, fault: str) -> None:
    assert driver.ask(f"/length/bytes/{declared}").fault == fault


@pytest.mark.parametrize("status", ["100", "102", "199"])
def test_an_informational_status_becomes_500(driver: Driver, status: str) -> None:
    answer = driver.ask(f"/status/{status}")
    assert (answer.status, answer.body) == (500, b"")


@pytest.mark.parametrize("status", ["100", "199"])
def test_a_stream_with_an_informational_status_becomes_500_and_is_closed(driver: Driver, status: str) -> None:
    answer = driver.ask(f"/status_stream/{status}")
    assert (answer.status, answer.body) == (500, b"")
    assert driver.notes("status_stream") == ["RSGIProtocolClosed"]


@pytest.mark.parametrize("status", ["200", "205", "404", "600", "999"])
def test_other_statuses_up_to_999_are_sent(driver: Driver, status: str) -> None:
    answer = driver.ask(f"/status/{status}")
    assert answer == Answer(int(status), ((b"x-a", b"b"), (b"content-length", b"0")))


@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 304])
def test_204_and_304_have_no_length(driver: Driver, status: int) -> None:
    assert driver.ask(f"/status/{status}") == Answer(status, ((b"x-a", b"b"),))


@pytest.mark.parametrize("name", ["nothing", "raises"])
def test_no_answer_is_an_empty_500(driver: Driver, name: str) -> None:
    assert driver.ask(f"/{name}") == Answer(500, ((b"content-length", b"0"),))


def test_an_exception_after_the_answer_changes_nothing(driver: Driver) -> None:
    assert driver.ask("/raises_late") == Answer(200, ((b"content-length", b"5"),), b"whole")


@pytest.mark.case(15)
def test_an_exception_in_a_stream_looks_like_its_end(driver: Driver) -> None:
    assert driver.ask("/raises_in_stream/x") == Answer(200, (), b"abc")


@pytest.mark.case(15)
def test_an_exception_in_a_stream_of_declared_length_closes_the_connection(driver: Driver) -> None:
    assert driver.ask("/raises_in_stream/9") == Answer(
        200, ((b"content-length", b"9"),), b"abc", "ServerClosed"
    )


def test_work_goes_on_after_the_answer(driver: Driver) -> None:
    driver.ask("/works_on")
    assert driver.notes("works_on") == ["worked on"]


# Streams and files.


def test_a_stream_takes_text_and_bytes_and_ends_when_it_is_dropped(driver: Driver) -> None:
    assert driver.ask("/stream") == Answer(200, ((b"x-a", b"b"),), b"abcd\xc3\xa9end")
    assert driver.notes("stream") == [None, None, None, "TypeError", "TypeError", None]


def test_a_stream_lives_as_long_as_somebody_holds_it(driver: Driver) -> None:
    assert driver.ask("/stream_held").body == b"before and after"


def test_a_stream_never_makes_the_app_wait(driver: Driver) -> None:
    """A megabyte is sent without one turn of the loop."""
    assert len(driver.ask("/stream_no_wait").body) == 1_000_000
    assert driver.notes("stream_no_wait") == [[]]


@pytest.mark.case(8)
def test_head_drops_the_body_and_keeps_its_length(driver: Driver) -> None:
    driver.ask("/second_answer", "HEAD")
    assert driver.ask("/second_answer", "HEAD") == Answer(
        200, ((b"x-first", b"1"), (b"content-length", b"5"))
    )


@pytest.mark.case(8)
def test_head_on_an_empty_answer_has_no_length(driver: Driver) -> None:
    assert driver.ask("/status/200", "HEAD") == Answer(200, ((b"x-a", b"b"),))


@pytest.mark.case(8)
def test_head_closes_a_stream_at_once(driver: Driver) -> None:
    assert driver.ask("/head_stream", "HEAD") == Answer(200)
    assert driver.notes("head_stream") == ["RSGIProtocolClosed"]


def test_a_file_is_sent_without_a_length(driver: Driver) -> None:
    assert driver.ask("/file") == Answer(200, ((b"x-a", b"b"),), CONTENT)


def test_a_missing_file_is_a_404_without_the_apps_headers(driver: Driver) -> None:
    assert driver.ask("/file_missing") == Answer(404, ((b"content-length", b"9"),), b"Not found")


def test_a_directory_in_the_place_of_a_file_breaks_off(driver: Driver) -> None:
    assert driver.ask("/file_directory") == Answer(200, ((b"x-a", b"b"),), b"", "ServerClosed")


@pytest.mark.skipif(sys.platform != "linux", reason="a pipe has a path on Linux alone")
def test_a_pipe_is_sent_as_a_file_to_its_end(driver: Driver) -> None:
    assert driver.ask("/file_pipe") == Answer(200, (), b"one two")


@pytest.mark.parametrize(("start", "end"), [(2, 7), (0, 1), (len(CONTENT) - 4, len(CONTENT) + 9)])
def test_a_file_range_ends_before_its_end_or_with_the_file(driver: Driver, start: int, end: int) -> None:
    assert driver.ask(f"/file_range/{start}-{end}") == Answer(206, (), CONTENT[start:end])


# WebSockets.


def test_a_websocket_scope_looks_like_http(driver: Driver) -> None:
    assert driver.socket("/ws_scope") == Socket(403)
    assert driver.notes("ws_scope") == ["ws", "http", "GET", "a, b"]


@pytest.mark.parametrize("status", [200, 401, 599])
def test_closing_before_accept_is_a_plain_answer_of_that_status(driver: Driver, status: int) -> None:
    assert driver.socket(f"/ws_refuse/{status}") == Socket(status)
    assert driver.notes("ws_refuse")[-3:] == [None, None, "RSGIProtocolError"]


@pytest.mark.parametrize("status", [100, 199])
def test_closing_before_accept_with_an_informational_status_is_a_500(driver: Driver, status: int) -> None:
    assert driver.socket(f"/ws_refuse/{status}") == Socket(500)


@pytest.mark.case(106)
@pytest.mark.parametrize("name", ["ws_return", "ws_raise"])
def test_a_websocket_that_nobody_accepts_is_a_403(driver: Driver, name: str) -> None:
    assert driver.socket(f"/{name}") == Socket(403)


@pytest.mark.case(106)
@pytest.mark.parametrize("name", ["ws_accept_return", "ws_accept_raise"])
def test_an_accepted_websocket_that_ends_is_closed_without_a_code(driver: Driver, name: str) -> None:
    assert driver.socket(f"/{name}") == Socket(101, None, (), 1005)


@pytest.mark.case(105)
def test_the_apps_close_has_no_code_and_the_clients_reply_is_received(driver: Driver) -> None:
    assert driver.socket("/ws_close") == Socket(101, None, (), 1005)
    assert driver.notes("ws_close") == [None, None, "RSGIProtocolError", 0, "RSGIProtocolClosed"]


def test_messages_are_of_three_kinds_and_a_close_has_no_code(driver: Driver) -> None:
    assert driver.socket("/ws_echo", "text", b"bytes", end="close", code=4000) == Socket(
        101, None, ("text", b"bytes")
    )
    after_close = ["RSGIProtocolClosed", "RSGIProtocolClosed", None]
    assert driver.notes("ws_echo")[-6:] == [
        [2, "text", True],
        [1, "bytes", True],
        [0, None, False],
        *after_close,
    ]


def test_a_lost_websocket_raises(driver: Driver) -> None:
    driver.socket("/ws_echo", "text", end="lose")
    closed = ["RSGIProtocolClosed", "RSGIProtocolClosed", "RSGIProtocolClosed", None]
    assert driver.notes("ws_echo")[-5:] == [[2, "text", True], *closed]


def test_a_second_reader_of_a_websocket_raises(driver: Driver) -> None:
    assert driver.socket("/ws_two_readers").messages == ("go",)
    assert driver.notes("ws_two_readers") == ["RSGIProtocolError", "went"]


def test_a_cancelled_receive_loses_no_message(driver: Driver) -> None:
    driver.socket("/ws_cancelled_reader")
    assert driver.notes("ws_cancelled_reader") == ["TimeoutError", "went"]


def test_a_websocket_checks_the_type_of_what_is_sent(driver: Driver) -> None:
    assert driver.socket("/ws_types").messages == (b"fine",)
    assert driver.notes("ws_types") == ["TypeError", "TypeError", None]


# What no server survives.


@pytest.mark.case(13)
@pytest.mark.parametrize(
    ("target", "websocket"),
    [
        ("/status/0", False),
        ("/status/99", False),
        ("/status/1000", False),
        ("/ws_refuse/1000", True),
        ("/ws_refuse/99", True),
        ("/ws_accept_twice", True),
    ],
)
def test_some_values_end_the_worker(target: str, websocket: bool) -> None:
    inside = InProcess()
    with inside.client:
        assert inside.crashes(target, websocket)
    with serve("granian-rsgi", "contract_app:app", cwd=HERE) as server:
        assert Granian(server).crashes(target, websocket), server.tail()
