"""The app of `ours.py`, compiled without the Host check: what is left is what the check costs. Knows one line of emitted source.

An app of its own module copy, so that both can be timed in one process. Only the compiler's output is changed, never the
package. Raises AssertionError when no such line is emitted any more, since both apps would then be the same.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from velocipy.handlers.source import Source

CHECK: Final = "check_host("
left_out: list[str] = []


def load_unchecked() -> Any:
    """A second `ours.app` whose handlers are compiled now, while `Source.line` leaves the check out."""
    spec = importlib.util.spec_from_file_location("ours_copy", Path(__file__).with_name("ours.py"))
    assert spec is not None and spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    compile_ = copy.app._dispatcher._compile

    def compile_unchecked(*args: Any) -> Any:
        line = Source.line
        Source.line = _line_unless_check(line)  # type: ignore[method-assign]
        try:
            return compile_(*args)
        finally:
            Source.line = line  # type: ignore[method-assign]
            assert left_out, f"no emitted line starts with {CHECK!r}"

    copy.app._dispatcher._compile = compile_unchecked
    return copy.app


def _line_unless_check(line: Any) -> Any:
    def filtered(self: Source, text: str) -> None:
        if text.startswith(CHECK):
            left_out.append(text)
        else:
            line(self, text)

    return filtered


app = load_unchecked()
