"""Forms as bytes, tables of what they mean, and endpoints that take them, for the cases 41 to 56. Asks nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic

from velocipy import File, Form, FormData, Request, UploadFile, VelociPy

URLENCODED = ("content-type", "application/x-www-form-urlencoded")
MULTIPART = ("content-type", "multipart/form-data; boundary=b")
END = b"\r\n--b--\r\n"
BIG = b"x" * 3_000_000
"""A file that goes to disk."""
WAYS = ("/", "/declared")
"""Paths of `limited`."""


def part(content: bytes = b"1", disposition: bytes = b'form-data; name="a"', *lines: bytes) -> bytes:
    """One part with the delimiter before it."""
    head = b"\r\n".join((b"\r\n--b", b"Content-Disposition: " + disposition, *lines))
    return head + b"\r\n\r\n" + content


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + END


def file_part(content: bytes, filename: bytes = b"x.txt", *lines: bytes, name: bytes = b"f") -> bytes:
    """A part with a file."""
    return part(content, b'form-data; name="%s"; filename="%s"' % (name, filename), *lines)


async def show(form: FormData) -> Any:
    """Names and values in their order; files as name, content and size."""
    return [
        [name, value if isinstance(value, str) else [value.filename, (await value.read()).hex(), value.size]]
        for name, value in form.items()
    ]


async def count(form: FormData) -> int:
    """How many fields and files came."""
    return len(form.items())


async def declared(
    a: Annotated[str | None, Form()] = None, f: Annotated[list[UploadFile] | None, File()] = None
) -> int:
    """As `count`, for parameters."""
    return (a is not None) + len(f or ())


def limited(endpoint: Any = count) -> VelociPy:
    """An app whose route takes 200 MB of form, at / and, by parameters, at /declared."""
    app = VelociPy(plugins=False, max_content_length=200_000_000)
    app.add_route("/", endpoint, ["POST"])
    app.add_route("/declared", declared, ["POST"])
    return app


async def digest(f: UploadFile) -> Any:
    """Size and hash of a file."""
    found = hashlib.sha256()
    async for chunk in f:
        found.update(chunk)
    return [f.size, found.hexdigest()]


async def fail(f: UploadFile) -> None:
    raise RuntimeError(f"{f.size} bytes came")


async def refuse(f: UploadFile, n: Annotated[int, Form()]) -> int:
    return n


async def keep(request: Request) -> Any:
    form = await request.form()
    return [form.file("f") is not None]


def cut(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


BOUNDARIES = {
    "; boundary=b": "b",
    '; BOUNDARY="b"': "b",
    ";boundary=b; charset=x": "b",
    "; boundary=" + "b" * 70: "b" * 70,
    '; boundary="a b:(c)?"': "a b:(c)?",
}
NO_BOUNDARIES = (
    "",
    ";",
    "; boundary",
    "; boundary=",
    '; boundary=""',
    "; boundary=" + "b" * 71,
    "; boundary=" + "b" * 300,
    '; boundary="b ',
    '; boundary="b "',
    "; boundary=b; boundary=c",
    "; boundary=b\\",
    '; boundary="b\\"c"',
    "; boundary=b@",
    '; boundary="' + "\\b" * 500 + '"',
    '; boundary="' + "\\" * 50_000,
    '; boundary="' + "\\\\" * 25_000 + '"',
    "; boundary=b" + "; x=y" * 10_000,
    "; a=" + '"' * 50_000,
)

DISPOSITIONS: list[tuple[bytes, Any]] = [
    (b'form-data; name="a"', ["a", "1"]),
    (b"form-data; name=a", ["a", "1"]),
    (b'Form-Data; NAME="a"', ["a", "1"]),
    (b'form-data; name=""', ["", "1"]),
    (b'form-data; name="a%22b%0D%0A%41"', ['a"b\r\n%41', "1"]),
    (b'form-data; name="a\\"b"', ['a"b', "1"]),
    (b'form-data; name="\xc3\xa9"', ["é", "1"]),
    (b'form-data; name="a"; filename="x"', ["a", ["x", "31", 1]]),
    (b'form-data; name="a"; filename=""', ["a", ["", "31", 1]]),
    (b"form-data; name=\"a\"; filename*=UTF-8''x.txt", ["a", "1"]),
    (b'form-data; name="a"; filename="x"; filename*=UTF-8\'\'y', ["a", ["x", "31", 1]]),
    (b"form-data", None),
    (b'form-data; filename="x"', None),
    (b"form-data; name*=UTF-8''a", None),
    (b"form-data; name*0=a; name*1=b", None),
    (b'form-data; name="a"; name="b"', None),
    (b'form-data; name="a"; filename="x"; filename="y"', None),
    (b'attachment; name="a"', None),
    (b'; name="a"', None),
    (b'form-data; name="a', None),
    (b'form-data; name="a" x', None),
    (b"", None),
    (b'form-data; name="a"\r\nContent-Disposition: form-data; name="b"', None),
]

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
