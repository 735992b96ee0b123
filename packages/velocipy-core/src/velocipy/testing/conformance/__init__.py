"""The conformance kit: behaviours that every protocol adapter must show, as cases over a small target. Imports no test runner.

    from velocipy.testing.conformance import CASES, SocketTarget, run_case

    for case in CASES.values():                                      # a server runs velocipy.testing.conformance.served:app
        asyncio.run(run_case(case, SocketTarget("127.0.0.1", port, capabilities)))

A case is a coroutine function that raises AssertionError unless the target behaves; `case.needs` are capabilities without which
it is not to be had, and `case.runs_on(target)` says whether the target claims them. Adapters of other protocols write a `Target`
for their own in-process server, or use `SocketTarget` on a real one.
"""

from velocipy.testing.conformance.app import make_app
from velocipy.testing.conformance.case import CASES, Case, Nonconforming, run_case
from velocipy.testing.conformance.memory import CAPABILITIES, InProcessTarget, run_in_process
from velocipy.testing.conformance.network import SocketTarget
from velocipy.testing.conformance.target import (
    ABORT,
    CLOSE_CODES,
    DENIAL_STATUS,
    METHOD_CASE,
    PEER_CODES,
    STOP,
    SUBPROTOCOLS,
    Exchange,
    Socket,
    Target,
)

__all__ = [
    "ABORT",
    "CAPABILITIES",
    "CASES",
    "CLOSE_CODES",
    "DENIAL_STATUS",
    "STOP",
    "SUBPROTOCOLS",
    "Case",
    "Exchange",
    "InProcessTarget",
    "METHOD_CASE",
    "Nonconforming",
    "PEER_CODES",
    "Socket",
    "SocketTarget",
    "Target",
    "make_app",
    "run_case",
    "run_in_process",
]
