"""One uploaded file. Knows where its content is kept and which names are safe to save under; knows no forms and no bodies.

Small content stays in memory and is read and written at once; what grows goes to a temporary file without a name, which is
gone when it is closed or when the process dies. Everything that touches a disk runs in a thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

from velocipy.exceptions import BadRequest
from velocipy.http.headers import Headers
from velocipy.threads import in_thread, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

P = ParamSpec("P")
T = TypeVar("T")

SPOOL_SIZE: Final = 1_048_576
"""Bytes of a file that stay in memory."""

CHUNK_SIZE: Final = 65_536
"""Bytes that iteration gives at a time."""

MAX_NAME_SIZE: Final = 255
"""UTF-8 bytes of a file name: what ext4, XFS and APFS take."""

_COPY_SIZE: Final = 1_048_576


class UploadFile:
    """A file that a client sent: `await upload.read()`, `async for chunk in upload`, `await upload.save("uploads")`.

    `filename` is what the client says and nothing else: it may hold `../`, control characters or nothing at all, so save under
    `safe_name(upload.filename)` or a name of your own. `size` counts bytes, None for a `file` whose size nobody told.
    An upload is closed, and its temporary file gone, once the request is over.
    """

    __slots__ = ("__weakref__", "_file", "_is_ours", "_spool_size", "filename", "headers", "size")

    def __init__(
        self,
        filename: str,
        file: IO[bytes] | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | Headers | None = None,
        size: int | None = None,
        *,
        spool_size: int = SPOOL_SIZE,
    ) -> None:
        self._is_ours = file is None
        self._file: IO[bytes] = BytesIO() if file is None else file
        self._spool_size = spool_size
        self.filename: str = filename
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(_pairs(headers or ()))
        self.size = 0 if size is None and file is None else size

    @property
    def content_type(self) -> str | None:
        """The type that the client says the file has; nobody has checked it."""
        return self.headers.get("content-type")

    @property
    def file(self) -> IO[bytes]:
        """The content as a binary file, for code that is not async. Ask again after a write, which may move it to disk."""
        return self._file

    @property
    def in_memory(self) -> bool:
        """Whether the content is in memory, so that no operation waits for a disk."""
        return isinstance(self._file, BytesIO)

    async def read(self, size: int = -1) -> bytes:
        """`size` bytes from where the file stands, fewer at its end; -1 for all the rest."""
        return await self._call(self.in_memory, self._file.read, size)

    async def write(self, data: bytes) -> int:
        """Write where the file stands -> how many bytes. Raises OSError when the disk is full."""
        stays = self.in_memory and not self._outgrows_memory(data)
        return await self._call(stays, self._write, data)

    async def seek(self, offset: int) -> int:
        """Stand `offset` bytes from the start -> the offset."""
        return await self._call(self.in_memory, self._file.seek, offset)

    async def close(self) -> None:
        """Close the file; a temporary one is gone. Safe to call twice."""
        await close_uploads([self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The content from where the file stands, in chunks of CHUNK_SIZE bytes."""
        while chunk := await self.read(CHUNK_SIZE):
            yield chunk

    async def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the whole content to `path`, or under its safe name into the directory `path` -> the path of the new file.

        Raises BadRequest where the name that is needed is not safe, FileExistsError for what exists already unless
        `overwrite` is set, and OSError when the disk is full; nothing half-written stays. It is one call in a thread, at
        whose end the file stands at its end, and which a cancelled caller waits for.
        """
        from pathlib import Path  # 4 ms that apps without uploads do not pay

        return await whole(in_thread(self._save, Path(path), overwrite))

    async def _call(self, at_once: bool, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if at_once:
            return function(*args, **kwargs)
        # A cancelled caller waits for its thread: what closes the file must not meet a write that still runs.
        return await whole(in_thread(function, *args, **kwargs))

    def _outgrows_memory(self, data: bytes) -> bool:
        return self._is_ours and self._file.tell() + len(data) > self._spool_size

    def _write(self, data: bytes) -> int:
        if isinstance(self._file, BytesIO) and self._outgrows_memory(data):
            self._file = _move_to_disk(self._file)
        written = self._file.write(data)
        if self.size is not None:
            self.size = max(self.size, self._file.tell())
        return written

    def _save(self, path: Path, overwrite: bool) -> Path:
        target = path / safe_name(self.filename) if path.is_dir() else path
        copy = open(target, "wb" if overwrite else "xb")
        try:
            with copy:
                self._file.seek(0)
                while chunk := self._file.read(_COPY_SIZE):
                    copy.write(chunk)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    def __del__(self) -> None:
        # Whoever drops an upload unclosed leaves a temporary file of ours behind, not a warning; other files have other owners.
        # When the interpreter ends, the names of this module may be gone before the uploads are.
        if BytesIO is not None and getattr(self, "_is_ours", False) and not self.in_memory:  # pyright: ignore[reportUnnecessaryComparison]
            _close_quietly(self._file)

    def __repr__(self) -> str:
        return f"<UploadFile {self.filename!r:.100} size={self.size}>"


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers


async def close_uploads(uploads: Iterable[UploadFile]) -> None:
    """Close them all: those in memory at once, those on disk in one thread, to the end even when the caller is cancelled."""
    on_disk: list[IO[bytes]] = []
    for upload in uploads:
        if upload.in_memory:
            upload.file.close()
        elif not upload.file.closed:
            on_disk.append(upload.file)
    if on_disk:
        await whole(in_thread(_close_all, on_disk))


def _close_all(files: Iterable[IO[bytes]]) -> None:
    for file in files:
        _close_quietly(file)


def _close_quietly(file: IO[bytes]) -> None:
    try:
        file.close()
    except OSError:
        pass  # the disk is full: bytes that nobody will read could not be written, and the file is closed all the same


def _move_to_disk(memory: BytesIO) -> IO[bytes]:
    """The same content at the same position in a temporary file; `memory` is closed. Raises OSError when the disk is full."""
    from tempfile import TemporaryFile  # 4 ms that apps without large uploads do not pay

    disk = TemporaryFile("w+b")
    try:
        with memory.getbuffer() as content:
            disk.write(content)
        disk.seek(memory.tell())
    except BaseException:
        _close_quietly(disk)
        raise
    memory.close()
    return disk


# Patterns of `safe_name`, as text: compiling them takes 2 ms that apps without uploads do not pay.
_REFUSED: Final = (
    r"[\x00-\x1f\x7f-\x9f"  # control characters, NUL and line ends among them
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks: `exe.gpj` reads as `jpg.exe`
    r"\u2028\u2029\ud800-\udfff]"  # line ends of Unicode; surrogates, which no file system takes
)
_NOT_ON_WINDOWS: Final = r'[<>:"|?*]'
_DEVICES: Final = r"(?i:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?"


def safe_name(filename: str) -> str:
    """ "../../Bild 1.JPG" -> "Bild 1.JPG": a name without a directory that every file system takes; BadRequest where there is none.

    What stands before the last `/` or `\\` goes, as do dots and spaces in front and dots and spaces behind; `<>:"|?*`, which
    Windows refuses or reads as another stream of the file, become `_`; composed to NFC. Refused are control characters,
    direction marks, names of devices (`CON`, `nul.txt`), and names that are empty or longer than MAX_NAME_SIZE bytes.
    The extension stays and says nothing about the content.
    """
    import unicodedata  # a library of C's, for which the same is true as for pathlib

    name = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    name = re.sub(_NOT_ON_WINDOWS, "_", name.lstrip(". ").rstrip(". "))
    if not name:
        raise BadRequest("the file has no name that it could be saved under")
    if re.search(_REFUSED, filename) or re.fullmatch(_DEVICES, name):
        raise BadRequest("the file has a name that it cannot be saved under")
    if len(name.encode()) > MAX_NAME_SIZE:
        raise BadRequest(f"the file has a name of more than {MAX_NAME_SIZE} bytes")
    return name
