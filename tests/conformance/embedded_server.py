"""Granian embedded in a program: `python embedded_server.py rsgi module:app 8000`. Knows a loop that runs before the server does.

It ends as the page on stopping says: SIGTERM tells the server to stop, and the program returns from `serve`. SIGINT is nobody's, so
that asyncio's runner cancels the program at Ctrl-C.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys

from granian.constants import Interfaces
from granian.server.embed import Server


async def main(interface: str, target: str, port: int) -> None:
    module, _, name = target.partition(":")
    app = getattr(importlib.import_module(module), name)
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces(interface))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


if __name__ == "__main__":
    # asyncio and uvloop alike have it; the runner is what `asyncio.run` uses.
    factory = importlib.import_module(os.environ.get("EMBEDDED_LOOP", "asyncio")).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
