"""Cases 41 to 56: forms in both encodings and the files in them. One app of the test's own, over both protocols."""

from __future__ import annotations

import gc
import hashlib
import resource
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Annotated, Any

import pytest
from case_forms import (
    BIG,
    BOUNDARIES,
    DISPOSITIONS,
    END,
    MULTIPART,
    NAMES,
    NO_BOUNDARIES,
    URLENCODED,
    WAYS,
    Model,
    Plain,
    Struct,
    body_of,
    cut,
    digest,
    fail,
    file_part,
    keep,
    limited,
    part,
    refuse,
    show,
)
from descriptors import open_in

from velocipy import File, Form, FormData, UploadFile, VelociPy

FIELDS = (413, {"detail": "the form has more than 1000 fields"})
FILES = (413, {"detail": "the form has more than 100 files"})
FIELD = (413, {"detail": "a field of the form has more than 1048576 bytes"})
HEADERS = (400, {"detail": "the headers of a part are malformed, more than 16, or longer than 8192 bytes"})
BOUNDARY = (400, {"detail": "the content-type header has no valid boundary"})
CUT = (400, {"detail": "the multipart body ends before its final boundary"})


@pytest.mark.case(41)
def test_a_urlencoded_form_has_the_limits_of_a_multipart_one(client_of: Any, within: Any) -> None:
    client = client_of(limited())
    for path in WAYS:

        def tell(body: bytes, path: str = path) -> Any:
            return client.tell(body, URLENCODED, path=path)

        assert tell(b"&".join(b"b%d=1" % n for n in range(1_000)))[0] == 200
        assert tell(b"&".join(b"b%d=1" % n for n in range(1_001))) == FIELDS
        assert tell(b"&" * 1_000) == FIELDS
        assert tell(b"a=" + b"x" * 1_048_576)[0] == 200
        assert tell(b"a=" + b"x" * 1_048_577) == FIELD
        assert tell(b"a=" + b"%41" * 1_048_577) == FIELD
        assert tell(b"x" * 1_048_577) == FIELD
        assert tell(b"a=1;" * 1_000_000) == FIELD  # one field: `;` separates nothing
        for body in (b"a=1;" * 1_000_000, b"a=1&" * 1_000_000, b"%" * 4_000_000, b"=" * 4_000_000):
            if path == "/":
                within(0.050, lambda body=body, tell=tell: tell(body))


@pytest.mark.case(42)
@pytest.mark.process
def test_a_part_too_many_is_refused_when_it_comes_and_many_take_no_memory(client_of: Any) -> None:
    client = client_of(limited())
    for path in WAYS:
        assert client.tell(body_of(part() * 1_000), MULTIPART, path=path)[0] == 200
        assert client.tell(body_of(part() * 1_001), MULTIPART, path=path) == FIELDS
        assert client.tell(body_of(file_part(b"1") * 100), MULTIPART, path=path) == (200, 100)
        assert client.tell(body_of(file_part(b"1") * 101), MULTIPART, path=path) == FILES
        assert (
            client.tell(body_of(file_part(b"", b"") * 101), MULTIPART, path=path) == FILES
        )  # empty ones count too
        for parts, status in ((part() * 1_001, 413), (file_part(b"1") * 101, 413)):
            with client.exchange("POST", path, headers=[("host", "a"), MULTIPART], body=None) as exchange:
                exchange.feed(parts)
                exchange.feed(b"\r\n")
                assert exchange.head().status == status  # the client has more to send
    body = body_of(part() * 100_000)
    client.tell(body, MULTIPART)
    gc.collect()
    tracemalloc.start()
    assert client.tell(body, MULTIPART) == FIELDS
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000 + len(body) * (peak > len(body))  # the client's own copy of the body


@pytest.mark.case(43)
@pytest.mark.process
def test_text_without_a_file_name_is_not_kept_beyond_its_limit(client_of: Any) -> None:
    client = client_of(limited())
    for path in WAYS:
        head, chunk = part(b""), b"x" * 65_536
        with client.exchange("POST", path, headers=[("host", "a"), MULTIPART], body=None) as exchange:
            exchange.feed(head)
            tracemalloc.start()
            for _ in range(17):
                exchange.feed(chunk)
            assert exchange.head().status == 413  # of 50 MB, 1.1 have come
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 4_000_000
        assert client.tell(body_of(part(b"x" * 50_000_000)), MULTIPART, path=path) == FIELD


@pytest.mark.case(44)
def test_what_stands_before_and_behind_a_form_is_skipped_in_linear_time(
    client_of: Any, linear: Any, records: Any
) -> None:
    client = client_of(limited())
    for path in WAYS:
        for junk in (b"x", b"\r\n--", b"\r\n--c", b"x--b", b"\r\n"):
            size = 5_000_000 // len(junk)
            assert client.tell(junk * size + body_of(part()), MULTIPART, path=path) == (200, 1), junk
            assert client.tell(body_of(part()) + junk * size, MULTIPART, path=path) == (200, 1), junk
            if path == "/":
                linear(lambda n, junk=junk: client.tell(junk * n + body_of(part()), MULTIPART), size // 4)
        # RFC 2046 section 5.1.1: a line that begins with the boundary is a delimiter, whatever follows it.
        assert client.tell(b"\r\n--bb" + body_of(part()), MULTIPART, path=path)[0] == 400
        assert records() == []


@pytest.mark.case(45)
def test_part_headers_are_few_and_short(client_of: Any, linear: Any) -> None:
    client = client_of(limited())
    for path in WAYS:

        def tell(*lines: bytes, path: str = path) -> Any:
            return client.tell(body_of(part(b"1", b'form-data; name="a"', *lines)), MULTIPART, path=path)

        assert tell(*(b"X-%d: 1" % n for n in range(15))) == (200, 1)
        assert tell(*(b"X-%d: 1" % n for n in range(16))) == HEADERS
        assert tell(*(b"X-%d: 1" % n for n in range(1_000))) == HEADERS
        for line in (
            b"X: " + b"x" * 1_000_000,
            b"x" * 1_000_000 + b": 1",
            b"x" * 1_000_000,
            b"X:" + b" " * 1_000_000,
        ):
            assert tell(line) == HEADERS
        for line in (b"X", b": 1", b"X Y: 1", b"X\x00: 1", b"X: \n 1", b"\xff: 1", b"X: \xff"):
            assert tell(line) == HEADERS, line
        linear(lambda n, tell=tell: tell(b"X: " + b"x" * n), 1_000_000)


@pytest.mark.case(46)
def test_a_boundary_is_one_to_seventy_characters_that_rfc_2046_allows(client_of: Any, within: Any) -> None:
    client = client_of(limited())

    def tell(path: str, parameters: str | bytes, boundary: bytes = b"b") -> Any:
        text = parameters if isinstance(parameters, bytes) else parameters.encode()
        body = body_of(part()).replace(b"--b", b"--" + boundary)
        return client.tell(body, ("content-type", b"multipart/form-data" + text), path=path)

    for path in WAYS:
        for good, boundary in BOUNDARIES.items():
            assert tell(path, good, boundary.encode()) == (200, 1), good
        for bad in NO_BOUNDARIES:
            assert tell(path, bad) == BOUNDARY, bad[:40]
            within(0.010, lambda bad=bad, path=path: tell(path, bad))
        for line_end in (b'; boundary="b\r\nx"', b"; boundary=b\n"):  # or no header at all
            assert tell(path, line_end)[0] in (400, 415)


@pytest.mark.case(47)
@pytest.mark.process
def test_a_body_that_ends_anywhere_before_its_end_is_400_and_leaves_no_file(
    client_of: Any, spool: Path
) -> None:
    client = client_of(limited())
    for path in WAYS:
        body = body_of(part(b"one"), file_part(b"x" * 20), part(b"", b'form-data; name="a"'))
        for end in range(len(body) - 2):
            assert client.tell(body[:end], MULTIPART, path=path) == CUT, body[:end]
        for end in (
            len(body) - 2,
            len(body) - 1,
            len(body),
        ):  # what follows the final boundary is no part of the form
            assert client.tell(body[:end], MULTIPART, path=path)[0] == 200
        spooled = body_of(part(b"one"), file_part(b"x" * 3_000_000))
        for end in (1_100_000, 2_000_000, len(spooled) - 3):
            assert client.tell(spooled[:end], MULTIPART, path=path) == CUT
        assert open_in(spool) == []


@pytest.mark.case(48)
def test_a_part_is_named_by_one_grammar(client_of: Any) -> None:
    client = client_of(show, method="POST")
    for disposition, found in DISPOSITIONS:
        status, content = client.tell(body_of(part(b"1", disposition)), MULTIPART)
        assert (status, content) == (200, [found]) if found else status == 400, disposition
    assert client.tell(b"--b\r\nContent-Type: text/plain\r\n\r\n1" + END, MULTIPART)[0] == 400
    assert client.tell(b"--b\r\n\r\n1" + END, MULTIPART)[0] == 400
    twice = body_of(part(b"1"), file_part(b"", b"y", name=b"a"), part(b"2"))
    assert client.tell(twice, MULTIPART) == (200, [["a", "1"], ["a", ["y", "", 0]], ["a", "2"]])


@pytest.mark.case(49)
def test_a_file_name_is_told_as_sent_and_saved_under_a_safe_one_or_not_at_all(
    client_of: Any, tmp_path: Path
) -> None:
    folder, seen = tmp_path / "uploads", list[str]()
    folder.mkdir()

    async def save(f: UploadFile) -> Any:
        seen.append(f.filename)
        return [(await f.save(folder)).name]

    client = client_of(save, method="POST")
    for sent, raw, safe in NAMES:
        status, content = client.tell(file_part(b"1", sent) + END, MULTIPART)
        assert seen.pop() == raw
        assert (status, content) == (200, [safe]) if safe else status == 400, sent
        assert [path.name for path in folder.iterdir()] == ([safe] if safe else [])
        for path in folder.iterdir():
            path.unlink()
    assert client.tell(file_part(b"1", b"a\0b") + END, MULTIPART)[0] == 400
    assert [path.name for path in tmp_path.rglob("*")] == ["uploads"]


@pytest.mark.case(50)
def test_a_large_file_does_not_hold_up_other_requests(client_of: Any, tmp_path: Path) -> None:
    async def save(f: UploadFile) -> Any:
        await f.save(tmp_path / "copy", overwrite=True)
        return [f.size]

    app = VelociPy(plugins=False, max_content_length=30_000_000)
    app.add_route("/", save, ["POST"])
    client = client_of(app)
    body = file_part(b"x" * 20_000_000) + END
    answers: list[Any] = []
    done = threading.Event()

    def upload() -> None:
        for _ in range(3):
            answers.append(client.post("/", content=cut(body, 65_536), headers=dict([MULTIPART])).json())
        done.set()

    thread = threading.Thread(target=upload)
    thread.start()
    times = []
    while not done.is_set():
        before = time.process_time()
        assert client.exchange("GET", "/plain").reply().body == b"plain"
        times.append(time.process_time() - before)
    thread.join()
    assert answers == [[20_000_000]] * 3
    assert len(times) > 20
    assert sorted(times)[len(times) * 99 // 100 - 1] < 0.050 * 10, f"p99 of {len(times)}: {max(times)}"


@pytest.mark.case(51)
def test_content_like_a_boundary_comes_through_however_it_is_cut_in_linear_time(
    client_of: Any, linear: Any
) -> None:
    client = client_of(digest, method="POST")
    for chunk, size in ((1, 1_500), (7, 7_000), (65_536, 5_000_000)):
        for pattern in (b"\r", b"\r\n--", b"\r\n--c", b"\n", b"-", b"\r\n-"):
            size = size if pattern in (b"\r", b"\r\n--") else min(size, 500_000)
            content = pattern * (size // len(pattern))
            answer = client.post("/", content=cut(file_part(content) + END, chunk), headers=dict([MULTIPART]))
            assert answer.json() == [len(content), hashlib.sha256(content).hexdigest()], (chunk, pattern)
    for pattern in (b"\r", b"\r\n--", b"\r\n--c"):
        linear(
            lambda n, pattern=pattern: client.tell(file_part(pattern * (n // len(pattern))) + END, MULTIPART),
            300_000,
        )


@pytest.mark.case(52)
@pytest.mark.process
def test_no_temporary_file_stays_whatever_happens_after_it_came(client_of: Any, spool: Path) -> None:
    app = VelociPy(plugins=False)
    for endpoint in (fail, refuse, keep, digest):
        app.add_route(f"/{endpoint.__name__}", endpoint, ["POST"])
    client = client_of(app)
    two = file_part(BIG) + file_part(BIG, b"second")
    bodies = {
        "/fail": (two + END, 500),
        "/refuse": (two + part(b"x", b'form-data; name="n"') + END, 422),
        "/keep": (two + END, 200),
        "/digest": (two + END, 200),
    }
    for path, (body, status) in bodies.items():
        assert client.tell(body, MULTIPART, path=path)[0] == status
    names = sorted(spool.iterdir())
    for path, (body, status) in bodies.items():
        for _ in range(3):
            assert client.tell(body, MULTIPART, path=path)[0] == status
            assert client.tell(two, MULTIPART, path=path)[0] == 400
            assert client.tell(two + file_part(b"1") * 100 + END, MULTIPART, path=path)[0] == 413
            assert client.tell(two + file_part(b"x" * 5_000_000), MULTIPART, path=path)[0] == 413
    assert open_in(spool) == []
    assert sorted(spool.iterdir()) == names
    for path in ("/keep", "/digest"):
        for leave in ("cut", "leave"):
            headers = [("host", "a"), MULTIPART, ("content-length", "9000000")]
            with client.exchange("POST", path, headers=headers, body=None) as exchange:
                exchange.feed(file_part(BIG) + file_part(BIG, b"second"))
                getattr(exchange, leave)()
    assert open_in(spool) == []
    assert sorted(spool.iterdir()) == names


@pytest.mark.case(53)
@pytest.mark.process
def test_a_full_disk_is_507_and_leaves_nothing(client_of: Any, spool: Path) -> None:
    client = client_of(digest, method="POST")
    assert client.tell(file_part(BIG) + END, MULTIPART)[0] == 200
    names = sorted(spool.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (2_000_000, hard)
    )  # Python ignores SIGXFSZ: writes fail with EFBIG
    try:
        for body in (file_part(BIG), file_part(b"y" * 1_500_000) + file_part(BIG)):
            assert client.tell(body + END, MULTIPART) == (507, {"detail": "Insufficient Storage"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert open_in(spool) == []
    assert sorted(spool.iterdir()) == names
    assert client.tell(file_part(BIG) + END, MULTIPART)[0] == 200


@pytest.mark.case(54)
def test_a_content_transfer_encoding_changes_no_byte(client_of: Any) -> None:
    async def show(form: FormData) -> Any:
        uploaded = form.file("f")
        return [form.get("a"), None if uploaded is None else (await uploaded.read()).decode("latin-1")]

    client = client_of(show, method="POST")
    for coding in (b"base64", b"quoted-printable", b"gzip", b"7bit", b"nonsense"):
        line = b"Content-Transfer-Encoding: " + coding
        body = part(b"aGk=", b'form-data; name="a"', line) + file_part(b"=41\xffaGk=", b"x", line) + END
        assert client.tell(body, MULTIPART) == (200, ["aGk=", "=41\xffaGk="])


@pytest.mark.case(55)
def test_text_is_utf8_whatever_a_charset_says(client_of: Any) -> None:
    async def show(a: Annotated[str, Form()]) -> Any:
        return [a]

    client = client_of(show, method="POST")
    for charset in (b"utf-8", b"latin-1", b"utf-16", b"utf-7", b"nonsense"):
        kind = b"Content-Type: text/plain; charset=" + charset
        form = part(charset, b'form-data; name="_charset_"') + part(
            "é+AGE-".encode(), b'form-data; name="a"', kind
        )
        assert client.tell(form + END, MULTIPART) == (200, ["é+AGE-"])
        for broken in (b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xc3"):
            assert client.tell(part(broken, b'form-data; name="a"', kind) + END, MULTIPART)[0] == 400
        escaped = "".join(f"%{byte:02x}" for byte in "é".encode())
        assert client.tell(b"_charset_=%s&a=%s" % (charset, escaped.encode()), URLENCODED) == (200, ["é"])
        for escape in (b"%ff", b"%ed%a0%80", b"\xff", b"%C3"):
            assert client.tell(b"_charset_=%s&a=%s" % (charset, escape), URLENCODED)[0] == 400


@pytest.mark.case(56)
def test_a_form_is_refused_in_the_same_words_for_every_backend(client_of: Any) -> None:
    for encoding in ("urlencoded", "multipart"):
        fields = {
            "good": [("name", "ada"), ("age", "3"), ("tags", "1"), ("tags", "2"), ("active", "on")],
            "empty": [],
            "wrong": [("name", "s"), ("age", "-1"), ("tags", "secret"), ("tags", "1"), ("active", "secret")],
            "blank": [("name", ""), ("age", ""), ("tags", ""), ("active", "")],
            "twice": [("name", "secret"), ("name", "ad"), ("age", "secret"), ("tags", "1")],
        }
        found: dict[Any, list[Any]] = {}
        for model in (Plain, Struct, Model):

            async def take(form: Any, f: Annotated[UploadFile | None, File()] = None) -> Any:
                return [form.name, form.age, form.tags, form.active]

            take.__annotations__["form"] = Annotated[model, Form()]
            client = client_of(take, method="POST")
            for name, pairs in fields.items():
                if encoding == "multipart":
                    body = b"".join(
                        part(value.encode(), b'form-data; name="%s"' % key.encode()) for key, value in pairs
                    )
                    # Files under the names of fields are no text, and never echoed.
                    body += b"".join(
                        part(b"secret", b'form-data; name="%s"; filename="secret"' % key)
                        for key in (b"name", b"age")
                    )
                    sent = client.tell(body + END, MULTIPART)
                else:
                    sent = client.tell(
                        "&".join(f"{key}={value}" for key, value in pairs).encode(), URLENCODED
                    )
                found.setdefault(name, []).append(sent)
        assert found["good"] == [(200, ["ada", 3, [1, 2], True])] * 3
        for name in ("empty", "wrong", "blank", "twice"):
            first = found[name][0]
            assert found[name] == [first] * 3
            assert first[0] == 422
            assert {error["loc"][0] for error in first[1]["detail"]} == {"form"}
            assert "secret" not in str(first)
        assert [(error["loc"], error["type"]) for error in found["wrong"][0][1]["detail"]] == [
            (["form", "name"], "string_too_short"),
            (["form", "age"], "greater_than_equal"),
            (["form", "tags", 0], "int_parsing"),
            (["form", "active"], "bool_parsing"),
        ]
