"""What compiled handlers do with forms and with sources as a whole. Knows FormData and keys; emits nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from velocipy.exceptions import ErrorItem
from velocipy.http.forms import FormData, FormLimits
from velocipy.http.request import Request
from velocipy.protocols import RequestHeaders
from velocipy.validation import MAX_ERRORS, unknown


class FormScope:
    """The form of a request as a context: read when it is entered, its files closed when it is left."""

    def __init__(self, request: Request, limits: FormLimits) -> None:
        self._request = request
        self._limits = limits

    async def __aenter__(self) -> FormData:
        return await self._request.form(self._limits)

    async def __aexit__(self, *exc_info: object) -> None:
        await self._request.close_form()


def header_items(headers: RequestHeaders) -> Callable[[str], list[str]]:
    """A function from a name to the items of every line of it, which commas part (RFC 9110 section 5.6.1)."""

    def items_of(name: str) -> list[str]:
        lines = headers.get_all(name)
        return [item for line in lines for part in line.split(",") if (item := part.strip(" \t"))]

    return items_of


def refuse_unknown(found: Iterable[str], known: frozenset[str], source: str, errors: list[ErrorItem]) -> None:
    """Note every key that the route does not read."""
    for key in dict.fromkeys(found):
        if key not in known and len(errors) < MAX_ERRORS:
            errors.append(unknown((source, key)))
