"""A file as an answer. Knows its size, type and age; does not know how a server reads it, nor which files may be sent."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from velocipy.http.gate import BODYLESS, check_status
from velocipy.http.headers import ResponseHeaders, http_date
from velocipy.http.response import BYTES_TYPE, Response

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource
    from velocipy.protocols import HTTPConnection

TYPES = {
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
"""Types by suffix. Our own, since the system's table differs from machine to machine; text says its charset."""


def guess_type(path: str | os.PathLike[str]) -> str:
    """ "a/b.CSS" -> "text/css; charset=utf-8"; application/octet-stream for a suffix that is not in the table."""
    return TYPES.get(os.path.splitext(os.fspath(path))[1].lower(), BYTES_TYPE)


class FileResponse(Response):
    """A file: `FileResponse("report.pdf")`, with type, length, ETag and Last-Modified.

    The file is looked at here, so that a missing one raises FileNotFoundError where it was asked for. No part of the path is
    checked: never build it from a request's text.
    """

    __slots__ = ("path", "size")
    streams = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
    ) -> None:
        if check_status(status_code) in BODYLESS:
            raise ValueError(f"status {status_code} has no body, so no file can be sent with it")
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{os.fspath(path)!r} is not a regular file")
        super().__init__(None, status_code, headers, media_type or guess_type(path))
        self.path = path
        self.size = found.st_size
        self._describe(self._headers, found)

    @staticmethod
    def _describe(headers: ResponseHeaders, found: os.stat_result) -> None:
        headers["content-length"] = str(found.st_size)
        headers.setdefault("last-modified", http_date(found.st_mtime))
        headers.setdefault("etag", f'"{found.st_mtime_ns:x}-{found.st_size:x}"')

    async def send(self, connection: HTTPConnection) -> None:
        """Have the server send the file; for HEAD its headers alone."""
        if connection.method == "HEAD":
            await connection.send_empty(self._status_code, self._headers.raw)
        else:
            await connection.send_file(self._status_code, self._headers.raw, self.path, 0, self.size)
