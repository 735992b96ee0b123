"""Several versions of one place: which of their handlers a request reaches. Knows handlers and dialects; compiles no plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from velocipy.entry import Handler
from velocipy.exceptions import HTTPException
from velocipy.handlers.source import Source
from velocipy.protocols import Dialect
from velocipy.routing.versions import APIVersion


class Chosen(NamedTuple):
    """A handler, and the values that it is called with in place of the path's, where it is one of ours."""

    handler: Handler
    values: tuple[object, ...] | None = None


def choosing_handler(
    dialect: Dialect,
    title: str,
    versioning: APIVersion,
    handlers: Mapping[str, Handler],
    missing: Callable[[str], Chosen],
    refused: Chosen,
) -> Handler:
    """A handler that reads the field once and hands over to that of the version which it names.

    `missing(version)` is for a version that has no such route here, `refused` for a request that wants none there is.
    """
    ready = {version: Chosen(handler) for version, handler in handlers.items()}
    for version in versioning.allowed:
        if version not in ready:
            ready[version] = missing(version)

    def pick(texts: list[str]) -> Chosen:
        try:
            return ready[versioning.choose(", ".join(texts) if texts else None)]
        except HTTPException:
            return refused

    source = Source(f"<velocipy versions of {title} {dialect.name}>", dialect.env, frozenset())
    name = source.bind("pick", pick)
    args = ", ".join(dialect.args)
    define, give = dialect.enter
    with source.block(f"{define}({args}, values):"):
        source.line(f"headers = {dialect.headers}")
        source.line(f"handle, own = {name}(headers.get_all({versioning.field!r}))")
        source.line(f"return {give}handle({args}, values if own is None else own)")
    return source.compile("enter")
