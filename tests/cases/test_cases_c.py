"""Cases 29 to 40: bodies and JSON. Bodies of the wire at every place, JSON for every kind of model under every encoder."""

from __future__ import annotations

import gzip
import json
import logging
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from case_bodies import LIMIT
from case_models import BROKEN, JSON, MODELS, bodies_app, bomb, echoing, taking
from case_results import UNWRITABLE, results_app
from case_targets import Target, WireTarget
from wire import WireResponse

FORM = ("Content-Type", "application/x-www-form-urlencoded")
TOO_LARGE = b'{"detail":"Payload Too Large"}'
# What kernels and servers may hold of a body that the app has refused, in bytes.
IN_FLIGHT = 32_000_000
READERS = (("/item", JSON), ("/chunks", JSON), ("/form", FORM))


def item_of(size: int) -> bytes:
    """A JSON object of that many bytes."""
    return b'{"text":"%s"}' % (b"x" * (size - 11))


def says(answer: WireResponse | None) -> tuple[int, bytes] | None:
    """Status and body of an answer."""
    return None if answer is None else (answer.status, answer.body)


def in_chunks(target: Target, path: str, *chunks: bytes) -> tuple[int, bytes] | None:
    """The answer to a body that does not say its length."""
    with target.open("POST", path, JSON) as sending:
        for chunk in chunks:
            sending.feed(chunk)
        sending.end()
        return says(sending.answer())


@pytest.mark.case(29)
def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(target: Target) -> None:
    for path, limit in (("/item", LIMIT), ("/more", 2 * LIMIT)):
        for size, expected in ((limit, (200, b"%d" % (limit - 11))), (limit + 1, (413, TOO_LARGE))):
            body = item_of(size)
            assert says(target.ask("POST", path, JSON, body=body)) == expected
            assert in_chunks(target, path, body) == expected
            assert in_chunks(target, path, body[:-1], body[-1:]) == expected
    assert says(target.ask("POST", "/none", body=b"")) == (200, b"0")
    assert says(target.ask("POST", "/none", JSON, body=b"{")) == (413, TOO_LARGE)
    assert in_chunks(target, "/none", b"{") == (413, TOO_LARGE)
    before = {name: target.count(name) for name in ("item", "chunks", "form")}
    for path, kind in READERS:
        with target.open("POST", path, kind, ("Content-Length", str(LIMIT + 1))) as sending:
            assert says(sending.answer()) == (413, TOO_LARGE)  # before any of it is sent
        with target.open("POST", path, kind) as sending:
            sending.feed(b"x" * LIMIT)
            sending.feed(b"x")
            assert says(sending.answer()) == (413, TOO_LARGE)  # though there is more to come
        if target.on_wire:  # RFC 9112 section 6.3: the chunks are the body; to refuse both is right, too
            chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (50 * LIMIT, b"x" * 50 * LIMIT)
            both = (("Content-Length", "2"), ("Transfer-Encoding", "chunked"))
            with target.open("POST", path, kind, *both) as sending:
                sending.feed(chunks)
                answer = sending.answer()
            assert answer is not None and answer.status in (400, 413)
    assert {name: target.count(name) for name in before} == before
    with target.open("POST", "/chunks", JSON, ("Content-Length", "2")) as sending:
        sending.feed(b"{}" + item_of(2 * LIMIT))  # beyond its length it is no body, or refused
        sending.end()
        answer = sending.answer()
    assert says(answer) in ((200, b"2"), (413, TOO_LARGE)) or (answer is not None and answer.status == 400)


@pytest.mark.case(30)
def test_a_client_that_sends_without_end_is_not_listened_to(
    target: Target, remark: Callable[[str], None]
) -> None:
    before = memory_of(target)
    for path, kind in READERS:
        sent = 0
        with target.open("POST", path, kind) as sending:
            while sent < 2 * IN_FLIGHT and sending.feed(b"x" * 65_536):
                sent += 65_536
        assert sent < IN_FLIGHT
    assert memory_of(target) - before < 16_000_000
    for path, kind in READERS:
        with target.open("POST", path, kind) as sending:
            sending.feed(b"x" * (LIMIT + 1))
            assert says(sending.answer()) == (413, TOO_LARGE)
    if target.name == "hypercorn":
        remark("closes the connection, and keeps a task of its own for it.")


def memory_of(target: Target) -> int:
    """Bytes of memory of a server and its workers; nothing for the app in this process, which others share."""
    return target.server.memory() if isinstance(target, WireTarget) else 0


@pytest.mark.case(31)
def test_a_body_that_is_nested_without_end_is_400(models_of: Any, within: Any) -> None:
    deep = 100_000
    bodies = (
        b"[" * deep + b"]" * deep,
        b'{"x":' * deep + b"1" + b"}" * deep,
        b'{"x":' + b"[" * deep + b"]" * deep + b"}",
        b'{"unknown":' + b"[" * deep + b"]" * deep + b"}",
        b'{"x":' + b'[{"a":' * deep + b"1" + b"}]" * deep + b"}",
        b"[" * deep,
        b'{"n":' * deep,
    )
    for client, path in models_of(taking):
        for body in bodies:
            assert client.tell(body, JSON, path=path) == BROKEN, path
        within(0.050, lambda client=client, path=path: client.tell(bodies[2], JSON, path=path))


@pytest.mark.case(32)
def test_long_integers_are_answered_alike(models_of: Any, within: Any) -> None:
    for client, path in models_of(taking):
        for number in (
            int("9" * 18),
            *(() if path == "/dict" else (10**20 - 1, -(10**20) + 1, 2**63, 2**64)),
        ):
            assert client.tell(b'{"n":%d}' % number, JSON, path=path) == (200, [str(number), ""])
        for digits in (b"9" * 5_000, b"-" + b"9" * 5_000, b"9" * 200_000):
            for body in (b'{"n":%s}', b'{"x":%s}', b"%s"):
                assert client.tell(body % digits, JSON, path=path) == BROKEN, path
            # It is JSON, and msgspec does not look at the size of what no field takes.
            skipped = client.tell(b'{"unknown":%s}' % digits, JSON, path=path)
            assert skipped == ((200, ["0", ""]) if path == "/Struct" else BROKEN)
        long = b'{"n":%s}' % (b"9" * 200_000)
        within(0.020, lambda client=client, path=path, long=long: client.tell(long, JSON, path=path))


@pytest.mark.case(33)
def test_numbers_that_json_lacks_are_400(models_of: Any) -> None:
    beyond = ("1e999", "-1e999", "1E+400", "1e5000")  # JSON by its grammar (RFC 8259 section 6)
    texts = ("NaN", "-NaN", "Infinity", "-Infinity", "nan", "inf", *beyond)
    for client, path in models_of(taking):
        for key in ("f", "n", "x", "unknown"):
            for text in (*texts, "00", "01", "+1", ".5", "5.", "0x10", "1_0", "1e", "--1"):
                is_skipped = path == "/Struct" and key == "unknown" and text in beyond
                expected = (200, ["0", ""]) if is_skipped else BROKEN
                for body in (f'{{"{key}":{text}}}', f'{{"{key}":[{text}]}}'):
                    assert client.tell(body.encode(), JSON, path=path) == expected, (path, body)


@pytest.mark.case(34)
def test_text_that_is_no_unicode_is_400_and_what_is_comes_back(models_of: Any) -> None:
    texts = (
        rb"\ud800",
        rb"\udc00",
        rb"\ud800\ud800",
        rb"\ud800x",
        b"\xed\xa0\x80",
        b"\xff",
        b"\xc0\xaf",
        b"\xc3",
        b"\x00",
        b"\n",
    )
    places = (b'{"s":"%s"}', b'{"x":"%s"}', b'{"unknown":"%s"}', b'{"%s":1}', b'{"x":{"%s":[1]}}', b'"%s"')
    for client, path in models_of(taking):
        for text in texts:
            for body in places:
                assert client.tell(body % text, JSON, path=path) == BROKEN, (path, body, text)
        assert client.tell(rb'{"s":"\u0000","\u0000":1}', JSON, path=path) == (200, ["0", "\0"])
        assert client.tell(rb'{"s":"\ud83d\ude00"}', JSON, path=path) == (200, ["0", "😀"])
    odd = "\0\x7f\u2028\u202e</script>\ufeff\ufffe\U0010ffff" + '"\\'
    for client, path in models_of(echoing):
        status, content = client.tell(json.dumps({"s": odd, "x": {odd: [odd]}}).encode(), JSON, path=path)
        assert (status, content["s"], content["x"]) == (200, odd, {odd: [odd]})


@pytest.mark.case(35)
def test_of_equal_keys_the_last_counts(models_of: Any) -> None:
    for client, path in models_of(taking):
        for body, found in {
            b'{"n":1,"n":2}': ["2", ""],
            rb'{"n":1,"\u006e":2}': ["2", ""],
            b'{"n":"a","n":2}': ["2", ""],
            b'{"s":"a","n":1,"s":"b","n":3}': ["3", "b"],
        }.items():
            assert client.tell(body, JSON, path=path) == (200, found), (path, body)
        assert client.tell(b'{"n":1,"n":"a"}', JSON, path=path)[0] == (200 if path == "/dict" else 422)


NO_JSON = (
    *(
        '{"n":1}'.encode(coding)
        for coding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
    ),
    b'\xef\xbb\xbf{"n":1}',
    b"",
    b" ",
    b"\r\n\t ",
    b"\xc2\xa0{}",
    b"\x0c{}",
    b"\x00{}",
    b"{}\x00",
    b"{}{}",
    b"{} x",
    b"{},",
    b'{"n":1,}',
    b"[1,]",
    b"{'n':1}",
    b"{n:1}",
    b"{}//",
    b"/**/{}",
    b'{"n":1',
    b'{"n"',
    b'{"n":}',
    b'"',
    b"tru",
    b"True",
    b"None",
    b"undefined",
    b"a=1&b=2",
    b"<a/>",
)


@pytest.mark.case(36)
def test_what_is_not_one_json_text_in_utf8_is_400(models_of: Any) -> None:
    for client, path in models_of(taking):
        for body in NO_JSON:
            assert client.tell(body, JSON, path=path) == BROKEN, (path, body)


TYPES: list[tuple[list[bytes], bool]] = [
    ([b"application/json"], True),
    ([b"APPLICATION/JSON"], True),
    ([b"application/json;"], True),
    ([b"application/json; charset=utf-8"], True),
    ([b'application/json;charset="UTF-8"'], True),
    ([b"application/x+json"], True),
    ([b"application/problem+json; charset=utf-8"], True),
    ([], False),
    ([b""], False),
    ([b"text/plain"], False),
    ([b"text/json"], False),
    ([b"application/x-www-form-urlencoded"], False),
    ([b"multipart/form-data; boundary=x"], False),
    ([b"application/json;charset=latin1"], False),
    ([b"application/json; charset=utf-16"], False),
    ([b"application/x+json;charset=latin1"], False),
    ([b"application/json, text/plain"], False),
    ([b"application/jsonx"], False),
    ([b"application/xjson"], False),
    ([b"image/x+json"], False),
    ([b"json"], False),
    ([b"*/*"], False),
    ([b"text/plain", b"application/json"], False),
    ([b"application/json", b"application/json"], True),
    ([b"text/plain; application/json"], False),
]


@pytest.mark.case(37)
def test_a_body_must_say_that_it_is_json(client_of: Any) -> None:
    """Decision 0004: what a page of another origin may send without asking is never read as JSON."""
    for formats in (["json"], ["json", "msgpack"]):
        for model in MODELS:
            client, wrong = client_of(bodies_app(model, formats=formats)), {}
            for lines, accepted in TYPES:
                for path in ("/", "/optional", "/several", "/defaulted"):
                    body = b'{"item":{"s":"a"}}' if path == "/several" else b'{"s":"a"}'
                    status, _ = client.tell(body, *(("content-type", line) for line in lines), path=path)
                    if status != (200 if accepted else 415):
                        wrong[path, *lines] = status
            assert wrong == {}
            told = client.tell(b"{}", ("content-type", "text/plain"))
            assert formats != ["json"] or told == (415, {"detail": "the body must be application/json"})


@pytest.mark.case(38)
@pytest.mark.process
def test_a_compressed_body_is_refused_and_not_inflated(client_of: Any, within: Any) -> None:
    small, large, compressed = (
        gzip.compress(b'{"s":"a"}'),
        bomb(),
        (415, {"detail": "the body must not be compressed"}),
    )
    for model in MODELS:
        client = client_of(bodies_app(model))
        for coding in ("gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "aws-chunked"):
            for body in (small, large):
                for path, kind in (("/", JSON), ("/optional", JSON), ("/several", JSON), ("/form", FORM)):
                    assert client.tell(body, kind, ("content-encoding", coding), path=path) == compressed
        within(0.020, lambda client=client: client.tell(large, JSON, ("content-encoding", "gzip")))
        tracemalloc.start()
        client.tell(large, JSON, ("content-encoding", "gzip"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000
        assert client.tell(b'{"s":"a"}', JSON, ("content-encoding", "identity")) == (200, ["a"])
        assert client.tell(small, JSON) == BROKEN
        assert client.tell(gzip.compress(b"{}"), ("content-encoding", "gzip"), path="/optional")[0] == 415


@pytest.mark.case(39)
def test_a_body_that_nobody_asked_for_changes_nothing_and_one_that_does_not_come_is_told(
    client_of: Any,
) -> None:
    """RFC 9110 section 9.3.1 gives a body of GET no meaning and does not forbid it: an endpoint that asks for it gets it."""
    no_json = (415, {"detail": "the body must be application/json"})
    for model in MODELS:
        client = client_of(bodies_app(model))
        for method in ("GET", "HEAD", "DELETE"):
            for headers in ({}, {"content-type": "application/json"}, {"content-encoding": "gzip"}):
                answer = client.request(
                    method, "/page?page=2", content=b'{"page":3}' * 1_000, headers=headers
                )
                assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "[2]")
            answer = client.request(method, "/", content=b'{"s":"a"}', headers=dict([JSON]))
            assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else '["a"]')
            assert client.request(method, "/").status_code == 415
        assert client.tell(b"") == client.tell(b"", path="/several") == no_json
        assert client.tell(b"", JSON) == BROKEN
        assert client.tell(b"", path="/optional") == (200, [None])
        assert client.tell(b"", JSON, path="/optional") == (200, [None])
        assert client.tell(b"null", JSON, path="/optional") == (200, [None])
        status, content = client.tell(b"{}", JSON, path="/several")
        assert (status, [error["loc"] for error in content["detail"]]) == (422, [["body", "item"]])
        assert client.tell(b"null", JSON)[0] == client.tell(b"null", JSON, path="/several")[0] == 422


@pytest.mark.case(40)
def test_an_answer_that_json_cannot_say_is_one_whole_500_and_its_background_task_does_not_run(
    client_of: Any, records: Any, remark: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", 20, raising=False)  # pytest spends 0.4 s on one of 1,000
    for encoder in ("stdlib", "orjson", "msgspec"):
        app, ran = results_app(encoder)
        client = client_of(app)
        for name in UNWRITABLE:
            for way in ("dict", "model", "task") if encoder == "msgspec" else ("dict",):
                before = len([record for record in records() if record.levelno >= logging.WARNING])
                answer = client.get(f"/{way}/{name}")
                assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"}), (
                    way,
                    name,
                )
                assert answer.headers["content-length"] == str(len(answer.content))
                errors = [record for record in records() if record.levelno >= logging.WARNING][before:]
                assert len(errors) == 1 and errors[0].exc_info is not None
        assert ran == []
        assert client.ask("/fine") == (200, {"f": None, "x": [None, None, {"a": None}]})
        assert ran == ["fine"]
    remark("NaN and infinities are written as null (decision 0005).")
