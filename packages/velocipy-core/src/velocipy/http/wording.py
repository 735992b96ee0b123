"""What the body of an error says: `{"detail": ...}`, or problem details (RFC 9457). Knows exceptions; does not know how answers are sent."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from velocipy.http.response import JSON_TYPE, Response
from velocipy.http.url import quote_path
from velocipy.status import phrase

if TYPE_CHECKING:
    from velocipy.exceptions import HTTPException

Refuse = Callable[["HTTPException"], Awaitable[Response]]
"""What a route's exception handlers answer to an error that a response finds out while it is sent."""

PROBLEM_TYPE: Final = "application/problem+json"


class Wording(ABC):
    """How one app words its errors."""

    media_type: ClassVar[str]

    @abstractmethod
    def content(self, exc: HTTPException, path: str) -> dict[str, Any]:
        """What is answered to an exception, before it is encoded; `path` is the decoded path of the request."""

    @abstractmethod
    def bare(self, status: int) -> bytes:
        """What is answered where nothing is known but the status: the same bytes to every request, made without an encoder."""

    def response(self, status: int) -> Response:
        """A Response that tells nothing but its status."""
        return Response(self.bare(status), status, media_type=self.media_type)


class Details(Wording):
    """`{"detail": ...}`, with the exception's detail."""

    media_type = JSON_TYPE

    def content(self, exc: HTTPException, path: str) -> dict[str, Any]:
        """The detail alone."""
        return {"detail": exc.detail}

    def bare(self, status: int) -> bytes:
        """The status's phrase as detail."""
        return _bare(("detail", phrase(status)))


class Problems(Wording):
    """Problem details: `type`, `title`, `status`, `detail` and `instance`, and the members of the exception (RFC 9457 section 3)."""

    media_type = PROBLEM_TYPE

    def content(self, exc: HTTPException, path: str) -> dict[str, Any]:
        """All five, `instance` where the request has a path; a member that has the name of one of them is left out."""
        status = int(exc.status_code)
        content: dict[str, Any] = {
            "type": exc.problem_type,
            "title": exc.problem_title or phrase(status),
            "status": status,
            "detail": exc.detail if isinstance(exc.detail, str) else phrase(status),
        }
        instance = instance_of(path)
        if instance is not None:
            content["instance"] = instance
        for name, value in exc.problem_members.items():
            content.setdefault(name, value)
        return content

    def bare(self, status: int) -> bytes:
        """All but `instance`."""
        title = phrase(status)
        return _bare(("type", "about:blank"), ("title", title), ("status", status), ("detail", title))


@cache
def _bare(*pairs: tuple[str, str | int]) -> bytes:
    return json.dumps(dict(pairs), separators=(",", ":")).encode()


def instance_of(path: str) -> str | None:
    """ "/a b" -> "/a%20b", the path of the request as a URI reference; None for a target that is no path.

    Two slashes at the start would be a host (RFC 3986 section 4.2), so a dot segment stands before them. The query, in which there
    may be secrets, is left out.
    """
    if path[:1] != "/":
        return None
    quoted = quote_path(path)
    return f"/.{quoted}" if quoted[:2] == "//" else quoted


DETAILS: Final = Details()
PROBLEMS: Final = Problems()
