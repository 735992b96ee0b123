"""Server-sent events as a browser reads them (WHATWG HTML section 9.2). Knows the wire format; reads from no connection."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE: Final = re.compile(r"([^\r\n]*)(\r\n|\r|\n)")


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event: its `data` as text, the kind that listeners are called for, and the last id that was told until then."""

    data: str
    event: str = "message"
    id: str = ""

    def json(self) -> Any:
        """The data, read as JSON."""
        return json.loads(self.data)


class EventReader:
    """Bytes of a stream -> events, as far as they are whole; what is not at the end of the stream never happened."""

    def __init__(self) -> None:
        self.last_event_id: str = ""
        self.retry: int | None = None
        """Milliseconds until a client connects again, as last told."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._after_return = False
        self._data: list[str] = []
        self._kind = ""

    def feed(self, chunk: bytes) -> Iterator[ReceivedEvent]:
        """The events that these bytes complete."""
        text = self._decoder.decode(chunk)
        if self._after_return and text:  # a CRLF that came in two pieces is one line end
            text = text.removeprefix("\n")
            self._after_return = False
        text, end = self._rest + text, 0
        for match in _LINE.finditer(text):
            end = match.end()
            self._after_return = match[2] == "\r" and end == len(text)
            event = self._line(match[1])
            if event is not None:
                yield event
        self._rest = text[end:]

    def _line(self, line: str) -> ReceivedEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._kind = value
            case "id" if "\0" not in value:
                self.last_event_id = value
            case "retry" if value.isascii() and value.isdigit() and len(value) < 20:  # `int` takes 4,300
                self.retry = int(value)
            case _:
                pass  # a comment, or a field that nobody knows
        return None

    def _dispatch(self) -> ReceivedEvent | None:
        data, kind = self._data, self._kind
        self._data, self._kind = [], ""
        return ReceivedEvent("\n".join(data), kind or "message", self.last_event_id) if data else None
