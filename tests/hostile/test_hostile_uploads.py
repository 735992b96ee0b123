"""Files of forms: their names, their bytes, the disk and the loop, and that none stays behind. Cases 49 to 56, on both protocols."""

from __future__ import annotations

import hashlib
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from velocipy import File, Form, FormData, Request, UploadFile, VelociPy

MULTIPART = ("content-type", "multipart/form-data; boundary=b")
URLENCODED = ("content-type", "application/x-www-form-urlencoded")
END = b"\r\n--b--\r\n"
BIG = b"x" * 3_000_000
"""A file that goes to disk."""


def part(content: bytes, disposition: bytes, *lines: bytes) -> bytes:
    """One part with the delimiter before it."""
    head = b"\r\n".join((b"\r\n--b", b"Content-Disposition: form-data; " + disposition, *lines))
    return head + b"\r\n\r\n" + content


def file_part(content: bytes, filename: bytes = b"x.txt", *lines: bytes) -> bytes:
    return part(content, b'name="f"; filename="%s"' % filename, *lines)


def temporary_files() -> set[str]:
    return {entry.name for entry in Path(tempfile.gettempdir()).iterdir()}


# -- names -------------------------------------------------------------------------------------------------------------


NAMES: list[tuple[bytes, str, str | None]] = [
    (b"a.txt", "a.txt", "a.txt"),
    (b"../../x", "../../x", "x"),
    (b"/etc/passwd", "/etc/passwd", "passwd"),
    (b"C:\\x", "C:\\x", "x"),
    (b"C:\\\\dir\\\\y.txt", "C:\\dir\\y.txt", "y.txt"),
    (b"..\\..\\z", "..\\..\\z", "z"),
    (b"....//x", "....//x", "x"),
    (b".htaccess", ".htaccess", "htaccess"),
    (b"a:stream.txt", "a:stream.txt", "a_stream.txt"),
    (b"a.txt. . ", "a.txt. . ", "a.txt"),
    (b"%2e%2e%2fx", "%2e%2e%2fx", "%2e%2e%2fx"),
    (b"~/x;y|z", "~/x;y|z", "x;y_z"),
    (b"", "", None),
    (b".", ".", None),
    (b"..", "..", None),
    (b"a/", "a/", None),
    (b"CON", "CON", None),
    (b"nul.tar.gz", "nul.tar.gz", None),
    (b"LPT1 .x", "LPT1 .x", None),
    (b"a%0D%0Ab", "a\r\nb", None),
    ("\u202egpj.exe".encode(), "\u202egpj.exe", None),
    ("a\u2028b".encode(), "a\u2028b", None),
    ("\u0085".encode(), "\u0085", None),
    (b"x" * 5_000, "x" * 5_000, None),
    (b"x" * 255, "x" * 255, "x" * 255),
    ("é".encode() * 128, "é" * 128, None),
]


@pytest.mark.case(49)
@pytest.mark.parametrize(("sent", "raw", "safe"), NAMES, ids=lambda value: repr(value)[:20])
def test_a_file_name_is_told_as_sent_and_saved_under_a_safe_one_or_not_at_all(
    sent: bytes, raw: str, safe: str | None, client_of: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    seen: list[str] = []

    async def save(f: UploadFile) -> Any:
        seen.append(f.filename)
        path = await f.save(folder)
        return [path.name]

    client = client_of(save, method="POST")
    status, content = client.tell(file_part(b"1", sent) + END, MULTIPART)
    assert seen == [raw]
    assert (status, content) == (200, [safe]) if safe else status == 400
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == sorted(
        ["uploads", *([f"uploads/{safe}"] if safe else [])]
    )


@pytest.mark.case(49)
def test_a_file_name_with_a_nul_never_gets_to_the_disk(client_of: Any, tmp_path: Path) -> None:
    async def save(f: UploadFile) -> Any:
        return [(await f.save(tmp_path)).name]

    client = client_of(save, method="POST")
    assert client.tell(file_part(b"1", b"a\0b") + END, MULTIPART)[0] == 400
    assert list(tmp_path.iterdir()) == []


# -- bytes -------------------------------------------------------------------------------------------------------------


async def digest(f: UploadFile) -> Any:
    """Size and hash of a file."""
    found = hashlib.sha256()
    async for chunk in f:
        found.update(chunk)
    return [f.size, found.hexdigest()]


def cut(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.case(51)
@pytest.mark.parametrize("pattern", [b"\r", b"\r\n--", b"\r\n--c", b"\n", b"-", b"\r\n-"], ids=repr)
@pytest.mark.parametrize(("chunk", "size"), [(1, 1_500), (7, 10_500), (65_536, 5_000_000)])
def test_content_like_a_boundary_comes_through_however_it_is_cut(
    chunk: int, size: int, pattern: bytes, client_of: Any
) -> None:
    client = client_of(digest, method="POST")
    content = pattern * (size // len(pattern))
    answer = client.post("/", content=cut(file_part(content) + END, chunk), headers=dict([MULTIPART]))
    assert answer.json() == [len(content), hashlib.sha256(content).hexdigest()]


@pytest.mark.case(51)
@pytest.mark.parametrize("pattern", [b"\r", b"\r\n--", b"\r\n--c"], ids=repr)
def test_content_like_a_boundary_takes_linear_time(pattern: bytes, client_of: Any, linear: Any) -> None:
    client = client_of(digest, method="POST")
    linear(
        lambda n: client.tell(file_part(pattern * (n // len(pattern))) + END, MULTIPART),
        1_250_000,
    )


@pytest.mark.case(54)
@pytest.mark.parametrize("coding", [b"base64", b"quoted-printable", b"gzip", b"7bit", b"nonsense"])
def test_a_content_transfer_encoding_changes_no_byte(coding: bytes, client_of: Any) -> None:
    async def show(form: FormData) -> Any:
        uploaded = form.file("f")
        return [form.get("a"), None if uploaded is None else (await uploaded.read()).decode("latin-1")]

    client = client_of(show, method="POST")
    line = b"Content-Transfer-Encoding: " + coding
    body = part(b"aGk=", b'name="a"', line) + file_part(b"=41\xffaGk=", b"x", line) + END
    assert client.tell(body, MULTIPART) == (200, ["aGk=", "=41\xffaGk="])


@pytest.mark.case(55)
def test_text_is_utf8_whatever_a_charset_says(client_of: Any) -> None:
    async def show(a: Annotated[str, Form()]) -> Any:
        return [a]

    client = client_of(show, method="POST")
    for charset in (b"utf-8", b"latin-1", b"utf-16", b"utf-7", b"nonsense"):
        kind = b"Content-Type: text/plain; charset=" + charset
        form = part(charset, b'name="_charset_"') + part("é+AGE-".encode(), b'name="a"', kind)
        assert client.tell(form + END, MULTIPART) == (200, ["é+AGE-"])
        for broken in (b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xc3"):
            assert client.tell(part(broken, b'name="a"', kind) + END, MULTIPART)[0] == 400
        escaped = "".join(f"%{byte:02x}" for byte in "é".encode())
        assert client.tell(b"_charset_=%s&a=%s" % (charset, escaped.encode()), URLENCODED) == (200, ["é"])
        for escape in (b"%ff", b"%ed%a0%80", b"\xff", b"%C3"):
            assert client.tell(b"_charset_=%s&a=%s" % (charset, escape), URLENCODED)[0] == 400


# -- the loop and the disk -----------------------------------------------------------------------------------------------


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


async def fail(f: UploadFile) -> None:
    raise RuntimeError(f"{f.size} bytes came")


async def refuse(f: UploadFile, n: Annotated[int, Form()]) -> int:
    return n


async def keep(request: Request) -> Any:
    form = await request.form()
    return [form.file("f") is not None]


@pytest.mark.case(52)
@pytest.mark.process
def test_no_temporary_file_stays_whatever_happens_after_it_came(client_of: Any, open_files: Any) -> None:
    app = VelociPy(plugins=False)
    for endpoint in (fail, refuse, keep, digest):
        app.add_route(f"/{endpoint.__name__}", endpoint, ["POST"])
    client = client_of(app)
    two = file_part(BIG) + file_part(BIG, b"second")
    bodies = {
        "/fail": (two + END, 500),
        "/refuse": (two + part(b"x", b'name="n"') + END, 422),
        "/keep": (two + END, 200),
        "/digest": (two + END, 200),
    }
    for path, (body, status) in bodies.items():
        assert client.tell(body, MULTIPART, path=path)[0] == status
    before, names = open_files(), temporary_files()
    for path, (body, status) in bodies.items():
        for _ in range(3):
            assert client.tell(body, MULTIPART, path=path)[0] == status
            assert client.tell(two, MULTIPART, path=path)[0] == 400
            assert client.tell(two + file_part(b"1") * 100 + END, MULTIPART, path=path)[0] == 413
            assert client.tell(two + file_part(b"x" * 5_000_000), MULTIPART, path=path)[0] == 413
    assert open_files() == before
    assert temporary_files() == names


@pytest.mark.case(52)
@pytest.mark.process
def test_no_temporary_file_stays_when_the_client_leaves(client_of: Any, open_files: Any) -> None:
    app = VelociPy(plugins=False)
    for endpoint in (keep, digest):
        app.add_route(f"/{endpoint.__name__}", endpoint, ["POST"])
    client = client_of(app)
    client.tell(file_part(BIG) + END, MULTIPART, path="/keep")
    before, names = open_files(), temporary_files()
    for path in ("/keep", "/digest"):
        for leave in ("cut", "leave"):
            headers = [("host", "a"), MULTIPART, ("content-length", "9000000")]
            with client.exchange("POST", path, headers=headers, body=None) as exchange:
                exchange.feed(file_part(BIG) + file_part(BIG, b"second"))
                getattr(exchange, leave)()
    assert open_files() == before
    assert temporary_files() == names


@pytest.mark.case(53)
@pytest.mark.process
def test_a_full_disk_is_507_and_leaves_nothing(client_of: Any, open_files: Any) -> None:
    client = client_of(digest, method="POST")
    assert client.tell(file_part(BIG) + END, MULTIPART)[0] == 200
    before, names = open_files(), temporary_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (2_000_000, hard)
    )  # Python ignores SIGXFSZ: writes fail with EFBIG
    try:
        for body in (file_part(BIG), file_part(b"y" * 1_500_000) + file_part(BIG)):
            assert client.tell(body + END, MULTIPART) == (507, {"detail": "Insufficient Storage"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert open_files() == before
    assert temporary_files() == names
    assert client.tell(file_part(BIG) + END, MULTIPART)[0] == 200


# -- models --------------------------------------------------------------------------------------------------------------


@dataclass
class Plain:
    name: Annotated[str, pydantic.Field(min_length=2)]
    age: Annotated[int, msgspec.Meta(ge=0)]
    tags: list[int]
    active: bool = False


class Struct(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    age: Annotated[int, msgspec.Meta(ge=0)]
    tags: list[int]
    active: bool = False


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    age: int = pydantic.Field(ge=0)
    tags: list[int]
    active: bool = False


@pytest.mark.case(56)
@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
def test_a_form_is_refused_in_the_same_words_for_every_backend(encoding: str, client_of: Any) -> None:
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
                body = b"".join(part(value.encode(), b'name="%s"' % key.encode()) for key, value in pairs)
                # Files under the names of fields are no text, and never echoed.
                body += b"".join(
                    part(b"secret", b'name="%s"; filename="secret"' % key) for key in (b"name", b"age")
                )
                sent = client.tell(body + END, MULTIPART)
            else:
                sent = client.tell("&".join(f"{key}={value}" for key, value in pairs).encode(), URLENCODED)
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
