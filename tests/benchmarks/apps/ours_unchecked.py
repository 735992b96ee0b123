"""The app of `ours.py`, compiled without the Host check: what is left is what the check costs. Knows one method of the compiler.

An app of its own module copy, so that both can be timed in one process. Only the compiler's output is changed, never the
package. Raises AssertionError when the check is not asked for any more, since both apps would then be the same.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from velocipy.handlers.writer import SegmentWriter

left_out: list[SegmentWriter] = []


def load_unchecked() -> Any:
    """A second `ours.app` whose handlers are compiled now, while `SegmentWriter.check_host` writes nothing."""
    spec = importlib.util.spec_from_file_location("ours_copy", Path(__file__).with_name("ours.py"))
    assert spec is not None and spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    compile_ = copy.app._dispatcher._compile

    def compile_unchecked(*args: Any) -> Any:
        check = SegmentWriter.check_host
        SegmentWriter.check_host = lambda self: left_out.append(self)  # type: ignore[method-assign]
        try:
            return compile_(*args)
        finally:
            SegmentWriter.check_host = check  # type: ignore[method-assign]
            assert left_out, "no handler asks for the Host check"

    copy.app._dispatcher._compile = compile_unchecked
    return copy.app


app = load_unchecked()
