"""A file as an answer: its type, validators, and what of it a request gets. Does not know how a server reads it, nor which
files may be sent.
"""

from __future__ import annotations

import os
import stat
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from velocipy.exceptions import HTTPException
from velocipy.http.conditional import SAFE, Validators, failed_precondition, is_conditional, is_same_version
from velocipy.http.disk import chunks_of, open_regular
from velocipy.http.disposition import content_disposition
from velocipy.http.gate import BODYLESS, check_status
from velocipy.http.headers import ResponseHeaders, http_date
from velocipy.http.ranges import Multipart, Span, content_range, multipart, parse_ranges
from velocipy.http.response import BYTES_TYPE, Response
from velocipy.http.threaded import send_made
from velocipy.http.wording import DETAILS, Refuse, Wording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from velocipy.http.headers import HeaderSource
    from velocipy.protocols import HTTPConnection, RequestHeaders

TYPES: Final = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".apng": "image/apng",
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".bz2": "application/x-bzip2",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".eot": "application/vnd.ms-fontobject",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".ics": "text/calendar; charset=utf-8",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".log": "text/plain; charset=utf-8",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mkv": "video/matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rss": "application/rss+xml",
    ".rtf": "application/rtf",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".tgz": "application/gzip",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".toml": "application/toml",
    ".ts": "video/mp2t",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".ttc": "font/collection",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".vcf": "text/vcard; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}
"""Types by suffix. Our own, since the system's table differs from machine to machine; text says its charset."""

MAX_MULTIPART: Final = 8 * 1024 * 1024
"""Bytes of a multipart body; for more, the whole file is sent. A file goes out as its reader takes it, but a stream over RSGI is
kept by the server until it is read, all of it."""

_NOT_IN_304: Final = frozenset(
    {
        "accept-ranges",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
    }
)
"""What a 304 does not repeat (RFC 9110 section 15.4.5)."""

_NOT_IN_ERROR: Final = _NOT_IN_304 | {"cache-control", "content-location", "etag", "expires", "last-modified"}
"""What is said of the file, and not true of a 412 or 416 in its place: no cache may keep that as long as the file."""

_REFUSALS: Final = frozenset({412, 416})
_OF_CONTENT: Final = frozenset({"content-length", "content-type"})


def guess_type(path: str | os.PathLike[str]) -> str:
    """ "a/b.CSS" -> "text/css; charset=utf-8"; application/octet-stream for a suffix that is not in the table."""
    name: str = os.fspath(path)
    return TYPES.get(os.path.splitext(name)[1].lower(), BYTES_TYPE)


def file_etag(found: os.stat_result, coding: str = "") -> str:
    """A strong ETag of time of change and size, and of the content coding that the file holds: '"17d2-b-br"'."""
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}{"-" if coding else ""}{coding}"'


@lru_cache(maxsize=1024)
def _modified(seconds: int) -> tuple[str, str]:
    """To write a date is 1.5 us, and most files are sent again and again."""
    return "last-modified", http_date(seconds)


class Answer(NamedTuple):
    """What one request gets of a file: `spans` of it, in a multipart body where there is a `multipart`, or else `body`."""

    status: int
    headers: ResponseHeaders
    spans: tuple[Span, ...] = ()
    multipart: Multipart | None = None
    body: bytes = b""


class FileResponse(Response):
    """A file: `FileResponse("report.pdf", filename="Report 2026.pdf")`, with type, length, ETag and Last-Modified.

    Conditions and ranges of the request (RFC 9110 sections 13 and 14) are answered when it is sent: 304, 412, 206 and 416 come
    from a 200 of this class by themselves, for GET and HEAD; a header `accept-ranges: none` turns ranges off. `filename` is what
    the client saves it as, `disposition` whether it saves ("attachment", the default with a name) or shows it ("inline"): show
    nothing that others have uploaded. Browsers are told to trust the type (`nosniff`).

    The file is looked at here, so that a missing one raises FileNotFoundError where it was asked for; `stat_result` is what
    somebody has seen already. One that is gone, or too short, by the time it is sent is never answered as if it were whole. No
    part of the path is checked: never build it from a request's text, for that there is StaticFiles.
    """

    __slots__ = ("_refuse", "_wording", "path", "size")
    streams = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
        *,
        filename: str | None = None,
        disposition: Literal["attachment", "inline"] | None = None,
        cache_control: str | None = None,
        stat_result: os.stat_result | None = None,
    ) -> None:
        if check_status(status_code) in BODYLESS:
            raise ValueError(f"status {status_code} has no body, so no file can be sent with it")
        found = os.stat(path) if stat_result is None else stat_result
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{os.fspath(path)!r} is not a regular file")
        super().__init__(None, status_code, headers, media_type or guess_type(path))
        self.path: str | os.PathLike[str] = path
        self.size: int = found.st_size
        self._wording: Wording = DETAILS
        self._refuse: Refuse | None = None
        self._headers = self._described(found)
        if cache_control is not None:
            self._headers["cache-control"] = cache_control
        if filename is not None or disposition is not None:
            self._headers["content-disposition"] = content_disposition(disposition or "attachment", filename)

    def _described(self, found: os.stat_result) -> ResponseHeaders:
        headers = self._headers.with_length(found.st_size)
        made = [("x-content-type-options", "nosniff")]
        if 200 <= self._status_code <= 299:
            # No date in the future: RFC 9110 section 8.8.2.1.
            made += [_modified(int(min(found.st_mtime, time.time()))), ("etag", file_etag(found))]
        if self._status_code == 200:
            made.append(("accept-ranges", "bytes"))
        headers.complete(made)
        return headers

    def answer(self, method: str, headers: RequestHeaders) -> Answer:
        """What a request with this method and these headers gets.

        Only GET and HEAD are conditional: after any other method the file is what came of it, not what was asked to change.
        Range counts for GET alone (RFC 9110 section 14.2).
        """
        if method in SAFE and 200 <= self._status_code <= 299:
            if is_conditional(headers) and (failed := failed_precondition(method, headers, self._validators)):
                return self._not_modified() if failed == 304 else self._refusal(failed)
            if method == "GET" and self._status_code == 200 and (ranges := headers.get_all("range")):
                return self._part(ranges) if is_same_version(headers, self._validators) else self._whole()
        return self._whole()

    @property
    def _validators(self) -> Validators:
        return Validators(self._headers.get("etag"), self._headers.get("last-modified"))

    def worded(self, wording: Wording, refuse: Refuse | None = None) -> FileResponse:
        """This response, or one that refuses with a 412 or 416 of another wording, or as exception handlers answer it."""
        twin = self.fresh()
        assert isinstance(twin, FileResponse)
        twin._wording = wording
        twin._refuse = refuse
        return twin

    def _whole(self) -> Answer:
        return Answer(self._status_code, self._sized(self.size), (Span(0, self.size),))

    def _part(self, ranges: list[str]) -> Answer:
        if len(ranges) != 1 or self._headers.get("accept-ranges") != "bytes":
            return self._whole()
        spans = parse_ranges(ranges[0], self.size)
        if spans is None:
            return self._whole()
        if not spans:
            return self._refusal(416, content_range(None, self.size))
        return self._one(spans[0]) if len(spans) == 1 else self._several(spans)

    def _one(self, span: Span) -> Answer:
        headers = self._sized(span.size)
        headers["content-range"] = content_range(span, self.size)
        return Answer(206, headers, (span,))

    def _several(self, spans: list[Span]) -> Answer:
        body = multipart(spans, self.size, self._headers.get("content-type"))
        if body.size > MAX_MULTIPART:
            return self._whole()
        headers = self._sized(body.size)
        headers["content-type"] = body.media_type
        return Answer(206, headers, tuple(spans), body)

    def _sized(self, size: int) -> ResponseHeaders:
        return self._headers.with_length(size)

    def _not_modified(self) -> Answer:
        dropped = _NOT_IN_304 | {"last-modified"} if "etag" in self._headers else _NOT_IN_304
        return Answer(304, self._without(dropped))

    def _refusal(self, status: int, content_range: str | None = None) -> Answer:
        body = self._wording.bare(status)
        headers = self._without(_NOT_IN_ERROR)
        headers["content-type"] = self._wording.media_type
        headers["content-length"] = str(len(body))
        if content_range is not None:
            headers["content-range"] = content_range
        return Answer(status, headers, body=body)

    async def _refused(self, refuse: Refuse, answer: Answer) -> Response:
        """What an exception handler makes of a refusal, with what else was said to the client."""
        found = answer.headers.get("content-range")
        headers = {} if found is None else {"content-range": found}
        response = (await refuse(HTTPException(answer.status, headers=headers))).fresh()
        response.add_defaults(pair for pair in answer.headers.raw if pair[0] not in _OF_CONTENT)
        return response

    def _without(self, names: frozenset[str] | set[str]) -> ResponseHeaders:
        headers = self._headers.copy()
        for name in names & set(headers.keys()):
            headers.remove(name)
        return headers

    async def send(self, connection: HTTPConnection) -> None:
        """Have the server send what the request gets; for HEAD the headers alone.

        Raises OSError, with nothing sent or the body broken off, where the file can no longer be read, on servers that leave the
        reading to us; others answer 404 or break off by themselves.
        """
        if self._status_code in BODYLESS:
            raise ValueError(f"status {self._status_code} has no body, but the response is a file")
        answer = self.answer(connection.method, connection.headers)
        if self._refuse is not None and answer.status in _REFUSALS:
            response = await self._refused(self._refuse, answer)
            await response.send(connection)
            return
        status, pairs = answer.status, answer.headers.raw
        if connection.method == "HEAD" or status == 304:
            await connection.send_empty(status, pairs)
        elif answer.multipart is not None:
            await _send_parts(connection, pairs, self.path, answer.multipart)
        elif answer.spans:
            start, stop = answer.spans[0]
            await connection.send_file(status, pairs, self.path, start, stop)
        else:
            pairs = [pair for pair in pairs if pair[0] != "content-length"]
            await connection.send(status, pairs, answer.body)


async def _send_parts(
    connection: HTTPConnection, pairs: list[tuple[str, str]], path: str | os.PathLike[str], body: Multipart
) -> None:
    """A multipart body."""
    await send_made(connection, 206, pairs, _part_chunks(path, body))


def _part_chunks(path: str | os.PathLike[str], body: Multipart) -> Iterator[bytes]:
    with open_regular(path) as file:
        for head, span in body.parts:
            for chunk in chunks_of(file, span.start, span.stop):
                yield head + chunk
                head = b""
    yield body.tail
