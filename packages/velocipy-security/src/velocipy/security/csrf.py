"""Requests that another site makes a visitor's browser send. Knows methods, origins and tokens; knows no sessions and no users.

`CrossOriginCheck` asks the browser: Sec-Fetch-Site, or Origin. `CSRF` also asks for a token that only the own pages have. Both are
guards and middleware alike: `dependencies=[Depends(csrf)]`, or `app.add_middleware(csrf)`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from html import escape
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.handlers.markers import Cookie
from velocipy.http.cookies import format_cookie
from velocipy.http.request import Exchange, Request
from velocipy.http.response import Response
from velocipy.origins import SAFE_METHODS, check_cross_origin, origin_policy
from velocipy.places import caller_location
from velocipy.protocols import RequestHeaders, RequestHosts, RequestMethod
from velocipy.security.base import check_token
from velocipy.security.compare import same_secret
from velocipy.signing import Secrets, Signer, decode, encode
from velocipy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

NONCE: Final = 32
"""Random bytes of a token."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{86}")  # 64 bytes: mask and masked nonce
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class CrossOriginCheck:
    """Refuses with 403 what changes something and comes from a page of another origin; needs no cookie, token or secret.

    GET, HEAD, OPTIONS and QUERY pass, so they must not change anything (RFC 9110 section 9.2.1), and what names neither
    Sec-Fetch-Site nor Origin passes, since it is no browser. `trusted_origins` are those of other sites that may:
    `["https://app.example"]`. Behind a proxy that rewrites Host, name it in the app's `proxy_headers`, for browsers of before 2023.
    """

    __velocipy_guard__ = True
    __velocipy_raises__: tuple[int, ...] = (403,)

    def __init__(self, trusted_origins: Iterable[str] = ()) -> None:
        self._trusted = _trusted(trusted_origins)
        self.before: Callable[[RequestMethod, RequestHeaders, RequestHosts], Coroutine[Any, Any, None]] = (
            self.__call__
        )

    async def __call__(self, method: RequestMethod, headers: RequestHeaders, hosts: RequestHosts) -> None:
        """Raises HTTPException(403)."""
        check_cross_origin(method, headers, hosts, self._trusted)


class CSRFToken(str):
    """What a form or script sends back; another text in each answer, so that compression gives nothing away (BREACH)."""

    __slots__ = ("field_name",)

    field_name: str

    @property
    def input(self) -> Markup:
        """`<input type="hidden" name="csrf_token" value="...">`, which Jinja2 takes as it is: `{{ csrf_token.input }}`."""
        name, value = escape(self.field_name), escape(self)
        return Markup(f'<input type="hidden" name="{name}" value="{value}">')


class Markup(str):
    """HTML that is complete: template engines that ask for `__html__` do not escape it again."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class CSRF:
    """`CrossOriginCheck`, and a token that has to come back with whatever changes something: else 403.

    A signed cookie holds the token; `Depends(csrf.token)` gives its form for a page, to templates as `csrf_token` too, and sets
    the cookie where there is none. It
    comes back in the header `header_name`, or in the field `field_name` of a form; `field_name=None` reads no forms and needs no
    Request. `secret_key` is one secret, or several of which the first signs and all verify. `httponly=False` lets scripts read
    the cookie and send its value back. `secure=False` is for development without TLS: without it the cookie's name begins with
    `__Host-`, so that no other host of the domain can set it.
    """

    __velocipy_guard__ = True
    __velocipy_raises__: tuple[int, ...] = (403,)

    def __init__(
        self,
        secret_key: Secrets,
        *,
        trusted_origins: Iterable[str] = (),
        header_name: str = "x-csrf-token",
        field_name: str | None = "csrf_token",
        cookie_name: str | None = None,
        secure: bool = True,
        httponly: bool = True,
        samesite: Literal["lax", "strict", "none"] = "lax",
        max_age: int | None = None,
    ) -> None:
        self._signer = Signer(secret_key, "csrf")
        self._trusted = _trusted(trusted_origins)
        self._header = check_token("header_name", header_name).lower()
        if field_name is not None and _FIELD.fullmatch(field_name) is None:
            raise ConfigurationError(
                f"field_name {field_name!r} ({caller_location()}) is no name of a field: write such as 'csrf_token', or None for the header alone"
            )
        self.field_name = field_name
        self.cookie_name: str = ("__Host-csrf" if secure else "csrf") if cookie_name is None else cookie_name
        self._attributes: dict[str, Any] = {
            "secure": secure,
            "httponly": httponly,
            "samesite": samesite,
            "max_age": max_age,
        }
        self._raw = not httponly
        try:
            format_cookie(self.cookie_name, "", **self._attributes)
        except ValueError as exc:
            raise ConfigurationError(f"the cookie of CSRF ({caller_location()}): {exc}") from None
        cookie = _parameter("cookie", Annotated[str | None, Cookie(alias=self.cookie_name, **_UNSEEN)], None)
        exchange = [] if field_name is None else [_parameter("exchange", Exchange)]
        asked = [_parameter(name, annotation) for name, annotation in _ASKED]
        self.__signature__: Signature = Signature([*asked, *exchange, cookie])
        self.before = self
        self.token: _TokenOf = _TokenOf(self, cookie)

    async def __call__(
        self,
        asked_method: str,
        request_headers: RequestHeaders,
        request_hosts: RequestHosts,
        *around: Any,
    ) -> None:
        """Raises HTTPException(403), and what reading a form raises. `around` is the exchange, if forms are read, and the cookie."""
        if asked_method in SAFE_METHODS:
            return
        check_cross_origin(asked_method, request_headers, request_hosts, self._trusted)
        *exchange, cookie = around
        nonce = self._nonce_of(cookie)
        given = await self._given(request_headers, *exchange)
        if nonce is None or given is None or not self._is_token(given, nonce, cookie):
            raise HTTPException(403, "CSRF token missing or wrong")

    async def _given(self, headers: RequestHeaders, exchange: Exchange | None = None) -> str | None:
        """The one token that came back, from the header, else from a form."""
        found = headers.get_all(self._header)
        if not found and self.field_name is not None and isinstance(exchange, Request):
            media_type = (headers.get("content-type") or "").partition(";")[0].strip().lower()
            if media_type in _FORMS:
                found = (await exchange.form()).getlist(self.field_name)
        return found[0] if len(found) == 1 else None

    def _is_token(self, given: str, nonce: bytes, cookie: str | None) -> bool:
        if _TOKEN.fullmatch(given) is None:
            return self._raw and cookie is not None and same_secret(given, cookie)
        decoded = decode(given)
        return same_secret(_xor(decoded[:NONCE], decoded[NONCE:]), nonce)

    def _nonce_of(self, cookie: str | None) -> bytes | None:
        """The token in a cookie that one of the keys has signed."""
        signed = None if cookie is None else self._signer.verify(cookie)
        return None if signed is None else signed.payload

    def _issue(self, cookie: str | None, response: Response) -> CSRFToken:
        """The token of a cookie, masked anew; where there is no good cookie, of a new one that goes out with `response`."""
        response.headers.add_vary("Cookie")
        nonce = self._nonce_of(cookie)
        if nonce is None:
            nonce = secrets.token_bytes(NONCE)
            response.set_cookie(self.cookie_name, self._signer.sign(nonce), **self._attributes)
            response.headers["cache-control"] = "no-store"
        mask = secrets.token_bytes(NONCE)
        token = CSRFToken(encode(mask + _xor(mask, nonce)))
        token.field_name = self.field_name or "csrf_token"
        return token


class _TokenOf:
    """The dependency `csrf.token`: an object, so that its signature may name the cookie."""

    def __init__(self, csrf: CSRF, cookie: Parameter) -> None:
        self._csrf = csrf
        asked = [_parameter("response", Response), _parameter("state", State)]
        self.__signature__: Signature = Signature([*asked, cookie])

    async def __call__(self, answer: Response, around: State, sent_cookie: str | None) -> CSRFToken:
        token = around["csrf_token"] = self._csrf._issue(sent_cookie, answer)  # pyright: ignore[reportPrivateUsage]  # where templates look for it
        return token


# Signatures of objects: their parameters are named otherwise than those of `__call__`, whose annotations are the class's and
# would count before these.
_ASKED: Final = (("method", RequestMethod), ("headers", RequestHeaders), ("hosts", RequestHosts))
_UNSEEN: Final[dict[str, Any]] = {"include_in_schema": False}


def _parameter(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def _trusted(origins: Iterable[str]) -> frozenset[str]:
    given = origins if isinstance(origins, str) else list(origins)
    listed = None if "*" in given else origin_policy(given, setting="trusted_origins").listed
    if listed is None or listed & {"null", "same-origin"}:
        raise ConfigurationError(
            f"trusted_origins ({caller_location()}) is a list of origins such as 'https://app.example': '*' and 'null' are every "
            "page there is, and the own origin is trusted anyway"
        )
    return listed


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(NONCE)
