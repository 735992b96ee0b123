"""Forms of both encodings as text fields and files by name. Knows their limits; knows no types, no handlers and no servers."""

from __future__ import annotations

import errno
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from velocipy.exceptions import (
    BadRequest,
    ConfigurationError,
    HTTPException,
    PayloadTooLargeException,
    UnsupportedMediaType,
)
from velocipy.http.query import decode_escapes_strictly
from velocipy.http.uploads import SPOOL_SIZE, UploadFile, close_uploads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator

    from velocipy.http.multipart import Part

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
_WRITE_SIZE: Final = 262_144  # a file of 20 MB is 80 calls in a thread, of 60 us each


@dataclass(frozen=True, slots=True)
class FormLimits:
    """How much of a form is read; the same for both encodings. Beside it stands the route's `max_content_length`.

    Beyond `max_fields`, `max_files` or `max_part_size` the answer is 413, beyond the caps of a part's headers 400.
    Raises ConfigurationError for what is no limit.
    """

    max_fields: int = 1_000
    """Text fields, and in a urlencoded form empty ones too."""
    max_files: int = 100
    max_part_size: int = 1_048_576
    """Bytes of one text field; a urlencoded name may have as many."""
    spool_size: int = SPOOL_SIZE
    """Bytes of a file that stay in memory; the rest of it makes it go to disk."""
    max_part_headers: int = 16
    max_part_header_size: int = 8_192
    """Bytes of all header names and values of one part."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ConfigurationError(
                    f"FormLimits({field.name}={value!r:.60}): a limit is a whole number of at least 0"
                )


DEFAULT_LIMITS: Final = FormLimits()


class FormData:
    """A form that was read: `form.get("name")` is text, `form.file("avatar")` an UploadFile; either is None when missing.

    A name may come more than once: look-up gives the last, `getlist`, `files` and `items` give all, in their order. Text and
    files live apart, so that no client decides which of the two an endpoint gets. `async with form:` closes its files.
    """

    __slots__ = ("_files", "_pairs", "_texts")

    def __init__(self, pairs: Iterable[tuple[str, str | UploadFile]] = ()) -> None:
        self._pairs: list[tuple[str, str | UploadFile]] = []
        self._texts: dict[str, list[str]] = {}
        self._files: dict[str, list[UploadFile]] = {}
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str | UploadFile) -> None:
        """Append a field or a file."""
        self._pairs.append((name, value))
        if isinstance(value, str):
            self._texts.setdefault(name, []).append(value)
        else:
            self._files.setdefault(name, []).append(value)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last text of `name`, never a file."""
        texts = self._texts.get(name)
        return texts[-1] if texts else default

    def getlist(self, name: str) -> list[str]:
        """Every text of `name` in order; [] when there is none."""
        return self._texts.get(name, []).copy()

    def file(self, name: str) -> UploadFile | None:
        """The last file of `name`, never text."""
        files = self._files.get(name)
        return files[-1] if files else None

    def files(self, name: str) -> list[UploadFile]:
        """Every file of `name` in order; [] when there is none."""
        return self._files.get(name, []).copy()

    def items(self) -> list[tuple[str, str | UploadFile]]:
        """Every (name, text or file) in the order of the body."""
        return self._pairs.copy()

    def __getitem__(self, name: str) -> str:
        texts = self._texts.get(name)
        if texts:
            return texts[-1]
        raise KeyError(f"{name!r} is a file: ask form.file({name!r})" if name in self._files else name)

    def __contains__(self, name: object) -> bool:
        return name in self._texts or name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len(self._texts.keys() | self._files.keys())

    async def close(self) -> None:
        """Close every file; temporary ones are gone. Safe to call twice."""
        await close_uploads(file for files in self._files.values() for file in files)

    async def __aenter__(self) -> FormData:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<FormData {list(self)!r:.200}>"  # values may be passwords


def media_type(content_type: str) -> str:
    """ "Multipart/Form-Data; boundary=x" -> "multipart/form-data" (RFC 9110 section 8.3.1)."""
    return content_type.partition(";")[0].strip(" \t").lower()


def check_form_type(content_type: str | None, encoding: str | None) -> str:
    """The media type of a body that is a form; UnsupportedMediaType for any other, a missing one, and a compressed body.

    A charset is ignored: forms are UTF-8 (WHATWG URL section 5, RFC 7578 section 5.1.2).
    """
    kind = media_type(content_type or "")
    if kind != URLENCODED and kind != MULTIPART:
        raise UnsupportedMediaType(f"the body must be a form: {URLENCODED} or {MULTIPART}")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMediaType("the body must not be compressed")
    return kind


async def receive_form(
    content_type: str | None,
    chunks: AsyncIterator[bytes],
    limits: FormLimits = DEFAULT_LIMITS,
    encoding: str | None = None,
) -> FormData:
    """A body -> the form that it is, whose files the caller closes; when reading fails, nothing is left open.

    `content_type` and `encoding` are the headers Content-Type and Content-Encoding; neither type nor body is a form without fields.
    Raises UnsupportedMediaType for what is no form, BadRequest for a broken one, PayloadTooLargeException beyond the limits,
    HTTPException(507) when the disk is full, and whatever `chunks` raises. The body is read to its end, so that a cut-off one never
    passes for a whole one.
    """
    if content_type is None and await _is_empty(chunks):
        return FormData()
    if check_form_type(content_type, encoding) == URLENCODED:
        return parse_urlencoded(await _read_urlencoded(chunks, limits), limits)
    form = FormData()
    try:
        await _receive_multipart(content_type, chunks, limits, form)
    except BaseException:
        await form.close()
        raise
    return form


async def _is_empty(chunks: AsyncIterator[bytes]) -> bool:
    async for chunk in chunks:
        if chunk:
            return False
    return True


@asynccontextmanager
async def read_form(
    content_type: str | None,
    chunks: AsyncIterator[bytes],
    limits: FormLimits = DEFAULT_LIMITS,
    encoding: str | None = None,
) -> AsyncGenerator[FormData, None]:
    """`async with read_form(...) as form:` is `receive_form`, and at its end every file is closed."""
    async with await receive_form(content_type, chunks, limits, encoding) as form:
        yield form


# -- urlencoded ------------------------------------------------------------------------------------------------------


def parse_urlencoded(body: bytes, limits: FormLimits = DEFAULT_LIMITS) -> FormData:
    """b"a=1&b=x+y&a=2" -> a FormData with a: "1", "2" and b: "x y" (WHATWG URL section 5.1).

    Fields are told apart as in `velocipy.http.query.parse_query`: they end at `&` alone, `a` is `a=`, an empty field is none
    but counts, and a `%` that starts no escape is itself. Unlike there, broken UTF-8 is a BadRequest: a body is stored.
    """
    form = FormData()
    if body:
        _check_count(body.count(b"&") + 1, limits)
    for field in body.split(b"&"):
        if field:
            name, _, value = field.partition(b"=")
            form.add(_decode(name, limits), _decode(value, limits))
    return form


def _decode(raw: bytes, limits: FormLimits) -> str:
    try:
        text = raw.replace(b"+", b" ").decode("utf-8")
        if "%" in text:
            text = decode_escapes_strictly(text)
    except UnicodeDecodeError:
        raise BadRequest("the form is not UTF-8 text") from None
    if len(raw) > limits.max_part_size and len(text.encode()) > limits.max_part_size:
        raise field_too_long(limits)
    return text


async def _read_urlencoded(chunks: AsyncIterator[bytes], limits: FormLimits) -> bytes:
    """The whole body; refused as soon as it shows that its fields are too many or that one is too long."""
    body = bytearray()
    count, length = 1, 0  # of fields, and bytes of the last one so far
    # Name and value as long as they may be, every byte of them escaped, and what stands between them.
    longest = 2 * 3 * limits.max_part_size + 1
    async for chunk in chunks:
        body += chunk
        count += chunk.count(b"&")
        border = chunk.rfind(b"&")
        length = length + len(chunk) if border < 0 else len(chunk) - border - 1
        _check_count(count if body else 0, limits)
        if length > longest:
            raise field_too_long(limits)
    return bytes(body)


def _check_count(count: int, limits: FormLimits) -> None:
    if count > limits.max_fields:
        raise too_many_fields(limits)


def too_many_fields(limits: FormLimits) -> PayloadTooLargeException:
    """The 413 of both encodings."""
    return PayloadTooLargeException(f"the form has more than {limits.max_fields} fields")


def field_too_long(limits: FormLimits) -> PayloadTooLargeException:
    """The 413 of both encodings."""
    return PayloadTooLargeException(f"a field of the form has more than {limits.max_part_size} bytes")


# -- multipart -------------------------------------------------------------------------------------------------------


async def _receive_multipart(
    content_type: str | None, chunks: AsyncIterator[bytes], limits: FormLimits, form: FormData
) -> None:
    from velocipy.http.multipart import multipart_parts

    async for part in multipart_parts(content_type, chunks, limits):
        if part.filename is None:
            form.add(part.name, await part.text())
        else:
            await _receive_file(part, part.filename, limits, form)


async def _receive_file(part: Part, filename: str, limits: FormLimits, form: FormData) -> None:
    """Add the part's file, at its start. No name and no content is how browsers send that no file was chosen: none is added."""
    pending = [await anext(part, b"")]
    if not filename and not pending[0]:
        return
    upload = UploadFile(filename, headers=part.headers, spool_size=limits.spool_size)
    form.add(part.name, upload)  # before anything is written, so that it is closed when that fails
    try:
        size = len(pending[0])
        async for chunk in part:
            pending.append(chunk)
            size += len(chunk)
            if size >= _WRITE_SIZE:
                await upload.write(b"".join(pending))
                pending, size = [], 0
        await upload.write(b"".join(pending))
        await upload.seek(0)
    except OSError as exc:
        if exc.errno in _FULL_DISK:
            raise HTTPException(507) from exc
        raise
