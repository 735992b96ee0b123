"""A drawing, as text. Knows lines, dots, words and the two colour schemes of the docs; does not know what is drawn.

    drawing = Drawing(420, 90, "What is shown, for those who cannot see it")
    drawing.line(10, 20, 90, 20, "axis")
    drawing.text(10, 30, "0.5", "small")
    str(drawing) -> '<svg ...>'

A picture in a page follows the reader's choice of light or dark by itself, and is as wide as a phone: what is drawn is at most 420
units wide, so that its letters are as large as those around it. The same calls give the same bytes.
"""

from __future__ import annotations

from html import escape
from typing import Final

WIDTH: Final = 420
SHOWN: Final = 1.5
"""How much larger a picture is shown where there is room."""

_LIGHT: Final = {
    "ink": "#333",
    "faint": "#9a9a9a",
    "rule": "#e2e2e2",
    "a": "#00796b",
    "b": "#c2570c",
    "c": "#5e35b1",
    "d": "#0277bd",
    "e": "#ad1457",
    "f": "#6d4c41",
}
_DARK: Final = {
    "ink": "#ddd",
    "faint": "#8b8b8b",
    "rule": "#444b57",
    "a": "#4db6ac",
    "b": "#ffb74d",
    "c": "#b39ddb",
    "d": "#64b5f6",
    "e": "#f48fb1",
    "f": "#bcaaa4",
}
COLOURS: Final = ("a", "b", "c", "d", "e", "f")
"""Of series, in their order: green, orange, violet, blue, pink, brown, each with enough contrast on both backgrounds."""


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_STYLE: Final = (
    f"svg{{{_variables(_LIGHT)}font-family:system-ui,sans-serif}}"
    f"@media(prefers-color-scheme:dark){{svg{{{_variables(_DARK)}}}}}"
    "text{fill:var(--ink);font-size:12px}.small{font-size:10.5px}.faint{fill:var(--faint)}.title{font-weight:600}"
    ".right{text-anchor:end}.middle{text-anchor:middle}"
    ".rule{stroke:var(--rule)}.axis{stroke:var(--faint)}.goal{stroke:var(--ink);stroke-dasharray:2 2}"
    ".hollow{fill:none;stroke:var(--faint)}.pale{opacity:.55}"
    + "".join(
        f".{name}{{stroke:var(--{name});fill:none}}.dot.{name},text.{name}{{fill:var(--{name});stroke:none}}"
        for name in COLOURS
    )
)


class Drawing:
    """What was drawn so far, back to front."""

    def __init__(self, width: float, height: float, about: str) -> None:
        self.width, self.height = width, height
        self._about = about
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str, width: float = 1) -> None:
        self._parts.append(
            f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="{width:g}"/>'
        )

    def path(self, points: list[tuple[float, float]], kind: str) -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline class="{kind}" points="{places}" stroke-width="1.6"/>')

    def dot(self, x: float, y: float, kind: str, radius: float = 3.2, says: str = "") -> None:
        """A dot that says something when a pointer rests on it."""
        self._parts.append(
            f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">'
            f"<title>{escape(says)}</title></circle>"
        )

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        self._parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')

    def __str__(self) -> str:
        size = f'width="{self.width * SHOWN:.0f}" height="{self.height * SHOWN:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {self.width:g} {self.height:g}" role="img">'
            f"<title>{escape(self._about)}</title><style>{_STYLE}</style>"
            + "\n".join(self._parts)
            + "</svg>\n"
        )
