"""multipart/form-data as a stream of parts (RFC 7578). Knows its grammar and limits; does not know where contents go.

The one module that imports python-multipart, whose parser finds delimiters and header lines. Everything else is decided
here, since that parser takes a body without its final boundary for whole, knows no part's name and counts nothing. What a
part's Content-Disposition says, and what it means:

| header of a part                                     | meaning                                                           |
|------------------------------------------------------|-------------------------------------------------------------------|
| `form-data; name="a"`                                | a text field                                                      |
| `form-data; name="a"; filename="x.txt"`              | a file, even of no name (`filename=""`) and of any type           |
| `Form-Data; NAME=a; FileName=x y.txt`                | the same: case does not count, quotes may be left out             |
| `name="a%22b%0D%0A"`                                 | `a"b` CR LF, as browsers write them; no other escape is decoded   |
| `name="a\\"b\\\\c"`                                    | `a"b\\c` (RFC 9110 section 5.6.4), but `C:\\x` stays `C:\\x`         |
| `name="a"; filename*=UTF-8''x.txt`                   | a text field: RFC 7578 section 4.2 forbids `*`, so it is ignored  |
| `name*=UTF-8''a`, `name*0=a`                         | 400, there is no `name`                                           |
| missing, twice, not `form-data`, without `name`      | 400                                                               |
| `name` or another parameter twice                    | 400                                                               |
| not UTF-8, a bare line feed, a quote that stays open | 400                                                               |

Content-Transfer-Encoding, a charset and a field `_charset_` are ignored (RFC 7578 sections 4.6 and 4.7): content is what it
is, and text is UTF-8.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final

from velocipy.exceptions import (
    BadRequest,
    HTTPException,
    MissingAdapterError,
    PayloadTooLargeException,
    UnsupportedMediaType,
)
from velocipy.http.forms import (
    DEFAULT_LIMITS,
    MULTIPART,
    FormLimits,
    check_form_type,
    field_too_long,
    too_many_fields,
)
from velocipy.http.headers import Headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from python_multipart import MultipartParser

FLOOR: Final = (0, 0, 34)
"""The oldest python-multipart that is taken: those before have had eight advisories."""

_PIECE: Final = 65_536  # bytes that are parsed at once: what they hold is in memory until it is asked for

# RFC 2046 section 5.1.1
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER: Final = re.compile(
    r""";[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";][^";]*)))?[ \t]*""", re.DOTALL
)
_LONGEST_TYPE: Final = 1_024  # characters of a Content-Type; servers let 64 KB through
_QUOTED: Final = re.compile(r'\\(["\\])')
_ESCAPED: Final = re.compile("%22|%0D|%0A")
_UNESCAPED: Final = {"%22": '"', "%0D": "\r", "%0A": "\n"}

_SILENT: Final = logging.Logger("python_multipart")  # its own, which nobody else can find
_SILENT.disabled = True


@cache
def load_parser() -> type[MultipartParser]:
    """python-multipart's parser; MissingAdapterError with the command that installs it, or one that is new enough."""
    try:
        import python_multipart
    except ModuleNotFoundError:
        raise MissingAdapterError("python-multipart is not installed: pip install python-multipart") from None
    version = tuple(int(number) for number in re.findall(r"\d+", python_multipart.__version__)[:3])
    if version < FLOOR:
        floor = ".".join(map(str, FLOOR))
        raise MissingAdapterError(
            f"python-multipart {python_multipart.__version__} is too old: "
            f"pip install 'python-multipart>={floor}'"
        )
    return python_multipart.MultipartParser


def multipart_parts(
    content_type: str | None,
    chunks: AsyncIterator[bytes],
    limits: FormLimits = DEFAULT_LIMITS,
    encoding: str | None = None,
) -> MultipartReader:
    """`async for part in multipart_parts(...)`: the parts of a body as they arrive.

    One part at a time: its content is read before the next part is asked for, or skipped. The next chunk of the body is read
    when it is needed, and no more than _PIECE bytes of contents are held. Raises UnsupportedMediaType and, for a boundary that
    is none, BadRequest at once; the iteration raises BadRequest for a broken body and PayloadTooLargeException for a part too
    many. Where that happens does not depend on how the body was cut into chunks.
    """
    if check_form_type(content_type, encoding) != MULTIPART or content_type is None:
        raise UnsupportedMediaType(f"the body must be {MULTIPART}")
    return MultipartReader(read_boundary(content_type), chunks, limits)


def read_boundary(content_type: str) -> bytes:
    """The boundary that the header names; BadRequest unless it is 1 to 70 characters of RFC 2046 section 5.1.1."""
    try:
        parameters = parse_parameters(content_type)[1] if len(content_type) <= _LONGEST_TYPE else {}
    except ValueError:
        parameters = {}
    boundary = parameters.get("boundary", "")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise BadRequest("the content-type header has no valid boundary")
    return boundary.encode("ascii")


def parse_parameters(text: str) -> tuple[str, dict[str, str]]:
    """A header's value and its parameters (RFC 9110 section 5.6.6), in linear time.

    `Form-Data; name="a"; X=1` -> ("form-data", {"name": "a", "x": "1"}). Raises ValueError for what does not fit the grammar, and for a parameter that comes twice.
    """
    kind = text.partition(";")[0]
    position = len(kind)
    found: dict[str, str] = {}
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise ValueError(f"no parameter at index {position} of {text!r:.100}")
        position = match.end()
        name, quoted, plain = match.groups()
        if name is None:
            continue
        if name.lower() in found:
            raise ValueError(f"the parameter {name!r:.60} comes twice")
        found[name.lower()] = plain.rstrip(" \t") if quoted is None else _QUOTED.sub(r"\1", quoted)
    return kind.strip(" \t").lower(), found


class Part:
    """One part of a multipart body on its way in: `async for chunk in part`, or `await part.read()` for what is small.

    `filename` is None for a text field; else it is what the client says, and may be anything (see `safe_name`). Content can be
    read until the next part is asked for.
    """

    __slots__ = ("_reader", "filename", "headers", "name")

    def __init__(self, headers: Headers, name: str, filename: str | None, reader: MultipartReader) -> None:
        self.headers: Headers = headers
        self.name: str = name
        self.filename: str | None = filename
        self._reader = reader

    @property
    def content_type(self) -> str | None:
        """The type that the client says the content has; nobody has checked it."""
        return self.headers.get("content-type")

    def __aiter__(self) -> Part:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._reader.read_chunk(self)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def read(self) -> bytes:
        """The rest of the content; PayloadTooLargeException for more than `max_part_size` bytes of it."""
        limits = self._reader.limits
        chunks: list[bytes] = []
        size = 0
        async for chunk in self:
            chunks.append(chunk)
            size += len(chunk)
            if size > limits.max_part_size:
                raise field_too_long(limits)
        return b"".join(chunks)

    async def text(self) -> str:
        """As `read`, as text; BadRequest when it is not UTF-8."""
        try:
            return str(await self.read(), "utf-8")
        except UnicodeDecodeError:
            raise BadRequest("a field of the form is not UTF-8 text") from None

    def __repr__(self) -> str:
        return f"<Part name={self.name!r:.60} filename={self.filename!r:.60}>"


class _Mark(Enum):
    """What happens in a body beside parts, chunks of content and mistakes."""

    PART_END = 1
    END = 2


class MultipartReader:
    """An iterator of parts. What the parser finds in a piece of the body waits in a queue, mistakes among it, in its order."""

    def __init__(self, boundary: bytes, chunks: AsyncIterator[bytes], limits: FormLimits) -> None:
        self.limits = limits
        self._chunks = chunks
        self._chunk = b""
        self._position = 0  # in the chunk
        self._events: deque[Part | bytes | _Mark | HTTPException] = deque()
        self._current: Part | None = None
        self._has_content = False  # the current part's, until its end was read
        self._fields = self._files = 0
        self._start_part()
        self._in_headers = self._is_complete = False
        self._delimiter = b"\r\n--" + boundary
        self._preamble: bytes | None = (
            b"\r\n"  # which stands before a delimiter; the first of a body may go without
        )
        self._parser = load_parser()(
            boundary,
            {
                "on_part_begin": self._start_part,
                "on_header_field": self._add_to_header_name,
                "on_header_value": self._add_to_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_content,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
            max_header_count=limits.max_part_headers,
            max_header_size=limits.max_part_header_size,
        )
        self._parser.logger = _SILENT  # a bad request is answered; it would be a line in the log for each

    # -- what is asked for -------------------------------------------------------------------------------------------

    def __aiter__(self) -> MultipartReader:
        return self

    async def __anext__(self) -> Part:
        while self._has_content and self._current is not None:
            await self.read_chunk(self._current)
        event = await self._next_event()
        if not isinstance(event, Part):
            self._current = None
            raise StopAsyncIteration
        self._current = event
        self._has_content = True
        return event

    async def read_chunk(self, part: Part) -> bytes:
        """The next bytes of the part that was asked for last, b"" at its end; RuntimeError for any other part."""
        if part is not self._current:
            raise RuntimeError("this part has been passed: read it before asking for the next one")
        event = await self._next_event() if self._has_content else b""
        if isinstance(event, bytes):
            return event
        self._has_content = False
        return b""

    async def _next_event(self) -> Part | bytes | _Mark:
        while not self._events:
            await self._read_on()
        event = self._events[0]
        if isinstance(event, HTTPException):
            raise event  # and stays, for whoever asks again
        return self._events.popleft()  # type: ignore[return-value]  # it is `event`  # ty: ignore[invalid-explicit-return]

    # -- what comes in -----------------------------------------------------------------------------------------------

    async def _read_on(self) -> None:
        """Parse the next piece, or note that there is none. After the final boundary the rest is read and dropped."""
        piece = await self._next_piece()
        if piece is None:
            self._events.append(
                _Mark.END
                if self._is_complete
                else BadRequest("the multipart body ends before its final boundary")
            )
        elif not self._is_complete:
            self._parse(piece)

    async def _next_piece(self) -> bytes | None:
        if self._position >= len(self._chunk):
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return None
            self._chunk, self._position = chunk, 0
        start = self._position
        self._position += _PIECE
        return self._chunk[start : self._position]

    def _parse(self, piece: bytes) -> None:
        if self._preamble is not None:
            piece = self._skip_preamble(self._preamble + piece)
        try:
            self._parser.write(piece)
        except ValueError:  # which every error of the parser's is
            self._fail(
                self._bad_headers() if self._in_headers else BadRequest("the multipart body is malformed")
            )
        except HTTPException as exc:
            self._fail(exc)

    def _skip_preamble(self, data: bytes) -> bytes:
        """What begins with the first boundary; b"" while that has not come (RFC 2046 section 5.1.1)."""
        start = data.find(self._delimiter)
        if start < 0:
            self._preamble = data[1 - len(self._delimiter) :]
            return b""
        self._preamble = None
        return data[start + 2 :]

    def _fail(self, exc: HTTPException) -> None:
        self._events.append(exc)
        self._parser.callbacks = {}  # which refer to this object, as it does to the parser

    # -- what the parser finds ---------------------------------------------------------------------------------------

    def _start_part(self) -> None:
        self._headers: list[tuple[str, str]] = []
        self._header_size = 0
        self._name = self._value = b""
        self._in_headers = True

    def _add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._count_header_bytes(end - start)

    def _add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count_header_bytes(end - start)

    def _count_header_bytes(self, size: int) -> None:
        self._header_size += size
        if self._header_size > self.limits.max_part_header_size:
            raise self._bad_headers()

    def _end_header(self) -> None:
        if b"\n" in self._value:
            raise self._bad_headers()
        try:
            self._headers.append((self._name.decode("ascii"), self._value.decode("utf-8").strip(" \t")))
        except UnicodeDecodeError:
            raise self._bad_headers() from None
        self._name = self._value = b""

    def _end_headers(self) -> None:
        headers = Headers(self._headers)
        name, filename = _read_disposition(headers.get_all("content-disposition"))
        self._in_headers = False
        if filename is None:
            self._fields += 1
            if self._fields > self.limits.max_fields:
                raise too_many_fields(self.limits)
        else:
            self._files += 1
            if self._files > self.limits.max_files:
                raise PayloadTooLargeException(f"the form has more than {self.limits.max_files} files")
        self._events.append(Part(headers, name, filename, self))

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _end_part(self) -> None:
        self._events.append(_Mark.PART_END)

    def _end(self) -> None:
        self._is_complete = True
        self._parser.callbacks = {}

    def _bad_headers(self) -> BadRequest:
        return BadRequest(
            f"the headers of a part are malformed, more than {self.limits.max_part_headers}, "
            f"or longer than {self.limits.max_part_header_size} bytes"
        )


def _read_disposition(lines: list[str]) -> tuple[str, str | None]:
    """The Content-Disposition lines of a part -> its name and file name; the table above says how."""
    try:
        (line,) = lines
        kind, parameters = parse_parameters(line)
        name = _decode_name(parameters["name"])
    except (ValueError, KeyError):
        kind, parameters, name = "", {}, ""
    if kind != "form-data":
        raise BadRequest(
            'a part of the form needs one header like Content-Disposition: form-data; name="..."'
        )
    filename = parameters.get("filename")
    return name, None if filename is None else _decode_name(filename)


def _decode_name(text: str) -> str:
    """What browsers escape in a quoted name (WHATWG HTML section 4.10.22.8), and only that."""
    return _ESCAPED.sub(lambda escape: _UNESCAPED[escape[0]], text)
