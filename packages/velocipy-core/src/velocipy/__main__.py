"""`python -m velocipy`: hands over to velocipy.cli, or says what installs it. Knows no command."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec


def main() -> str | None:
    """Run `python -m velocipy.cli` in this process -> None, or what is missing for that."""
    if find_spec("velocipy.cli") is None:
        return "velocipy-cli is not installed: pip install velocipy-cli"
    runpy.run_module("velocipy.cli", run_name="__main__", alter_sys=True)
    return None


if __name__ == "__main__":
    sys.exit(main())
