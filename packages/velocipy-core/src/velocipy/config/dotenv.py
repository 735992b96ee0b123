r"""`.env` files: text -> variables. Knows one grammar, written here; touches no environment and no disk.

    file     = *( [ entry ] [ comment ] newline )            UTF-8; \n or \r\n; a byte order mark is skipped
    entry    = [ "export " ] NAME "=" value                  spaces and tabs around NAME, "=" and value count for nothing
    NAME     = ( letter / "_" ) *( letter / digit / "_" )    ASCII
    value    = "'" *any "'"                                  as it stands, over several lines too
             / '"' *any '"'                                  the same with the escapes \n \r \t \\ \" \$, and no others
             / *any                                          to the end of the line, or to a "#" after a space
    comment  = "#" *any

A "$" stands for itself: nothing is filled in. Of two entries for one name the later counts.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from velocipy.exceptions import ConfigurationError

MAX_SIZE: Final = 256 * 1024
"""Characters of a file: settings are some kilobytes."""

_NAME: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_PLAIN: Final = re.compile(r"[^\n]*")
_SINGLE: Final = re.compile(r"'([^']*)'")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_COMMENT: Final = re.compile(r"(?:^|[ \t])#")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}


class Entry(NamedTuple):
    """A variable's text, and the line where it begins."""

    text: str
    line: int


def parse_dotenv(text: str, where: str = ".env") -> dict[str, Entry]:
    """`'A=1\\nB="x y"'` -> `{"A": Entry("1", 1), "B": Entry("x y", 2)}`.

    Raises ConfigurationError with `where` and the line for what is none of the grammar; the message holds no value.
    """
    if len(text) > MAX_SIZE:
        raise ConfigurationError(
            f"{where}: more than {MAX_SIZE} characters, which no settings have: is it the right file?"
        )
    if "\0" in text:
        raise ConfigurationError(f"{where}: a NUL character, so no text: save it as UTF-8")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, Entry] = {}
    at, line = 0, 1
    while at < len(text):
        blank = _BLANK.match(text, at)
        end = at
        if blank is None:
            name = _NAME.match(text, at)
            if name is None:
                raise ConfigurationError(
                    f"{where}:{line}: not NAME=value, nor a comment: write # before what is none"
                )
            value, end = _value(text, name.end(), f"{where}:{line}")
            found[name[1]] = Entry(value, line)
            blank = _BLANK.match(text, end)
            if blank is None:
                raise ConfigurationError(
                    f"{where}:{line}: more stands after the closing quote of {name[1]}: write one value, a comment begins with #"
                )
        line += text.count("\n", at, blank.end())
        at = blank.end()
    return found


def _value(text: str, at: int, where: str) -> tuple[str, int]:
    """The value that begins here, and where it ends."""
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        plain = _PLAIN.match(text, at)
        assert plain is not None  # it matches nothing, too
        comment = _COMMENT.search(plain[0])
        length = len(plain[0]) if comment is None else comment.start()
        return plain[0][:length].strip(" \t"), at + length
    found = (_SINGLE if quote == "'" else _DOUBLE).match(text, at)
    if found is None:
        raise ConfigurationError(f"{where}: a quote {quote} is never closed: close it, or leave it out")
    if quote == "'":
        return found[1], found.end()

    def escaped(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise ConfigurationError(
                f'{where}: \\{match[1]} is no escape: there are \\n \\r \\t \\\\ \\" \\$; in single quotes nothing is escaped'
            )
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(escaped, found[1]), found.end()
