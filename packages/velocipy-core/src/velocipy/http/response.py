"""Answers that are there in full: their status, headers and body. Knows the gate; does not know servers or handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from velocipy.http.cookies import format_cookie
from velocipy.http.gate import BODYLESS, check_status, length_headers
from velocipy.http.headers import ResponseHeaders, typed_headers
from velocipy.http.url import encode_location
from velocipy.json.base import JSONEncoder, best_encoder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Literal

    from velocipy.background import BackgroundTask, BackgroundTasks
    from velocipy.http.headers import HeaderSource
    from velocipy.http.wording import Refuse, Wording
    from velocipy.protocols import HTTPConnection

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
BYTES_TYPE = "application/octet-stream"


class Response:
    """An answer: `Response(b"...", 201, {"x-count": "3"}, "image/png")`.

    `content` is bytes, str (sent as UTF-8) or None. What `background` is set to runs once the answer is sent. Raises ValueError here, and not where it is sent, for a status outside
    200-599 and for headers that must not be sent.
    """

    __slots__ = ("_body", "_headers", "_status_code", "background")

    media_type: ClassVar[str | None] = None
    streams: ClassVar[bool] = False
    """Whether the body is made while it is sent, so that what it uses must stay open until then."""
    _slots: ClassVar[tuple[str, ...]] = __slots__
    """The slots of a class and its bases, which `fresh` copies."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._slots = tuple(dict.fromkeys(slot for owner in cls.__mro__ for slot in _slots_of(owner)))

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
    ) -> None:
        self._status_code = check_status(status_code)
        self.background: BackgroundTask | BackgroundTasks | None = None
        media_type = None if status_code in BODYLESS else media_type or self.media_type
        self._headers: ResponseHeaders = typed_headers(headers, media_type)
        self._set_content(content)

    def _set_content(self, content: Any) -> None:
        self._body = as_bytes(content)

    @property
    def status_code(self) -> int:
        """200-599; assigning anything else raises ValueError."""
        return self._status_code

    @status_code.setter
    def status_code(self, status: int) -> None:
        self._status_code = check_status(status)

    @property
    def headers(self) -> ResponseHeaders:
        """The headers, checked on the way in; Content-Length is added when the response is sent."""
        return self._headers

    @property
    def body(self) -> bytes:
        """The bytes that will be sent."""
        return self._body

    def bind(self, encoder: JSONEncoder) -> None:
        """Take the app's encoder, where the response has none of its own; a body of bytes needs none."""

    def worded(self, wording: Wording, refuse: Refuse | None = None) -> Response:
        """The response to send where errors that it finds out by itself, such as a range beyond a file, are worded so, or answered
        by `refuse`."""
        return self

    def fresh(self) -> Response:
        """A response of its own with the same content, so that headers can be added without touching this one."""
        twin = object.__new__(type(self))
        for slot in self._slots:
            if hasattr(self, slot):
                object.__setattr__(twin, slot, getattr(self, slot))
        if hasattr(self, "__dict__"):
            twin.__dict__.update(self.__dict__)
        twin._headers = self._headers.copy()
        return twin

    def add_defaults(self, defaults: Iterable[tuple[str, str]]) -> None:
        """Add headers that middleware wants on every answer; one that the response has itself is left alone."""
        self._headers.add_defaults(defaults)

    def set_cookie(
        self,
        key: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = True,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a Set-Cookie line (RFC 6265 section 4.1); ValueError for what a browser would read otherwise."""
        line = format_cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self._headers.add("set-cookie", line)

    def delete_cookie(
        self, key: str, *, path: str = "/", domain: str | None = None, secure: bool = False
    ) -> None:
        """Ask the browser to forget a cookie; `path`, `domain` and `secure` must be those it was set with."""
        self.set_cookie(key, max_age=0, expires=0, path=path, domain=domain, secure=secure)

    async def discard(self) -> None:
        """Let go of what the body would be made of, where another answer is sent in place of this one."""

    async def send(self, connection: HTTPConnection) -> None:
        """Send this answer. Raises ValueError, with nothing sent, where the declared length is not the body's."""
        status, body = self._status_code, self.body
        if not body and "content-length" in self._headers and connection.method == "HEAD":
            # The length that GET would have (RFC 9110 section 8.6), said by who serves HEAD without making the body.
            await connection.send_empty(status, self._headers.raw)
            return
        pairs = length_headers(status, self._headers, len(body))
        if status in BODYLESS:
            await connection.send_empty(status, pairs)
        else:
            await connection.send(status, pairs, body)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._status_code}>"


def _slots_of(owner: type) -> list[str]:
    """The attributes that a class keeps in slots, private names as Python mangles them."""
    names = owner.__dict__.get("__slots__", ())
    private = f"_{owner.__name__.lstrip('_')}"
    return [
        f"{private}{name}" if name.startswith("__") else name
        for name in ((names,) if isinstance(names, str) else names)
        if not name.endswith("__")
    ]


def as_bytes(content: object) -> bytes:
    """bytes, bytearray, memoryview, str or None -> bytes; ValueError for anything else."""
    if content.__class__ is bytes or isinstance(
        content, bytes
    ):  # the class alone is 30 ns less for every chunk
        return content  # pyright: ignore[reportReturnType]
    if content is None:
        return b""
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytearray, memoryview)):
        return bytes(content)  # pyright: ignore[reportUnknownArgumentType]
    raise ValueError(
        f"a response body is bytes or str, not {type(content).__qualname__}: for objects there is JSONResponse"
    )


class PlainTextResponse(Response):
    """Text, sent as UTF-8."""

    __slots__ = ()
    media_type: ClassVar[str | None] = TEXT_TYPE


class HTMLResponse(Response):
    """A page, sent as UTF-8. The text is sent as it is: escape what users wrote."""

    __slots__ = ()
    media_type: ClassVar[str | None] = HTML_TYPE


class JSONResponse(Response):
    """A value as JSON: `JSONResponse({"id": 1}, 201)`. Encoded by `encoder`, else by the app's, when it is first needed."""

    __slots__ = ("_encoder", "content")
    media_type: ClassVar[str | None] = JSON_TYPE

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
        *,
        encoder: JSONEncoder | None = None,
    ) -> None:
        self._encoder = encoder
        super().__init__(content, status_code, headers, media_type)

    def _set_content(self, content: Any) -> None:
        self.content: Any = content
        self._body = b""

    @property
    def body(self) -> bytes:
        """The JSON text. Raises TypeError or ValueError for content that JSON cannot say."""
        if not self._body and self._status_code not in BODYLESS:
            self._body = (self._encoder or best_encoder()).encode(self.content)
        return self._body

    def bind(self, encoder: JSONEncoder) -> None:
        """Take the app's encoder unless the response came with its own, and encode: what cannot be said fails here."""
        if self._encoder is None:
            self._encoder = encoder
        self.body  # noqa: B018  # encodes now, inside the handler's error handling


class RedirectResponse(Response):
    """Go elsewhere: 307 keeps method and body (RFC 9110 section 15.4.8); the URL is percent-encoded where it must be."""

    __slots__ = ()

    def __init__(self, url: str, status_code: int = 307, headers: HeaderSource = None) -> None:
        if not 300 <= check_status(status_code) <= 399:
            raise ValueError(f"a redirect has a status from 300 to 399, not {status_code}")
        super().__init__(None, status_code, headers)
        self._headers["location"] = encode_location(str(url))
