"""A folder of files, what lies beside it, and paths that lead elsewhere, for the cases 5, 8 and 57 to 66. Asks nobody.

static/a.txt, static/sub/index.html, static/.env ...      secret.txt and static-too/b.txt lie beside it
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from velocipy import StaticFiles, VelociPy

FILES = {
    "static/a.txt": "inside",
    "static/digits": "0123456789",
    "static/page.html": "<p>page",
    "static/app.js": "let a = 1",
    "static/index.html": "<p>home",
    "static/sub/index.html": "index",
    "static/sub/deep/b.css": "b {}",
    "static/.env": "secret",
    "static/.git/config": "secret",
    "static/long.txt": "text " * 1_000,
    "static/zero.bin": "",
    "static-too/b.txt": "secret",
    "secret.txt": "secret",
}


def folder_in(parent: Path) -> Path:
    """The folder to serve, with what lies beside it."""
    for name, text in FILES.items():
        path = parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return parent / "static"


_folder = tempfile.TemporaryDirectory()
ROOT = folder_in(Path(_folder.name).resolve())
(ROOT / "out").symlink_to("..")

static = StaticFiles(ROOT, html=True)


def serving(root: Path, prefix: str = "/static", **options: Any) -> VelociPy:
    """An app that serves a folder."""
    app = VelociPy(plugins=False)
    app.mount(prefix, StaticFiles(root, **options))
    return app


def answering(make: Callable[[], Any]) -> VelociPy:
    """An app that answers what is made for each request."""
    app = VelociPy(plugins=False)

    @app.get("/file")
    async def file() -> Any:
        return make()

    return app


OUTSIDE = (
    "/../secret.txt", "/../static-too/b.txt", "/sub/../../secret.txt", "/sub/../a.txt", "/./a.txt", "/./../secret.txt",
    "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/..%2fsecret.txt", "/sub/..%2f..%2fsecret.txt",
    "/%252e%252e%252fsecret.txt", "/%252e%252e/secret.txt", "/....//secret.txt", "/.../secret.txt", "/..\\secret.txt",
    "/..%5csecret.txt", "/%5c..%5csecret.txt", "/sub%5c..%5c..%5csecret.txt", "//etc/passwd", "/%2fetc%2fpasswd",
    "/etc/passwd", "//secret.txt", "//../secret.txt", "/sub//index.html", "/a.txt/", "/a.txt.", "/a.txt%20",
    "/..;/secret.txt", "/..%c0%afsecret.txt", "/%c0%ae%c0%ae/secret.txt", "/%ff", "/a.txt%00.html", "/%00/../secret.txt",
    "-too/b.txt", "/out/secret.txt", "/" + "a" * 300, "/" + "a/" * 3_000 + "a", "/" + "../" * 1_000 + "etc/passwd",
)  # fmt: skip
"""More than twenty spellings of "somewhere else"."""

NO_NAMES = (
    "/a%00.txt", "/a.txt%00", "/%00", "/a.txt%0d%0aX:1", "/C:", "/C:/secret.txt", "/C:%5csecret.txt", "/a.txt:stream",
    "/a.txt::$DATA", "/%5c%5chost%5cshare", "/%5c%5c?%5cC:%5ca.txt", "//host/share", "/CON", "/con.txt", "/aux%20.txt",
    "/sub/NUL", "/nul.tar.gz", "/COM1", "/lpt9.txt", "/COM%C2%B9", "/CONOUT$", "/a%7f",
)  # fmt: skip
"""What some systems take for a device, a drive or another host."""

MANY = ",".join(f"{2 * number}-{2 * number}" for number in range(5_000))
WHOLE = (200, None, b"0123456789")
RANGES: dict[str, tuple[int, str | None, bytes | None]] = {
    "bytes=0-4": (206, "bytes 0-4/10", b"01234"),
    "bytes=0-": (206, "bytes 0-9/10", b"0123456789"),
    "bytes=9-": (206, "bytes 9-9/10", b"9"),
    "bytes=-1": (206, "bytes 9-9/10", b"9"),
    "bytes=-99999999": (206, "bytes 0-9/10", b"0123456789"),
    "bytes=5-99999999": (206, "bytes 5-9/10", b"56789"),
    "bytes=0-" + "9" * 400: (206, "bytes 0-9/10", b"0123456789"),
    "bytes=0-4,3-6": (206, "bytes 0-6/10", b"0123456"),
    "bytes=0-1,99-": (206, "bytes 0-1/10", b"01"),
    "bytes=0-,0-,0-,0-": (206, "bytes 0-9/10", b"0123456789"),
    "bytes=10-": (416, "bytes */10", None),
    "bytes=10-20,30-": (416, "bytes */10", None),
    "bytes=-0": (416, "bytes */10", None),
    "bytes=5-2": WHOLE,
    "bytes=abc": WHOLE,
    "bytes=": WHOLE,
    "bytes=+0-4": WHOLE,
    "bytes=0_0-4": WHOLE,
    "items=0-1": WHOLE,
    "": WHOLE,
    "bytes=" + "0" * 40_000 + "a-": WHOLE,
    "bytes=" + "0" * 40_000 + "-": WHOLE,
    "bytes=" + MANY: WHOLE,
}
"""Range field -> status, Content-Range, and body, of ten digits."""

DATE, BEFORE, AFTER = (
    "Tue, 14 Nov 2023 22:13:20 GMT",
    "Tue, 14 Nov 2023 22:13:19 GMT",
    "Tue, 14 Nov 2023 22:13:21 GMT",
)
CHANGED = 1_700_000_000
CONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"if-none-match": '"v1"'}, 304),
    ({"if-none-match": 'W/"v1"'}, 304),
    ({"if-none-match": '"v0", "v1"'}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"v0"'}, 200),
    ({"if-none-match": "v1"}, 200),
    ({"if-none-match": '"v0"', "if-modified-since": DATE}, 200),
    ({"if-none-match": '"v1"', "if-modified-since": BEFORE}, 304),
    ({"if-modified-since": DATE}, 304),
    ({"if-modified-since": AFTER}, 304),
    ({"if-modified-since": "Fri, 31 Dec 9999 23:59:59 GMT"}, 304),
    ({"if-modified-since": BEFORE}, 200),
    ({"if-modified-since": "yesterday"}, 200),
    ({"if-match": '"v1"'}, 200),
    ({"if-match": "*"}, 200),
    ({"if-match": '"v0"'}, 412),
    ({"if-match": 'W/"v1"'}, 412),
    ({"if-unmodified-since": BEFORE}, 412),
    ({"if-unmodified-since": "yesterday"}, 200),
    ({"range": "bytes=0-1", "if-none-match": '"v1"'}, 304),
    ({"range": "bytes=0-1", "if-match": '"v0"'}, 412),
    ({"range": "bytes=0-1", "if-match": '"v1"'}, 206),
]
"""Headers of a request -> status, of a file with the ETag "v1" that was changed at DATE."""
