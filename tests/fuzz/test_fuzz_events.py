"""Fuzz target: server-sent events against a reader that takes one character after the other. Knows their wire format alone."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from drawing import cuts, mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http.sse import BEAT, EventBuffer, ServerSentEvent, event_bytes
from velocipy.json.base import find_encoder
from velocipy.testing.events import EventReader

encode = find_encoder("stdlib").encode


class Heard(NamedTuple):
    """What a script is told of an event."""

    data: str
    event: str
    id: str


class Slow:
    """WHATWG HTML section 9.2.6, as it is written there: `heard`, and what is remembered."""

    def __init__(self, stream: bytes) -> None:
        self.heard: list[Heard] = []
        self.id, self.retry = "", ""
        self.data, self.event = "", ""
        text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
        line, at = "", 0
        while at < len(text):
            if text[at] in "\r\n":
                at += text[at : at + 2] == "\r\n"
                self.process(line)
                line = ""
            else:
                line += text[at]
            at += 1

    def process(self, line: str) -> None:
        """A line without its end."""
        if line == "":
            if self.data:
                self.heard.append(Heard(self.data[:-1], self.event or "message", self.id))
            self.data = self.event = ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "data":
                self.data += value + "\n"
            elif field == "event":
                self.event = value
            elif field == "id" and "\0" not in value:
                self.id = value
            elif field == "retry" and value and all(char in "0123456789" for char in value):
                self.retry = value


TEXTS = st.text(st.sampled_from("a :\r\n\0é\u2028\x0b\x85\U0001f600\ufeffd"), max_size=12) | st.sampled_from(
    ["data: x\n\ndata: y", "id: 1\n", "\r", "\r\n\r\n", ":", "event: a", "\ufeff"]
)
LINES = TEXTS | st.sampled_from(["add", "7", "x-1", " "])
DATA = (
    TEXTS
    | st.none()
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    )
)


@unhurried
@given(
    st.lists(
        st.tuples(
            DATA, st.none() | LINES, st.none() | LINES, st.none() | st.integers(-1, 10**6), st.none() | TEXTS
        ),
        max_size=4,
    )
)
@example([("a\r\r\nb", "x", "\ufeff", 0, "\n\n"), (None, None, "", None, None), ("", None, None, None, None)])
def test_what_is_written_is_heard_so_and_nothing_else(drawn: list[Any]) -> None:
    stream, expected, last, retry = b"", [], "", ""
    for data, event, id, again, comment in drawn:
        try:
            made = ServerSentEvent(data, event, id, again, comment)
        except ValueError:
            assert again == -1 or any(char in (event or "") + (id or "") for char in "\r\n\0")
            continue
        stream += event_bytes(made, encode) + BEAT
        last, retry = last if id is None else id, retry if again is None else str(again)
        if data is not None:
            text = data if isinstance(data, str) else encode(data).decode()
            expected.append(Heard(text.replace("\r\n", "\n").replace("\r", "\n"), event or "message", last))
            assert isinstance(data, str) or json.loads(expected[-1].data) == data
    slow = Slow(stream)
    assert (slow.heard, slow.id, slow.retry) == (expected, last, retry)


PIECES = [
    b"data",
    b"data:",
    b"data: x",
    b"event: e",
    b"id:",
    b"id: 1",
    b"id: \0",
    b"retry: 5",
    b"retry: \xd9\xa1",
    b":",
    b" ",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
]
PIECES += [b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xa9", b"\xe2\x80\xa8", b"retry:", b"9" * 400]
STREAMS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


@unhurried
@given(mutated(STREAMS, PIECES), st.lists(st.integers(0, 999), max_size=8))
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
@example(b"data: a\r\n\r\n", [8, 9, 10])
@example(b"retry:" + b"9" * 5_000 + b"\n", [])
def test_the_client_for_tests_hears_what_a_slow_reader_hears(stream: bytes, borders: list[int]) -> None:
    slow, reader = Slow(stream), EventReader()
    heard = [
        Heard(event.data, event.event, event.id)
        for piece in cuts(stream, borders)
        for event in reader.feed(piece)
    ]
    assert heard == slow.heard
    assert reader.last_event_id == slow.id
    assert (reader.retry is None) == (not slow.retry) or len(slow.retry) > 15


@unhurried
@given(TEXTS, st.integers(1, 200))
def test_an_event_is_written_in_work_that_its_lines_bound(text: str, times: int) -> None:
    text *= times
    lines = text.count("\r") + text.count("\n") + 1
    event = ServerSentEvent(text, comment=text)
    assert work(event_bytes, event, encode) <= 6 * lines + 20
    assert len(event_bytes(event, encode)) <= 2 * len(text.encode()) + 14 * lines + 2


@unhurried
@given(
    st.integers(1, 6),
    st.integers(0, 12),
    LINES | st.integers(-2, 20).map(str),
    st.sampled_from(["own", "other", "none"]),
)
def test_a_buffer_replays_from_any_id_what_it_still_has(size: int, count: int, text: str, whose: str) -> None:
    buffer = EventBuffer(size)
    ids = [buffer.append(number) for number in range(count)]
    token = buffer.append("last").rpartition("-")[0]
    ids.append(f"{token}-{count}")
    asked = {"own": f"{token}-{text}", "other": f"{token[::-1]}x-{text}", "none": text}[whose]
    replay = buffer.since(asked)
    kept = ids[-size:]
    position = ids.index(asked) if asked in ids else None
    wanted = kept if position is None else [each for each in ids[position + 1 :] if each in kept]
    assert [event.id for event in replay] == wanted or (asked == f"{token}-{count + 1}")
    if position is not None:
        assert replay.complete == (position >= len(ids) - size - 1)
