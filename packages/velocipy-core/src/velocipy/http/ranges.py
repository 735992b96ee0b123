"""Parts of a representation: which bytes a Range field asks for, and how several travel in one body. Knows no files.

RFC 9110 section 14. A server may always ignore Range and send the whole, so that is the answer to what cannot be read and to
what costs more than it is worth. Overlapping ranges become one: no byte is sent twice.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import Final, NamedTuple

MAX_RANGES: Final = 16
"""Ranges in one request; with more the whole is sent."""

MAX_LENGTH: Final = 1_000
"""Characters of a Range field; MAX_RANGES ranges of an 8 EiB file have 650. A longer one is ignored."""

_RANGE: Final = re.compile(r"([0-9]*)-([0-9]*)")
_UNIT: Final = "bytes="


class Span(NamedTuple):
    """Bytes `start` to `stop`, `stop` not included; never empty."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.stop - self.start


def parse_ranges(text: str, size: int) -> list[Span] | None:
    """ "bytes=0-4,-3" of 10 bytes -> [(0, 5), (7, 10)]; None: ignore the field; []: it asks for nothing that is there (416).

    The order is the client's, except where ranges overlap: those are joined, and all of them sorted. Of 0 bytes there are no
    parts: clients that add a Range to every request get their 200.
    """
    if not size or len(text) > MAX_LENGTH or text[: len(_UNIT)].lower() != _UNIT:
        return None
    members = [member for part in text[len(_UNIT) :].split(",") if (member := part.strip(" \t"))]
    if not 0 < len(members) <= MAX_RANGES:
        return None
    spans: list[Span] = []
    for member in members:
        match = _RANGE.fullmatch(member)
        span = None if match is None else _span(match[1], match[2], size)
        if span is None:
            return None
        if span.size > 0:
            spans.append(span)
    return _joined(spans)


def _span(first: str, last: str, size: int) -> Span | None:
    """One member (RFC 9110 section 14.1.2), of no bytes where it lies behind the end; None for what is none."""
    if not first:
        return Span(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    start = min(int(first), size)
    return Span(start, max(start, min(int(last) + 1, size)) if last else size)


def _joined(spans: list[Span]) -> list[Span]:
    """The same bytes, each once."""
    ordered = sorted(spans)
    if all(before.stop <= after.start for before, after in pairwise(ordered)):
        return spans
    joined = ordered[:1]
    for span in ordered[1:]:
        if span.start < joined[-1].stop:
            joined[-1] = Span(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return joined


def content_range(span: Span | None, size: int) -> str:
    """(0, 5) of 10 -> "bytes 0-4/10"; None, for a 416, -> "bytes */10" (RFC 9110 section 14.4)."""
    return f"bytes */{size}" if span is None else f"bytes {span.start}-{span.stop - 1}/{size}"


class Multipart(NamedTuple):
    """A multipart/byteranges body (RFC 9110 section 14.6): each head, the bytes of its span, and the tail."""

    media_type: str
    parts: list[tuple[bytes, Span]]
    tail: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return sum(len(head) + span.size for head, span in self.parts) + len(self.tail)


def multipart(spans: list[Span], size: int, media_type: str | None) -> Multipart:
    """The body for several spans of a representation of `size` bytes and this type.

    The boundary is 128 random bits, which no content holds by chance and nobody can put there on purpose.
    """
    boundary = os.urandom(16).hex()
    kind = f"content-type: {media_type}\r\n" if media_type else ""
    parts: list[tuple[bytes, Span]] = []
    line_end = ""
    for span in spans:
        head = f"{line_end}--{boundary}\r\n{kind}content-range: {content_range(span, size)}\r\n\r\n"
        parts.append((head.encode("ascii"), span))
        line_end = "\r\n"
    return Multipart(f"multipart/byteranges; boundary={boundary}", parts, f"\r\n--{boundary}--\r\n".encode())
