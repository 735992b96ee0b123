"""Cases 1 to 18: request lines, headers and answers, where app and server meet.

A server may refuse what is no HTTP before the app is asked; then the test holds what it says, and remarks it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from case_answers import HOSTILE
from case_targets import PATIENCE, Target, WireTarget, soon
from wire import WireResponse

Remark = Callable[[str], None]

BARE = b'{"detail":"Internal Server Error"}'
BAD_HOST = b'{"detail":"Invalid host header"}'
NOT_FOUND = b'{"detail":"Not Found"}'
JSON = ("Content-Type", "application/json")


def says(answer: WireResponse | None) -> tuple[int, bytes] | None:
    """Status and body, or None where the connection was closed without an answer."""
    return None if answer is None else (answer.status, answer.body)


def own_refusal(target: Target, answer: WireResponse | None, statuses: tuple[int, ...] = (400,)) -> bool:
    """Whether a server, and not the app, refused: by a status without our JSON, or by hanging up."""
    if not target.on_wire:
        return False
    return answer is None or (answer.status in statuses and not answer.body.startswith(b'{"detail"'))


@pytest.mark.case(1)
def test_no_host_is_refused_where_hosts_are_checked_and_makes_no_url_elsewhere(
    target: Target, remark: Remark
) -> None:
    for host in (None, b""):
        refused = target.ask("GET", "/trusted/url", host=host)
        answer = target.ask("GET", "/url", host=host)
        if own_refusal(target, answer):
            assert target.name in ("uvicorn-h11", "hypercorn") and host is None
            assert own_refusal(target, refused)
            remark("400 of its own to HTTP/1.1 without a Host line.")
            continue
        assert says(refused) == (400, BAD_HOST)
        assert answer is not None and answer.status == 200
        port = f":{target.port}" if isinstance(target, WireTarget) else ""
        url, path = json.loads(answer.body)
        assert path == "/url"
        assert url in (f"http://127.0.0.1{port}/url", "http://127.0.0.1/url")


@pytest.mark.case(2)
def test_two_host_lines_are_a_400(target: Target, remark: Remark) -> None:
    for second in (b"a.test", b"b.test"):
        answer = target.ask("GET", "/plain", ("Host", second))
        if own_refusal(target, answer):
            assert target.name in ("uvicorn-h11", "hypercorn")
            remark("400 of its own.")
        else:
            assert says(answer) == (400, BAD_HOST)


READ_TWICE = (
    b"example.com/abc?bar=",
    b"a@evil.test",
    b"a b",
    b"[",
    b"a:99999",
    b"x" * 300,
    b"a\\b",
    b"a%2fb",
    b"a,b",
)


@pytest.mark.case(3)
def test_a_host_that_two_readers_could_read_differently_is_a_400(target: Target) -> None:
    for host in READ_TWICE:
        for path in ("/url", "/nowhere"):
            assert says(target.ask("GET", path, host=host)) == (400, BAD_HOST), host


@pytest.mark.case(4)
def test_a_target_that_is_no_path_leads_nowhere(target: Target, remark: Remark) -> None:
    refused = []
    for line in ("@google.com", "url", "?x", "*"):
        answer = target.ask("GET", line)
        if own_refusal(target, answer):
            refused.append(f"`{line}`")
        else:
            assert answer is not None and answer.status == 400, (line, answer)
    if refused:
        remark(f"refuses {', '.join(refused)} itself.")
    for line in ("http://evil.test/url", "HTTPS://evil.test:99/url?x=1"):  # RFC 9112 section 3.2.2
        absolute = target.told("GET", line)
        assert (absolute.status, json.loads(absolute.body)[1]) == (200, "/url"), (line, absolute)
    options = target.told("OPTIONS", "*")
    assert (options.status, options.header("allow")) == (204, [b"GET, HEAD, OPTIONS, POST"])


@pytest.mark.case(5)
def test_no_redirect_leads_to_another_host(target: Target) -> None:
    for line in (
        "//evil.test/x", "//evil.test", "/%2f%2fevil.test/static/sub", "/static//evil.test/sub", "/\\evil.test/sub",
        "//evil.test/tail", "/%2fevil.test/tail", "/%2f%2fevil.test/two/tail", "/static/%2f%2fevil.test",
    ):  # fmt: skip
        answer = target.ask("GET", line)
        assert answer is None or answer.status in (400, 404), (line, answer)
    for line, location in {
        "/slashed?a=//evil.test&b=%20": b"/slashed/?a=//evil.test&b=%20",
        "/%5cevil.test/two/tail?q=1": b"/%5Cevil.test/two/tail/?q=1",
        "/static/sub?a=//evil.test": b"./sub/?a=//evil.test",
    }.items():
        answer = target.told("GET", line)
        assert answer.status in (307, 308), (line, answer)
        assert answer.header("location") == [location]


@pytest.mark.case(6)
def test_strange_bytes_of_a_path_mean_the_same_everywhere_and_stay_out_of_headers_and_log(
    target: Target, remark: Remark
) -> None:
    for line, expected in {
        "/holes/a%2Fb": ["a", "b"],
        "/holes/x%00y": ["x\0y", ""],
        "/holes/a%0d%0aX:1": ["a\r\nX:1", ""],
    }.items():
        answer = target.told("GET", line)
        assert (answer.status, json.loads(answer.body)) == (200, expected), (line, answer)
        assert answer.header("x") == []
    assert says(target.ask("GET", "/holes/a%FF")) == (404, NOT_FOUND)
    assert says(target.ask("GET", "/holes/a%zz")) == (200, b'["a%zz",""]')
    assert says(target.ask("GET", "/broken/a%0d%0aERROR:forged")) == (500, BARE)
    assert soon(lambda: "on purpose" in target.log())
    assert not any(line.startswith("ERROR:forged") for line in target.log().splitlines())


@pytest.mark.case(7)
def test_a_method_that_no_route_has_runs_nothing(target: Target, remark: Remark) -> None:
    before, refused = target.count("method"), []
    for method in ("__class__", "get", "FOO", "TRACE", "CONNECT"):
        answer = target.ask(method, "/method")
        if target.name == "hypercorn" and method == "get":
            assert says(answer) == (200, b"ran")
            remark("hands `get` on as `GET`.")
            before += 1
        elif own_refusal(target, answer, (400, 404, 405, 501)):
            refused.append(f"`{method}`")
        else:
            assert answer is not None
            assert (answer.status, answer.header("allow")) == (405, [b"GET, HEAD, OPTIONS"]), answer
    if refused:
        remark(f"refuses {', '.join(refused)} itself.")
    assert target.count("method") == before


@pytest.mark.case(8)
def test_head_has_the_headers_of_get_and_no_body(target: Target) -> None:
    for path in ("/answers/headed", "/answers/stream", "/static/a.txt", "/nowhere"):
        begun = target.count("stream begun")
        head = target.told("HEAD", path)
        assert target.count("stream begun") == begun
        got = target.told("GET", path)
        assert (head.status, head.body) == (got.status, b"")
        # A stream that came whole may have been given a length, which HEAD cannot know: it makes none of it (RFC 9110 section 9.3.2).
        made = {pair for pair in named(got) if path == "/answers/stream" and pair[0] == b"content-length"}
        assert named(head) == named(got) - made


def named(answer: WireResponse) -> set[tuple[bytes, bytes]]:
    """Headers but for those that say how the connection goes on."""
    return {pair for pair in answer.headers if pair[0] not in (b"date", b"connection", b"transfer-encoding")}


@pytest.mark.case(9)
def test_a_status_without_a_body_never_has_one(target: Target) -> None:
    for status in (204, 205, 304):
        empty = target.told("GET", f"/answers/status/{status}/0")
        assert (empty.status, empty.body) == (status, b"")
        assert status != 204 or empty.header("content-length") == []
        assert says(target.ask("GET", f"/answers/status/{status}/5")) == (500, BARE)
    for status in (100, 101, 103):
        assert says(target.ask("GET", f"/answers/status/{status}/0")) == (500, BARE)


@pytest.mark.case(10)
def test_a_length_that_does_not_fit_is_a_500_or_the_end_of_the_connection(target: Target) -> None:
    for name in ("length-small", "length-large", "length-twice", "length-abc"):
        assert says(target.ask("GET", f"/answers/hostile/{name}")) == (500, BARE), name
    assert says(target.ask("GET", "/answers/lengths/2")) == (500, BARE)  # its first chunk is longer than that
    answer = target.ask("GET", "/answers/lengths/10")  # and this one says its length before anybody can count
    assert answer is None or not answer.whole
    fits = target.told("GET", "/answers/lengths/5")
    assert (fits.status, fits.body, fits.header("content-length")) == (200, b"12345", [b"5"])


@pytest.mark.case(11)
def test_a_header_of_the_connection_is_refused(target: Target) -> None:
    for name in ("connection", "transfer-encoding", "upgrade", "keep-alive"):
        assert says(target.ask("GET", f"/answers/hostile/{name}")) == (500, BARE), name


@pytest.mark.case(12)
def test_a_header_that_is_none_is_refused_and_the_worker_lives(target: Target) -> None:
    for name in HOSTILE:
        if name.startswith(("name", "value")):
            answer = target.told("GET", f"/answers/hostile/{name}")
            assert says(answer) == (500, BARE), name
            assert answer.header("set-cookie") == []


@pytest.mark.case(13)
def test_a_status_that_is_none_is_a_500_and_the_worker_lives(target: Target) -> None:
    for name in HOSTILE:
        if name.startswith("status"):
            assert says(target.ask("GET", f"/answers/hostile/{name}")) == (500, BARE), name
    for status in (0, 99, 1000):  # an override that lies to who asks changes nothing of what is sent
        assert says(target.ask("GET", f"/answers/late/{status}")) == (200, b"x"), status


@pytest.mark.case(14)
def test_an_exception_before_the_answer_is_the_same_bare_500_everywhere(target: Target) -> None:
    answer = target.told("GET", "/answers/raises")
    assert says(answer) == (500, BARE)
    own = [pair for pair in answer.headers if pair[0] not in (b"date", b"server", b"connection")]
    assert sorted(own) == [(b"content-length", b"34"), (b"content-type", b"application/json")]
    page = target.told("GET", "/debug/raises", ("Accept", "text/html"))
    assert page.status == 500
    assert b"&lt;script&gt;" in page.body
    assert b"secret <script>" not in page.body


@pytest.mark.case(15)
def test_an_exception_in_a_stream_breaks_the_connection_off_and_is_logged_once(
    target: Target, remark: Remark
) -> None:
    for length in (0, 100):
        logged = target.log().count("ValueError: half-way")
        answer = target.told("GET", f"/answers/breaks?length={length}")
        assert answer.status == 200 and b"first" in answer.body
        if target.name in ("rsgi", "granian-rsgi") and not length:
            assert answer.whole
            remark("RSGI cannot break off a stream of no declared length: it ends as a whole one would.")
        else:
            assert not answer.whole
        assert soon(lambda logged=logged: target.log().count("ValueError: half-way") == logged + 1)


# What a server bounds by itself; where it does not, the app reads them.
REFUSED = {
    "granian-rsgi": {"1,001 names": 431, "5,001 lines": 431, "1 MB": 431},
    "granian-asgi": {"1,001 names": 431, "5,001 lines": 431, "1 MB": 431},
    "uvicorn-h11": {"1 MB": 400},
    "hypercorn": {"66 KB": 431, "1 MB": 431},
}


@pytest.mark.case(16)
def test_headers_without_end_are_refused_or_read_in_no_time(target: Target, remark: Remark) -> None:
    read = []
    for what, headers in {
        "100 names": [(f"x-{number}", "y") for number in range(90)],
        "1,001 names": [(f"x-{number}", "y") for number in range(1_001)],
        "5,001 lines": [("x-a", "y")] * 5_001,
        "66 KB": [("x-a", "y" * 66_000)],
        "1 MB": [("x-a", "y" * 8_000)] * 125,
    }.items():
        answer = target.told("GET", "/header", *headers)
        expected = REFUSED.get(target.name, {}).get(what, 200)
        assert answer.status == expected, (what, answer)
        if expected == 200:
            count, length, seconds = json.loads(answer.body)
            values = [value for name, value in headers if name == "x-a"]
            assert (count, length) == (len(values), len("".join(values)))
            assert seconds < 0.02 * PATIENCE
        if expected == 200 and what != "100 names":
            read.append(what)
    remark(f"hands on {', '.join(read)} of headers, which the app reads in less than 20 ms.")


@pytest.mark.case(17)
def test_a_client_that_leaves_is_noticed_and_teardown_runs_once(target: Target) -> None:
    before = {name: target.count(name) for name in ("entered", "left", "read", "noticed", "closed")}

    def by(**more: int) -> bool:
        return all(target.counted(name, before[name] + number) for name, number in more.items())

    for number, sent in enumerate((b"", b"x" * 5), 1):  # before its body, and in it
        with target.open("POST", "/answers/reads", ("Content-Length", "10")) as sending:
            sending.feed(sent)
            assert by(entered=number)
        assert by(left=number)
    with target.open("POST", "/answers/waits", ("Content-Length", "10")) as sending:
        sending.feed(b"x" * 10)
        sending.end()
        assert by(entered=3)
    assert by(noticed=1, left=3)
    with target.open("GET", "/answers/endless", ("Content-Length", "0")) as sending:
        sending.end()
        assert b"tick" in sending.begun()
    assert by(closed=1, left=4)
    assert by(read=0, entered=4, left=4)


PARTS = b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--cut--\r\n'
CUT: tuple[tuple[str, tuple[str, str], bytes], ...] = (
    ("/item", JSON, b'{"text":"%s"}' % (b"x" * 89)),
    ("/form", ("Content-Type", "application/x-www-form-urlencoded"), b"a=1&b=2&c=" + b"x" * 90),
    ("/form", ("Content-Type", "multipart/form-data; boundary=cut"), PARTS),
    ("/chunks", JSON, b"x" * 100),
)


@pytest.mark.case(18)
def test_a_body_that_is_cut_off_is_never_a_whole_one(target: Target) -> None:
    """However long it says it is; who reads it in pieces is told, under RSGI too."""
    names = ("item", "form", "chunks")
    before, told = {name: target.count(name) for name in names}, target.count("ClientDisconnected")
    for path, kind, body in CUT:
        for declared in (True, False):
            for end in (0, 1, len(body) // 2, len(body)):
                length = (("Content-Length", str(len(body) + 1)),) if declared else ()
                with target.open("POST", path, kind, *length) as sending:
                    sending.feed(body[:end])
    assert target.counted("ClientDisconnected", told + 8)
    assert {name: target.count(name) for name in names} == before
