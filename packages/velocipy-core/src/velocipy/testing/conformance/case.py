"""What a case is, the table of all of them, and how one runs. Knows no protocol, no server and no test runner."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from velocipy.testing.conformance.target import ask, handshake, header
from velocipy.testing.errors import WebSocketDenied

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Target
    from velocipy.testing.exchange import Reply, ResponseHead

SECONDS = 15.0
"""How long a case may take; a server that hangs fails it."""

NOTICE = 4.0
"""How long a server may take to tell an app that its client has left, in seconds."""

Check = Callable[["Target"], Awaitable[None]]


class Nonconforming(AssertionError):
    """A server or adapter behaves otherwise than every other: what was looked at, what came, what should have come."""


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour that every adapter must show."""

    name: str
    proves: str
    """The behaviour in a sentence."""
    check: Check
    """Raises AssertionError, or whatever a broken exchange raises, unless the target behaves so."""
    needs: frozenset[str]
    """Capabilities without which the behaviour is not to be had; see `velocipy.testing.conformance.target`."""

    def runs_on(self, target: Target) -> bool:
        """Whether the target claims what the case needs."""
        return self.needs <= target.capabilities


CASES: dict[str, Case] = {}
"""Every case by name, in the order of its module."""


def case(*needs: str) -> Callable[[Check], Check]:
    """Put a coroutine function into CASES under its name; its docstring is what it proves."""

    def register(check: Check) -> Check:
        name = getattr(check, "__name__", "")
        proves = " ".join((check.__doc__ or "").split())
        if name in CASES or (not proves and sys.flags.optimize < 2):  # -OO leaves docstrings out
            raise ValueError(f"a case needs a name of its own and a docstring: {name!r}")
        CASES[name] = Case(name, proves, check, frozenset(needs))
        return check

    return register


async def run_case(case: Case, target: Target, seconds: float = SECONDS) -> None:
    """Run one case. Raises Nonconforming when it does not hold or does not end."""
    try:
        async with asyncio.timeout(seconds):
            await case.check(target)
    except TimeoutError:
        raise Nonconforming(f"{case.name} did not end within {seconds} s: {case.proves}") from None


# -- what cases say ----------------------------------------------------------------------------------------------------


def same(what: str, got: object, wanted: object) -> None:
    """Nonconforming unless both are equal."""
    if got != wanted:
        raise Nonconforming(f"{what}: got {got!r:.600}, wanted {wanted!r:.600}")


def holds(what: str, truth: object) -> None:
    """Nonconforming unless it is so."""
    if not truth:
        raise Nonconforming(what)


def plain(what: str, reply: Reply, status: int, body: bytes, media_type: str | None) -> None:
    """Nonconforming unless status, body, its type and its one Content-Length are exactly these."""
    same(f"{what}: status", reply.status, status)
    same(f"{what}: body", reply.body, body)
    same(f"{what}: content-type", header(reply, "content-type"), [] if media_type is None else [media_type])
    same(f"{what}: content-length", header(reply, "content-length"), [str(len(body))])


def json_of(what: str, reply: Reply, status: int = 200) -> Any:
    """The JSON body of an answer that must have this status."""
    if reply.status != status:
        raise Nonconforming(
            f"{what}: status {reply.status}, wanted {status}; the body is {reply.body[:300]!r}"
        )
    try:
        return json.loads(reply.body)
    except ValueError:
        raise Nonconforming(f"{what}: the body is not JSON: {reply.body[:300]!r}") from None


async def refusal(target: Target, path: str) -> int:
    """The status of a handshake that must be refused. Nonconforming for one that is accepted."""
    try:
        socket = await target.open_socket(handshake(path))
    except WebSocketDenied as denied:
        return denied.status_code
    await socket.leave()
    raise Nonconforming(f"{path}: the handshake was accepted")


def lines(reply: Reply | ResponseHead, *names: str) -> list[tuple[str, list[str]]]:
    """[(name, all its values)]: the order among different names is no server's promise (RFC 9110 section 5.3)."""
    return [(name, header(reply, name)) for name in names]


# -- what endpoints leave for cases --------------------------------------------------------------------------------------


def new_key() -> str:
    """A name for what one run of a case leaves with the app."""
    return secrets.token_hex(6)


async def notes(target: Target, key: str) -> list[str]:
    """What endpoints have noted under a key so far."""
    found: list[str] = json_of("GET /notes", await ask(target, "GET", f"/notes/{key}"))
    return found


async def noted(target: Target, key: str, wanted: str, seconds: float = NOTICE) -> list[str]:
    """Wait until something is noted -> all notes. Nonconforming when it does not come."""
    deadline = asyncio.get_running_loop().time() + seconds
    while wanted not in (found := await notes(target, key)):
        if asyncio.get_running_loop().time() > deadline:
            raise Nonconforming(f"the app never noted {wanted!r}, only {found}")
        await asyncio.sleep(0.02)
    return found


async def release(target: Target, key: str) -> None:
    """Let an endpoint go on that waits for this key."""
    same("POST /release", (await ask(target, "POST", f"/release/{key}")).status, 204)
