"""The exceptions of VelociPy. Knows what can go wrong and its HTTP status; does not know how an answer is made.

VelociPyException
├── ConfigurationError (ValueError)      the app is put together wrongly: raised at registration
│   ├── PathError                        a path template that cannot be read
│   ├── RouteConflictError               two routes for one method and path, or one name
│   └── BindingError                     a parameter that nothing can fill
├── MissingAdapterError (RuntimeError)   a dist or library that is needed is not installed
├── HTTPException                        an answer with a status of 400 or more
│   ├── BadRequest                       400, the request cannot be understood
│   ├── NotFound                         404
│   ├── MethodNotAllowed                 405, carries Allow
│   ├── RequestTimeout                   408, the body came too slowly
│   ├── PayloadTooLargeException         413
│   ├── UnsupportedMediaType             415
│   ├── ValidationError                  422, carries every error of every parameter
│   └── ProblemException                 a kind of problem of your own (RFC 9457): a subclass with status, type and members
├── ResultError (TypeError)              an endpoint's result does not fit its response model: logged, and a bare 500
├── ClientDisconnected                   the client left; nobody is there to answer
├── WebSocketException                   close this WebSocket with a code and a reason
│   └── InvalidMessage                   1007, a message does not fit its model; carries every error
├── WebSocketDisconnect                  the peer closed this WebSocket
│   └── SendTimeout                      the peer did not take a message in time
└── UnsupportedByServer (RuntimeError)   this protocol cannot do what was asked; said before anything is sent
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from velocipy.places import names_a_place, own_location
from velocipy.status import phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class VelociPyException(Exception):
    """Everything that VelociPy raises on purpose."""


class ConfigurationError(VelociPyException, ValueError):
    """The app is put together wrongly; the message names file:line and the fix.

    `message` says what and the fix, `location` is the file:line of the user's that was running. Where the message itself names no
    place, `str()` adds it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.location: str | None = own_location()

    def __str__(self) -> str:
        if self.location is None or names_a_place(self.message):
            return self.message
        return f"{self.message}\n    at {self.location}"


class PathError(ConfigurationError):
    """A path template that cannot be read, such as `/users/{id` or `{id:integer}`."""


class RouteConflictError(ConfigurationError):
    """Two routes claim one method and path, or one name."""


class BindingError(ConfigurationError):
    """A parameter of an endpoint, dependency or hook that nothing can fill."""


class MissingAdapterError(VelociPyException, RuntimeError):
    """A dist or library that is needed is not installed; the message is the command that installs it."""


class HTTPException(VelociPyException):
    """An answer that is not the endpoint's result: `raise HTTPException(404, "no such item")`.

    `detail` is any JSON value and stands in `{"detail": ...}`; None means the status's phrase. `headers` join the answer.
    Raises ValueError for a status outside 400-599, where it is raised and not where it would be sent.

    The `problem_...` of a class say what it is where errors are problem details, `VelociPy(problem_details=True)`.
    """

    problem_type: ClassVar[str] = "about:blank"
    """A URI that names the kind of problem (RFC 9457 section 3.1.1); "about:blank" says no more than the status."""
    problem_title: ClassVar[str | None] = None
    """The kind of problem in words, always the same; None is the status's phrase."""
    problem_status: ClassVar[int | None] = None
    """The status of every exception of the class, where there is one."""
    problem_fields: ClassVar[Mapping[str, Any]] = {}
    """Further members -> their types, for the documentation; `problem_members` has their values."""

    def __init__(
        self,
        status_code: int,
        detail: Any = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> None:
        if not (isinstance(status_code, int) and 400 <= status_code <= 599):
            raise ValueError(f"HTTPException needs a status from 400 to 599, not {status_code!r}")
        self.status_code = status_code
        self.detail: str | Any = phrase(status_code) if detail is None else detail
        self.headers = headers
        super().__init__(status_code, self.detail)

    @property
    def problem_members(self) -> Mapping[str, Any]:
        """The values of further members; a detail that is no text is one of them."""
        return {} if isinstance(self.detail, str) else {"details": self.detail}

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"


class BadRequest(HTTPException):
    """400: the request cannot be understood."""

    problem_status: ClassVar[int | None] = 400

    def __init__(self, detail: Any = None) -> None:
        super().__init__(400, detail)


class NotFound(HTTPException):
    """404: no route takes this path."""

    problem_status: ClassVar[int | None] = 404

    def __init__(self, detail: Any = None) -> None:
        super().__init__(404, detail)


class MethodNotAllowed(HTTPException):
    """405: the path exists, the method does not; `Allow` lists those that do (RFC 9110 section 15.5.6)."""

    problem_status: ClassVar[int | None] = 405

    def __init__(self, allow: Iterable[str]) -> None:
        super().__init__(405, headers={"allow": ", ".join(allow)})


class RequestTimeout(HTTPException):
    """408: the request body came more slowly than the app's `body_timeout` allows."""

    problem_status: ClassVar[int | None] = 408

    def __init__(self, detail: Any = None) -> None:
        super().__init__(408, detail)


class PayloadTooLargeException(HTTPException):
    """413: the request body is longer than the route's `max_content_length`."""

    problem_status: ClassVar[int | None] = 413

    def __init__(self, detail: Any = None) -> None:
        super().__init__(413, detail)


class UnsupportedMediaType(HTTPException):
    """415: the body is not of a type that the route reads."""

    problem_status: ClassVar[int | None] = 415

    def __init__(self, detail: Any = None) -> None:
        super().__init__(415, detail)


class ErrorItem(TypedDict):
    """One entry of a 422: where it is, what is wrong in words, and a stable name of the rule."""

    loc: list[str | int]
    msg: str
    type: str


class ValidationError(HTTPException):
    """422: every error of every parameter of one request, in the order of the signature."""

    problem_status: ClassVar[int | None] = 422
    problem_fields: ClassVar[Mapping[str, Any]] = {"errors": list[ErrorItem]}

    def __init__(self, errors: Sequence[ErrorItem]) -> None:
        self.errors: list[ErrorItem] = list(errors)
        super().__init__(422, self.errors)

    @property
    def problem_members(self) -> Mapping[str, Any]:
        """Every error under `errors`."""
        return {"errors": self.errors}


class ProblemException(HTTPException):
    """A kind of problem as a class: `raise OutOfStock("two are left", sku="mug", left=2)`.

    A subclass has a `problem_status`, and as far as it likes `problem_type`, `problem_title` and `problem_fields`: member -> type.
    The keywords are exactly the members. Without problem details it answers `{"detail": ...}` as every HTTPException does.
    Raises ConfigurationError for a class whose type is no URI reference, whose status is none of 400-599, or whose members
    have names that RFC 9457 keeps; TypeError for other keywords than the members.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_problem(cls)

    def __init__(
        self,
        detail: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        **members: Any,
    ) -> None:
        if members.keys() != self.problem_fields.keys():
            raise TypeError(
                f"{type(self).__name__} takes the members {sorted(self.problem_fields)}, not {sorted(members)}"
            )
        status = self.problem_status
        if status is None:
            raise TypeError("ProblemException is raised as a subclass that has a problem_status")
        self._members = members
        super().__init__(status, detail, headers)

    @property
    def problem_members(self) -> Mapping[str, Any]:
        """The keywords that it was raised with."""
        return self._members


STANDARD_MEMBERS: Final = frozenset({"type", "title", "status", "detail", "instance"})
"""Members that RFC 9457 section 3.1 defines."""

_TAKEN: Final = STANDARD_MEMBERS | {"headers"}
"""What no further member can be called, since a ProblemException takes it as something else."""


def check_problem(cls: type[HTTPException]) -> None:
    """Raise ConfigurationError for a class whose `problem_...` cannot be answered."""
    status, kind = cls.problem_status, cls.problem_type
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
        raise ConfigurationError(
            f"problem_status of {cls.__qualname__} is a status from 400 to 599, not {status!r}"
        )
    if not (isinstance(kind, str) and kind.isascii() and kind) or not _URI_TEXT.issuperset(kind):
        raise ConfigurationError(
            f"problem_type of {cls.__qualname__} is a URI such as 'https://example.com/problems/out-of-stock', not {kind!r}"
        )
    if taken := _TAKEN.intersection(cls.problem_fields):
        raise ConfigurationError(
            f"problem_fields of {cls.__qualname__} has {sorted(taken)}, which every problem has: give them other names"
        )


_URI_TEXT: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"
)
"""Characters of a URI (RFC 3986 section 2)."""


class ResultError(VelociPyException, TypeError):
    """An endpoint's result does not fit its response model. The log has the errors, the client a bare 500."""

    def __init__(self, message: str, errors: Sequence[ErrorItem] = ()) -> None:
        self.errors: list[ErrorItem] = list(errors)
        super().__init__(message)


class ClientDisconnected(VelociPyException):
    """The client left before its request was read or its answer was sent."""


class WebSocketException(VelociPyException):
    """Close this WebSocket with a code (RFC 6455 section 7.4) and a reason of at most 123 bytes."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason: str = reason or ""
        super().__init__(code, self.reason)


class InvalidMessage(WebSocketException):
    """A message does not fit the model that the endpoint asked for; `errors` are those of a 422, their places below `message`.

    The WebSocket is still open: answer and go on, or let it pass, which closes with 1007 (RFC 6455 section 7.4.1).
    """

    def __init__(self, errors: Sequence[ErrorItem]) -> None:
        self.errors: list[ErrorItem] = list(errors)
        super().__init__(1007, "message does not fit")


class WebSocketDisconnect(VelociPyException):
    """The peer closed this WebSocket; `code` is 1005 where the protocol does not tell it."""

    def __init__(self, code: int = 1005, reason: str | None = None) -> None:
        self.code = code
        self.reason: str = reason or ""
        super().__init__(code, self.reason)


class SendTimeout(WebSocketDisconnect):
    """The peer did not take a message within the route's `send_timeout`; the WebSocket is over."""

    def __init__(self, reason: str) -> None:
        super().__init__(1006, reason)


class UnsupportedByServer(VelociPyException, RuntimeError):
    """The protocol or server cannot do what was asked; raised before anything is sent."""
