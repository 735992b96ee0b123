"""A report as an HTML page, all of it escaped, and the policy under which a browser runs its one script. Knows no request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

from velocipy.debugging.frames import Frame, Raised
from velocipy.debugging.report import Report, Section
from velocipy.debugging.text import as_text

_FOLDER = Path(__file__).parent

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>{refresh}
</head>
<body{waits}>
<header>
<p class="status">{status} {name} <button type="button" id="copy" hidden>Copy as text</button></p>
{heading}
</header>
<main>
{body}
<details id="whole"><summary>As text</summary><textarea id="text" readonly rows="24" spellcheck="false" aria-label="This page as text">
{text}</textarea></details>
</main>
<footer>{footer}</footer>
<script>{script}</script>
</body>
</html>
"""

_REFRESH = '\n<noscript><meta http-equiv="refresh" content="2"></noscript>'
_WAITS = "This page looks every second whether the app can be loaded, and shows it then."
_SHOWN = "Shown because the app is in debug, and only to who sits at this machine."


def as_html(report: Report) -> str:
    """The whole page: one file, with nothing to load."""
    first = report.raised[0] if report.raised else None
    return _PAGE.format(
        title=escape(
            f"{_short(first.kind)}: {first.message}"[:120] if first else f"{report.status} {report.title}"
        ),
        style=_resource("page.css"),
        script=_resource("page.js"),
        refresh=_REFRESH if report.waits else "",
        waits=" data-waits" if report.waits else "",
        status=report.status,
        name=escape(report.title),
        heading=_heading(report),
        body="\n".join(
            [*(_raised(each) for each in report.raised), *map(_section, report.sections), _traceback(report)]
        ),
        text=escape(as_text(report)),
        footer=_WAITS if report.waits else _SHOWN,
    )


@cache
def policy() -> str:
    """The page's Content-Security-Policy: its own style and script by their hashes, and nothing else from anywhere."""
    style, script = (_hash(_resource(name)) for name in ("page.css", "page.js"))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; connect-src 'self'; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _resource(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _heading(report: Report) -> str:
    if not report.raised:
        first_line, _, others = (report.hint or report.title).partition("\n")
        more = f'\n<pre class="message">{escape(others)}</pre>' if others else ""
        return f"<h1>{escape(first_line)}</h1>{more}"
    first = report.raised[0]
    return f'<h1>{escape(_short(first.kind))}</h1>\n<pre class="message">{escape(first.message)}</pre>'


def _short(kind: str) -> str:
    return kind.rpartition(".")[2]


def _raised(raised: Raised) -> str:
    own = raised.own
    folded = [frame for frame in raised.frames if frame not in own]
    how = ""
    if raised.how:
        how = f'<h2>{escape(raised.how)}: {escape(_short(raised.kind))}</h2>\n<pre class="message">{escape(raised.message)}</pre>\n'
    shown = "\n".join(_frame(frame, not index) for index, frame in enumerate(own))
    return how + shown + _folded(folded)


def _frame(frame: Frame, is_open: bool) -> str:
    lines = "".join(
        f"<span{' class=now' if number == frame.line else ''}><i>{number}</i>{escape(text) or ' '}\n</span>"
        for number, text in frame.source
    )
    values = f"<h3>Values</h3>{_table(frame.values)}" if frame.values else ""
    source = f'<pre class="source">{lines}</pre>' if lines else ""
    return (
        f'<details class="frame"{" open" if is_open else ""}><summary>{_place(frame)}</summary>'
        f"{source}{values}</details>"
    )


def _place(frame: Frame) -> str:
    folder, slash, name = frame.file.rpartition("/")
    return (
        f"<b>{escape(frame.function)}</b> "
        f'<span class="place"><span class="folder">{escape(folder + slash)}</span>{escape(name)}:{frame.line}</span>'
    )


def _folded(frames: list[Frame]) -> str:
    if not frames:
        return ""
    rows = "".join(f"<li>{_place(frame)}<code>{escape(frame.code)}</code></li>" for frame in frames)
    number = f"{len(frames)} frame{'s' if len(frames) > 1 else ''} of libraries and of VelociPy"
    return f'\n<details class="folded"><summary>{number}</summary><ol>{rows}</ol></details>'


def _section(section: Section) -> str:
    return f"<section><h2>{escape(section.title)}</h2>{_table(section.rows)}</section>"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows
    )
    return f"<table>{cells}</table>"


def _traceback(report: Report) -> str:
    hint = (
        f'<section><h2>What was said</h2><pre class="source">{escape(report.hint)}</pre></section>'
        if report.raised and report.hint
        else ""
    )
    if not report.traceback:
        return hint
    return f'{hint}<details><summary>Whole traceback</summary><pre class="source">{escape(report.traceback)}</pre></details>'
