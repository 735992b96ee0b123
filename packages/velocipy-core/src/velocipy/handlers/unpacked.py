"""Locals of one generated function that hold parts of its request. Knows a dialect's expressions; knows no steps and no order."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from velocipy.handlers.source import Source
from velocipy.protocols import Dialect


class Unpacked:
    """Which locals are set by now; each is set once, before its first use."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self.source = source
        self.dialect = dialect
        self._set: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a local is set by now."""
        return name in self._set

    @contextmanager
    def read_apart(self, *, anew: bool = False) -> Generator[None, None, None]:
        """What is set inside of this is so nowhere else; `anew`: nor is there anything that was set before."""
        before, self._set = self._set, set() if anew else set(self._set)
        yield
        self._set = before

    def note(self, name: str) -> None:
        """It is set, by lines of another's."""
        self._set.add(name)

    def need(self, name: str, expression: str) -> None:
        """Set a local before its first use."""
        if name not in self._set:
            self._set.add(name)
            self.source.line(f"{name} = {expression}")

    def need_headers(self) -> None:
        """Get the request's headers, which a server may have to copy."""
        made = self.dialect.headers_of_fields
        if made and not self.has("headers"):
            self._need_fields()
        self.need("headers", made or self.dialect.headers)

    def need_hosts(self) -> None:
        """Get every Host line, as the server has them."""
        if not self.has("hosts"):
            self.note("hosts")
            if self.has("first") and self.dialect.hosts_in_place:
                self.source.line(f"hosts = {self.dialect.hosts_in_place}")
                return
            if self.dialect.hosts[0].startswith("hosts = headers."):
                self.need_headers()
            for line in self.dialect.hosts:
                self.source.line(line)

    def field(self, name: str) -> str:
        """The expression of the first line of a lower-case name, in the server's form."""
        self._need_fields()
        return self.dialect.field("first" if self.dialect.fields else "headers", name)

    def field_text(self, name: str, default: str, *, joined: bool = False) -> str:
        """The same as text, or the default, which is source too; `joined`: of all its lines."""
        self._need_fields()
        text = self.dialect.field_joined if joined else self.dialect.field_text
        return text("first" if self.dialect.fields else "headers", name, default)

    def _need_fields(self) -> None:
        if not self.dialect.fields:
            self.need_headers()
        elif not self.has("first"):
            self.note("first")
            for line in self.dialect.fields:
                self.source.line(line)
