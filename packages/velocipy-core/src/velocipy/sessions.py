"""What belongs to a visitor between requests, as handlers see it. Knows data and what JSON can hold; knows no cookies and no storages.

A `Session` is read when it is first asked for anything; one that nobody asks costs its making alone. Where it comes from and
goes to is a `Keeper`'s business, of which `velocipy.middleware.session` has two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from velocipy.untyped import DICT, LIST

if TYPE_CHECKING:
    from typing import Self

MAX_FLASHES: Final = 32
"""Messages that wait to be shown; of more, the oldest are dropped."""

MAX_NESTING: Final = 100
"""Lists and dicts inside of each other that a session takes."""

_SCALARS: Final = frozenset({str, int, bool, type(None)})


class Flash(NamedTuple):
    """A message for the next page that this visitor sees."""

    message: str
    category: str = "message"


@dataclass(slots=True)
class Record:
    """A session's content, and what a keeper has to know of it."""

    data: dict[str, Any] = field(default_factory=dict[str, Any])
    flashes: list[Flash] = field(default_factory=list[Flash])
    id: str | None = None
    """None for one that is new, or is to be a new one."""
    created: int = 0
    kept: str | None = None
    """The id under which it is kept already."""
    was: bytes | None = None
    """The content as it is kept, encoded."""
    issued: int = 0
    """When its cookie was made; times are seconds since 1970."""
    came: bool = False
    """Whether the request had a cookie of that name, good or bad."""
    outdated: bool = False
    """Whether the request had a cookie of VelociPy 0.3.0, which has to go."""
    ended: bool = False
    """Whether it was cleared."""
    owes_cookie: bool = False
    """Whether it was saved before the answer, whose cookie has yet to tell of it."""
    sealed: str | None = None
    """Why no cookie can be sent any more."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self.data and not self.flashes

    @property
    def is_over(self) -> bool:
        """Whether there is nothing any more and the browser has a cookie that says otherwise; a bad one alone is left as it is."""
        return self.is_empty and (self.ended or self.was is not None) and (self.came or self.outdated)


class Keeper(Protocol):
    """Where sessions come from and go to."""

    in_cookie: bool
    """Whether the cookie holds the session itself, so that a change needs another cookie."""

    def open(self, source: Any, on_socket: bool) -> Record:
        """The session that came with a request, or a new one. Never raises for what a client can send."""
        ...

    async def save(self, record: Record) -> None:
        """Keep it as it is now."""
        ...


class Place(Protocol):
    """Of a route, what a session has to know."""

    @property
    def is_socket(self) -> bool:
        """Whether it is a WebSocket's."""
        ...


class Session(MutableMapping[str, Any]):
    """A dict of what belongs to this visitor: `session["user"] = 7`, `session.get("user")`, `session.clear()` to log out.

    Values are what JSON gives back as it was: str, int, float, bool, None, and lists and dicts of these; anything else raises
    TypeError where it is put in. Changes deep inside of lists and dicts count too. It is saved with the answer, unless that is a
    500 or more: then everything stays as it was.
    """

    __slots__ = ("_keeper", "_place", "_source", "record", "unread_seal")

    def __init__(self, keeper: Keeper, source: Any, place: Place) -> None:
        self._keeper = keeper
        self._source = source
        self._place = place
        self.record: Record | None = None
        """For its middleware: the content, None where nobody has asked for it."""
        self.unread_seal: str | None = None
        """For its middleware: why what is asked for from now on cannot be changed any more."""

    @property
    def id(self) -> str | None:
        """A random name that is new after `regenerate` and `clear`; None before the session is saved for the first time."""
        return self._open().id

    def _open(self) -> Record:
        record = self.record
        if record is None:
            record = self.record = self._keeper.open(self._source, self._place.is_socket)
            record.sealed = record.sealed or self.unread_seal
        return record

    def seal(self, why: str) -> None:
        """For its middleware: the answer's headers are made, whether somebody has asked for the session by now or not."""
        self.unread_seal = why
        if self.record is not None:
            self.record.sealed = why

    def _change(self) -> Record:
        record = self._open()
        if record.sealed is not None and self._keeper.in_cookie:
            raise RuntimeError(record.sealed)
        return record

    # -- the dict ----------------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        return self._open().data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"keys of a session are str, not {type(key).__name__}")
        check_value(value, f"session[{key!r}]")
        self._change().data[key] = value

    def __delitem__(self, key: str) -> None:
        del self._change().data[key]

    def __contains__(self, key: object) -> bool:
        return key in self._open().data

    def __iter__(self) -> Iterator[str]:
        return iter(self._open().data)

    def __len__(self) -> int:
        return len(self._open().data)

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self

    def __repr__(self) -> str:
        """Without its values, which do not belong into logs; reads nothing."""
        record = self.record
        return f"<Session {'unread' if record is None else f'of {len(record.data)} keys'}>"

    # -- its life ----------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """End this session: log out. What is put in afterwards begins another one.

        A session that a storage keeps is dropped there, and its cookie is worth nothing from then on. One that the cookie itself
        holds is forgotten by the browser; who has a copy of the cookie can use it until it expires.
        """
        record = self._change()
        record.data.clear()
        record.flashes.clear()
        record.id = None
        record.ended = True

    def regenerate(self) -> None:
        """Go on under a new id and with a new lifetime: call it when somebody has logged in, or has been given more rights.

        Who has planted, or has seen, the cookie from before is not let in by it (session fixation). Raises RuntimeError where
        the new cookie could not be sent: on a WebSocket, and after the answer has begun.
        """
        record = self._change()
        if record.sealed is not None:
            raise RuntimeError(record.sealed)
        record.id = None

    async def save(self) -> None:
        """Keep the session as it is now, where no answer will do so: on a WebSocket, in a stream, in a background task.

        For sessions in a storage alone. Raises RuntimeError for those that are in a cookie, and for a new one whose cookie can
        not be sent.
        """
        await self._keeper.save(self._open())

    # -- messages ----------------------------------------------------------------------------------------------

    def flash(self, message: str, category: str = "message") -> None:
        """Leave a message for the next page that shows `flashes()`."""
        if not isinstance(message, str) or not isinstance(category, str):
            raise TypeError("a flash is a text and its category another: format it first")
        flashes = self._change().flashes
        flashes.append(Flash(message, category))
        del flashes[:-MAX_FLASHES]

    def flashes(self, *categories: str) -> list[Flash]:
        """Take the messages that wait, or those of some categories, oldest first: each is there once."""
        waiting = self._open().flashes
        taken = [flash for flash in waiting if not categories or flash.category in categories]
        if taken:
            self._change().flashes = [flash for flash in waiting if flash not in taken]
        return taken


def check_value(value: Any, where: str, depth: int = 0) -> None:
    """Raise TypeError or ValueError, naming the place, for what does not come back from JSON as it was."""
    plain: object = value
    kind = type(plain)
    if kind in _SCALARS:
        return
    if depth > MAX_NESTING:
        raise ValueError(f"{where[:100]}... is nested more than {MAX_NESTING} deep")
    if isinstance(value, LIST) and kind is list:
        for index, item in enumerate(value):
            if type(item) not in _SCALARS:
                check_value(item, f"{where}[{index}]", depth + 1)
    elif isinstance(value, DICT) and kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"{where} has the key {key!r:.60}: JSON has str keys alone")
            if type(item) not in _SCALARS:
                check_value(item, f"{where}[{key!r}]", depth + 1)
    elif not (isinstance(value, float) and kind is float):
        raise TypeError(
            f"{where} is of {kind.__qualname__}, which JSON would not give back as it was: store a str, int, float, bool, None, "
            f"or a list or dict of these"
        )
    elif not math.isfinite(value):
        raise ValueError(f"{where} is {value}, which JSON cannot say")
