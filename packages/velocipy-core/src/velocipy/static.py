"""A directory whose files are answers. Knows which paths lead to a file and which must not; knows no routes and no servers."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from velocipy.exceptions import ConfigurationError, MethodNotAllowed, NotFound
from velocipy.http.conditional import SAFE
from velocipy.http.fields import check_header
from velocipy.http.files import FileResponse, file_etag, guess_type
from velocipy.http.negotiation import preferred_codings
from velocipy.http.response import RedirectResponse, Response
from velocipy.http.url import encode_location, quote_path
from velocipy.threads import in_thread

if TYPE_CHECKING:
    from typing import TypeGuard

    from velocipy.protocols import HTTPConnection, RequestHeaders

INDEX: Final = "index.html"
NOT_FOUND: Final = "404.html"

CODINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""Content codings (RFC 9110 section 8.4.1) in the order of our liking, and the suffix of a file that has one."""

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]')
"""Separators, drives, streams and what no file name has on some system; two paths that are one name somewhere are none here."""

_DEVICE: Final = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE
)

_ABSENT: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,
    }
)
"""Errors that mean "no such file for you". Others, such as too many open files, are no 404, which a cache may keep."""


class Names(NamedTuple):
    """A path below the directory: its segments, none of which leads elsewhere, and whether it ends with a slash."""

    segments: tuple[str, ...]
    is_directory: bool


class Found(NamedTuple):
    """Something on the disk, and what it was when it was looked at."""

    path: str
    status: os.stat_result


def parse_path(path: str, dotfiles: bool = False) -> Names | None:
    """ "/css/a.css" -> (("css", "a.css"), False), "/" -> ((), True), "" -> ((), False); None for what can be no file of ours.

    Nothing is normalised and nothing decoded: a path with `..`, `.`, `//`, a backslash, a colon, a control character or the name
    of a Windows device is refused, on every system, before any part of it reaches the file system.
    """
    *segments, last = path.removeprefix("/").split("/")
    if last:
        segments.append(last)
    if _UNSAFE.search(path) or not all(_is_name(segment, dotfiles) for segment in segments):
        return None
    return Names(tuple(segments), path.endswith("/"))


def _is_name(segment: str, dotfiles: bool) -> bool:
    """Whether a segment names an entry of a directory, and the same one on every system."""
    hidden = segment.startswith(".") and not dotfiles
    return bool(segment) and not hidden and segment[-1] not in ". " and _DEVICE.fullmatch(segment) is None


class StaticFiles:
    """The files of a directory: `app.mount("/static", StaticFiles("static"))`, for GET and HEAD, as FileResponse sends them.

    `html` serves `index.html` for a directory and `404.html` for what is not there. Symbolic links that lead out of the directory
    are followed only with `follow_symlinks`. `precompressed` sends `app.js.br`, `.zst` or `.gz` beside `app.js` to who accepts
    it. Names that begin with a dot are served only with `dotfiles`. `cache_control` is the Cache-Control of every file.

    Every request looks at the disk, in a thread: nothing is remembered, so a changed file is served as it is. A file that may not
    be read is a 404. Raises ConfigurationError where there is no such directory, and for the root of a disk.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        html: bool = False,
        follow_symlinks: bool = False,
        cache_control: str | None = None,
        precompressed: bool = False,
        dotfiles: bool = False,
    ) -> None:
        self.directory: str = os.path.abspath(os.fspath(directory))
        if not os.path.isdir(self.directory):
            what = "is not a directory" if os.path.exists(self.directory) else "does not exist"
            raise ConfigurationError(
                f"StaticFiles({os.fspath(directory)!r}): the directory {self.directory!r} {what}: "
                "create it, or give its path from the file that names it, as Path(__file__).parent / 'static'"
            )
        if not os.fspath(directory) or self.directory == os.path.dirname(self.directory):
            raise ConfigurationError(
                f"StaticFiles({os.fspath(directory)!r}) would serve all of {self.directory!r}: name a directory that holds what is "
                f"meant for everybody, as Path(__file__).parent / 'static'"
            )
        if cache_control is not None:
            check_header("cache-control", cache_control)
        self.html = html
        self.follow_symlinks = follow_symlinks
        self.cache_control = cache_control
        self.precompressed = precompressed
        self.dotfiles = dotfiles

    async def respond(self, path: str, method: str, headers: RequestHeaders) -> Response:
        """The answer for a decoded path below the mount: a file, or a redirect to a directory's slash.

        Raises NotFound, and MethodNotAllowed for other methods than GET and HEAD.
        """
        if method not in SAFE:
            raise MethodNotAllowed(sorted(SAFE))
        names = parse_path(path, self.dotfiles)
        if names is None and not self.html:
            raise NotFound
        codings: tuple[str, ...] = ()
        if self.precompressed:
            codings = preferred_codings(", ".join(headers.get_all("accept-encoding")), tuple(CODINGS))
        response = await in_thread(self._look_up, path, names, codings)
        if response is None:
            raise NotFound
        return response

    # What follows runs in a thread.

    def _look_up(self, path: str, names: Names | None, codings: tuple[str, ...]) -> Response | None:
        root = self.directory if self.follow_symlinks else os.path.realpath(self.directory)
        response = None if names is None else self._find(root, path, names, codings)
        if response is not None or not self.html:
            return response
        page = self._look_at(root, NOT_FOUND)
        return FileResponse(page.path, 404, stat_result=page.status) if _is_readable(page) else None

    def _find(self, root: str, path: str, names: Names, codings: tuple[str, ...]) -> Response | None:
        name = "/".join(names.segments)
        found = self._look_at(root, name)
        if found is not None and stat.S_ISDIR(found.status.st_mode):
            name = f"{name}/{INDEX}" if name else INDEX
            found = self._look_at(root, name) if self.html else None
            if _is_readable(found) and not names.is_directory:
                return _WithSlash(path)
        elif names.is_directory:
            return None
        return self._file(root, name, found, codings) if _is_readable(found) else None

    def _file(self, root: str, name: str, found: Found, codings: tuple[str, ...]) -> FileResponse:
        """A file, or the one beside it that holds it compressed."""
        headers = {"vary": "Accept-Encoding"} if self.precompressed else {}
        for coding in codings:
            sibling = self._look_at(root, name + CODINGS[coding])
            if _is_readable(sibling):
                found = sibling
                headers |= {"content-encoding": coding, "etag": file_etag(found.status, coding)}
                break
        return FileResponse(
            found.path,
            headers=headers,
            media_type=guess_type(name),
            cache_control=self.cache_control,
            stat_result=found.status,
        )

    def _look_at(self, root: str, name: str) -> Found | None:
        """What a name leads to, with all links resolved where they are to stay inside; None where that is nothing of ours."""
        path = os.path.join(root, *name.split("/"))
        try:
            if not self.follow_symlinks:
                path = os.path.realpath(path, strict=True)
                if path != root and not path.startswith(root.rstrip(os.sep) + os.sep):
                    return None
            return Found(path, os.stat(path))
        except OSError as exc:
            if exc.errno in _ABSENT:
                return None
            raise
        except UnicodeError:  # the file system's encoding cannot say such a name
            return None


def _is_readable(found: Found | None) -> TypeGuard[Found]:
    """Whether it is a regular file, so no FIFO and no device, that may be read."""
    return found is not None and stat.S_ISREG(found.status.st_mode) and os.access(found.path, os.R_OK)


class _WithSlash(RedirectResponse):
    """From a directory to the same with a slash, so that the links of its page lead into it; the query stays.

    The target is relative (RFC 3986 section 4.2): it is right below any prefix that a mount or a proxy has, and cannot be another
    host.
    """

    __slots__ = ()

    def __init__(self, path: str) -> None:
        super().__init__(_relative(path))

    async def send(self, connection: HTTPConnection) -> None:
        """Send it with the path and query that the client asked for: below a mount `path` is but the end of it."""
        self._headers["location"] = encode_location(_relative(connection.path, connection.query_string))
        await super().send(connection)


def _relative(path: str, query: str = "") -> str:
    """("/a/b c", "x=1") -> "./b%20c/?x=1": the last segment with a slash, seen from beside it."""
    name = quote_path(path.rpartition("/")[2])
    fitting = query.isascii() and query.isprintable()
    return f"./{name}{'/' if name else ''}{'?' + query if query and fitting else ''}"
