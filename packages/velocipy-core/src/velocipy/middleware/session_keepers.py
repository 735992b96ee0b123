"""Where sessions are kept: in their cookie, or in a storage under an id that the cookie holds. Knows no headers of answers.

What a keeper hands to the middleware is a cookie's value: "" is to delete it, None to leave it as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from velocipy.http.cookies import MAX_SET_COOKIE, parse_cookies
from velocipy.http.request import cookie_text
from velocipy.middleware.session_records import OldCookie, dump_record, load_record, sizes
from velocipy.sessions import Record
from velocipy.signing import Secrets, Signer, encode

if TYPE_CHECKING:
    from velocipy.protocols import RequestHeaders
    from velocipy.storage import Storage

RENEWALS: Final = 10
"""How often in an idle timeout a session is kept anew that is only read, so that it ends only when it is idle."""

MAX_STORED: Final = 1024 * 1024
"""Bytes of a session in a storage."""

MOVED_FOR: Final = 300
"""Seconds for which an old id says under which new ones its session goes on, so that a logout that is at work ends those too."""

MAX_MOVES: Final = 8
"""New ids that an old one names; of requests that regenerate one session at the same time, the last ones."""

_MOVED: Final = b"moved to "
"""What stands under an old id before the new ones, and at the beginning of no JSON."""

_ID_BYTES: Final = 18
"""Random bytes of an id: 144 bits, of which OWASP asks for 128."""

ON_SOCKET: Final = (
    "a WebSocket has no answer to set a cookie with, so its session cannot be changed here: keep sessions in a storage, "
    "SessionMiddleware(..., storage=...), and await session.save()"
)
ON_SOCKET_NEW: Final = (
    "a WebSocket has no answer to set a cookie with: begin or regenerate the session in an HTTP request"
)
AFTERWARDS: Final = "the answer's headers are made and hold the session's cookie: change the session before the endpoint returns"


class Times(NamedTuple):
    """How long sessions live, in seconds, and what time it is, in seconds since 1970."""

    idle: int
    most: int
    now: Callable[[], float]

    def left(self, record: Record) -> int:
        """Seconds for which a session is good that is kept now."""
        return max(1, min(self.idle, int(record.created + self.most - self.now())))

    def are_over(self, record: Record) -> bool:
        """Whether it has lived as long as any may."""
        return self.now() - record.created >= self.most

    def renew(self, record: Record) -> bool:
        """Whether it has to be kept anew although it has not changed."""
        return self.now() - record.issued > self.idle / RENEWALS

    def begin(self, record: Record) -> None:
        """Give an id to a session that has none."""
        if record.id is None:
            record.id = encode(os.urandom(_ID_BYTES))
            record.created = int(self.now())


class CookieKeeper:
    """The cookie holds the session itself: nothing else is needed, everybody can read it, and nobody can take it back."""

    in_cookie = True

    def __init__(self, secrets: Secrets, cookie: str, times: Times, old: OldCookie | None) -> None:
        self._signer = Signer(
            secrets, f"session in cookie {cookie}", max_size=MAX_SET_COOKIE, clock=times.now
        )
        self._cookie = cookie
        self._times = times
        self._old = old

    def open(self, source: RequestHeaders, on_socket: bool) -> Record:
        """The session that the Cookie header holds, or a new one."""
        text = find_cookie(source, self._cookie)
        record = self._read(text) if text else None
        return opened(record, source, text, self._old, self._times, ON_SOCKET if on_socket else None)

    def _read(self, text: str) -> Record | None:
        signed = self._signer.verify(text, self._times.idle)
        record = load_record(signed.payload) if signed else None
        if signed is None or record is None or self._times.are_over(record):
            return None
        record.issued = signed.issued
        return record

    async def save(self, record: Record) -> None:
        """There is nowhere to keep it but the answer."""
        raise RuntimeError(
            record.sealed or "a session in a cookie is saved with the answer: leave out session.save()"
        )

    def carry(self, record: Record) -> str | None:
        """What the cookie is to hold. Raises ValueError for more than fits."""
        if record.is_empty:
            return "" if record.is_over else None
        self._times.begin(record)
        payload = dump_record(record)
        if payload == record.was and not self._times.renew(record):
            return None
        try:
            return self._signer.sign(payload)
        except ValueError:
            raise too_large(record, len(payload)) from None


class Found(NamedTuple):
    """What a storage had of a session, before anybody asks for it."""

    headers: RequestHeaders
    cookie: str | None
    issued: int = 0
    payload: bytes | None = None


class StorageKeeper:
    """A storage holds the session and the cookie its id, signed: it can be as large as it must be, and can be ended."""

    in_cookie = False

    def __init__(
        self, secrets: Secrets, cookie: str, times: Times, old: OldCookie | None, storage: Storage
    ) -> None:
        self._signer = Signer(secrets, f"session id in cookie {cookie}", clock=times.now)
        self._cookie = cookie
        self._times = times
        self._old = old
        self._storage = storage

    async def fetch(self, headers: RequestHeaders) -> Found | None:
        """Ask the storage, if there is a cookie that we have signed; None where there is no cookie at all."""
        text = find_cookie(headers, self._cookie)
        if text is None:
            return None
        signed = self._signer.verify(text, self._times.idle)
        if signed is None:
            return Found(headers, text)
        payload = await self._storage.get(_key(signed.payload.decode()))
        return Found(headers, text, signed.issued, payload)

    def open(self, source: Found | RequestHeaders, on_socket: bool) -> Record:
        """The session that was found, or a new one."""
        if not isinstance(source, Found):
            source = Found(source, None)
        record = load_record(source.payload) if source.payload else None
        if record is not None and self._times.are_over(record):
            record = None
        if record is not None:
            record.issued = source.issued
        sealed = ON_SOCKET_NEW if on_socket else None
        return opened(record, source.headers, source.cookie, self._old, self._times, sealed)

    async def save(self, record: Record) -> None:
        """Keep it now; the answer's cookie tells of it later, where there is one."""
        if record.sealed is not None and record.id is None and not record.is_empty:
            raise RuntimeError(record.sealed)
        if record.is_empty:
            await self._drop(record)
        else:
            record.owes_cookie |= await self._keep(record)

    async def carry(self, record: Record) -> str | None:
        """Keep it -> what the cookie is to hold. Raises ValueError for more than MAX_STORED bytes."""
        if record.is_empty:
            await self._drop(record)
            return "" if record.is_over else None
        if await self._keep(record) or record.owes_cookie:
            return self._signer.sign((record.id or "").encode())
        return None

    async def _keep(self, record: Record) -> bool:
        """Bring the storage up to date -> whether the cookie has to be, too."""
        self._times.begin(record)
        payload = dump_record(record)
        if len(payload) > MAX_STORED:
            raise too_large(record, len(payload))
        if record.kept != record.id:
            if not await self._begin(record, payload):
                return False
        elif payload == record.was and not self._times.renew(record):
            return False
        elif not await self._replace(record, payload):
            return False
        record.kept, record.was, record.issued = record.id, payload, int(self._times.now())
        return True

    async def _begin(self, record: Record, payload: bytes) -> bool:
        """Keep it under an id that is new -> whether it was. One that was ended meanwhile, by another request, stays so.

        It is there before the old id names it, so that a logout in between finds it by that, or is seen here.
        """
        old, new = record.kept, record.id or ""
        await self._storage.set(_key(new), payload, self._times.left(record))
        if old is None or record.ended:
            await self._drop(record)
            return True

        def name(there: bytes | None) -> bytes | None:
            return None if there is None else _MOVED + ",".join([*_moves(there), new][-MAX_MOVES:]).encode()

        if await self._storage.atomic_update(_key(old), name, MOVED_FOR) is None:
            await self._storage.delete(_key(new))
            return False
        return True

    async def _replace(self, record: Record, payload: bytes) -> bool:
        """Write over what is there: a session that was ended or moved meanwhile, by another request, stays so.

        Who has only read it gives it time, and leaves what others have written meanwhile.
        """
        is_changed = payload != record.was

        def replace(there: bytes | None) -> bytes | None:
            return payload if _is_session(there) and is_changed else there

        done = await self._storage.atomic_update(_key(record.id), replace, self._times.left(record))
        return _is_session(done)

    async def _drop(self, record: Record) -> None:
        if record.kept is not None:
            await self._end(record.kept)
            record.kept = None

    async def _end(self, id: str) -> None:
        """Drop a session, and those as which other requests have let it go on meanwhile."""
        waiting = [id]
        while waiting:
            there: bytes | None = None

            def take(value: bytes | None) -> None:
                nonlocal there
                there = value

            await self._storage.atomic_update(_key(waiting.pop()), take)
            waiting += _moves(there)


def _moves(there: bytes | None) -> list[str]:
    """The ids under which a session goes on that stood here."""
    return [] if there is None or not there.startswith(_MOVED) else there[len(_MOVED) :].decode().split(",")


def _is_session(there: bytes | None) -> bool:
    return there is not None and not there.startswith(_MOVED)


def _key(id: str | None) -> str:
    return f"session:{id}"


def find_cookie(headers: RequestHeaders, name: str) -> str | None:
    """The value of one cookie; of two with that name, the first."""
    text = cookie_text(headers)
    return parse_cookies(text).get(name) if name in text else None


def opened(
    record: Record | None,
    headers: RequestHeaders,
    cookie: str | None,
    old: OldCookie | None,
    times: Times,
    sealed: str | None,
) -> Record:
    """The session that was found, else one in a cookie of 0.3.0, else a new one, with what the answer has to know."""
    outdated = find_cookie(headers, old.name) if old else None
    if record is None and old and outdated:
        record = old.read(outdated, times.now())
    record = record or Record()
    record.came = cookie is not None
    record.outdated = outdated is not None
    record.sealed = sealed
    return record


def too_large(record: Record, size: int) -> ValueError:
    """What to say of a session that does not fit."""
    return ValueError(
        f"the session takes {size:,} bytes as JSON, more than it may; the largest keys: {sizes(record)}. Keep keys of rows in it "
        f"and not rows, or, where the cookie is what is full, keep it in a storage: SessionMiddleware(..., storage=...)"
    )
