"""Imports broken files one after another and writes what each raised, as JSON. Run in a process of its own, `python breaking.py FOLDER...`.

Each folder holds one `main.py`. It knows where our errors are made; it judges nothing.
"""

import importlib.util
import json
import os
import re
import sys
import traceback
import warnings
from pathlib import Path
from types import FunctionType
from typing import Any

from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.places import is_own

made: list[tuple[BaseException, str, int]] = []
"""Every error of ours that was made, with the file and line of ours that made it."""


def watch(kind: Any) -> None:
    """Note where the errors of a class are made, which is not where the last of them is raised."""
    init = kind.__init__

    def noted(self: Any, *args: Any) -> None:
        init(self, *args)
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_locals.get("self") is self:  # a subclass's __init__
            frame = frame.f_back
        made.append((self, frame.f_code.co_filename, frame.f_lineno))

    # As if it were ours: the nearest caller that the user wrote is asked for below it.
    named = {**globals(), "__name__": "velocipy.watched"}
    kind.__init__ = FunctionType(noted.__code__, named, closure=noted.__closure__)


def broken(folder: Path) -> dict[str, Any]:
    """What the import of `main.py` in this folder raised."""
    os.chdir(folder)
    made.clear()
    before = dict(sys.modules)
    spec = importlib.util.spec_from_file_location("main", folder / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["main"] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as exc:
        text = re.sub(r"0x[0-9a-f]{6,}", "0x7f...", str(exc).replace(f"{folder}{os.sep}", ""))
        places = [[file, line] for _, file, line in made]
        if (
            not isinstance(exc, ConfigurationError) and "main.py:" not in text
        ):  # as Python's traceback says it
            own = [line for frame, line in traceback.walk_tb(exc.__traceback__) if is_own(frame)]
            text = f"{text}\n    at main.py:{own[-1]}"
        return {"kind": type(exc).__name__, "message": text, "made": places}
    finally:
        for name in [name for name, known in sys.modules.items() if known is None or name == "main"]:
            del sys.modules[name]
            sys.modules.update({name: before[name]} if name in before else {})
    return {"kind": "", "message": "nothing was raised", "made": []}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of coroutines that nobody awaits once their file has failed
    watch(ConfigurationError)
    watch(MissingAdapterError)
    out = os.dup(1)
    os.dup2(2, 1)
    for name in sys.argv[1:]:
        os.write(out, (json.dumps(broken(Path(name).resolve())) + "\n").encode())
