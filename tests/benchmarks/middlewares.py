"""Each built-in middleware alone beside its job by hand, in one process over RSGI. Knows the list; starts no server.

python tests/benchmarks/middlewares.py [--rounds N]

`ratio` is the whole request, ours by hand's; `adds` is what the middleware costs more than an app without it, on either side.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchkit.fakes import rsgi_call
from benchkit.report import aligned
from benchkit.workloads import Ask
from inprocess import answered, interleaved

from velocipy import SessionMiddleware, VelociPy
from velocipy.middleware import (
    CORSMiddleware,
    GZipMiddleware,
    HTTPSRedirectMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    TimingMiddleware,
    TrustedHostMiddleware,
)

sys.path.insert(0, str(Path(__file__).parent / "apps"))
import single_rsgi

ASK: Final = Ask(
    "GET",
    "/",
    (
        ("origin", "https://app.example"),
        ("accept-encoding", "gzip, deflate, br"),
        ("x-request-id", "01HF-raptor-7"),
        ("cookie", "theme=dark; lang=en"),
    ),
)
"""What a browser's script sends."""

NO_ID: Final = Ask("GET", "/", ASK.headers[:2])

ROWS: Final = (
    ("no middleware", None, single_rsgi.nothing, ASK),
    ("request id of the client", RequestIDMiddleware(), single_rsgi.ids, ASK),
    ("request id, a new one", RequestIDMiddleware(), single_rsgi.ids, NO_ID),
    ("timing", TimingMiddleware(), single_rsgi.timing, ASK),
    ("CORS, listed origin", CORSMiddleware(["https://app.example"]), single_rsgi.cors, ASK),
    ("compression, small answer", GZipMiddleware(), single_rsgi.coded, ASK),
    ("security headers", SecurityHeadersMiddleware(), single_rsgi.guards, ASK),
    (
        "security headers, nonce",
        SecurityHeadersMiddleware(csp={"script-src": ["nonce"]}),
        single_rsgi.nonce,
        ASK,
    ),
    ("trusted host", TrustedHostMiddleware(["127.0.0.1", "localhost"]), single_rsgi.hosts, ASK),
    ("redirect to https", HTTPSRedirectMiddleware(exclude=["/"]), single_rsgi.https, ASK),
    (
        "session, not asked for",
        SessionMiddleware("a secret of the bench, which is nobody's secret"),
        single_rsgi.session,
        ASK,
    ),
)
"""(what it is called, the built-in, its job by hand, what is asked)"""


def ours(item: Any) -> VelociPy:
    """An app whose one route is under that middleware."""
    app = VelociPy(plugins=False, middleware=[] if item is None else [item])

    @app.get("/")
    async def message() -> dict[str, str]:
        return {"message": "Hello, World!"}

    return app


async def table(rounds: int) -> list[list[str]]:
    """All rows; the first is what the others are counted from. SystemExit for answers that differ in status or body."""
    pairs = []
    for name, item, job, ask in ROWS:
        made = [rsgi_call(app, ask) for app in (single_rsgi.app_of(job), ours(item))]
        answers = [await answered(call, kept) for call, kept in made]
        if answers[0] != answers[1]:
            raise SystemExit(f"{name} is answered differently: {answers}")
        pairs.append([call for call, _ in made])
    spent = await interleaved([call for pair in pairs for call in pair], rounds)
    lines = [["middleware", "by hand ns", "ours ns", "ratio", "adds by hand", "adds ours"]]
    for (name, *_), hand, own in zip(ROWS, spent[::2], spent[1::2], strict=True):
        added = [f"{hand - spent[0]:+,.0f}", f"{own - spent[1]:+,.0f}"]
        lines.append([name, f"{hand:,.0f}", f"{own:,.0f}", f"{own / hand:.2f}", *added])
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table -> 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args(arguments)
    print(aligned(asyncio.run(table(options.rounds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
