"""Headers that make browsers careful with every answer. Constants, which cost nothing but their bytes; a nonce alone is made anew.

Knows the fields and the values that browsers understand; knows no pages.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from velocipy.exceptions import ConfigurationError
from velocipy.http.csp import ContentSecurityPolicy
from velocipy.http.headers import check_header
from velocipy.messages import did_you_mean
from velocipy.middleware.base import Middleware

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource

POLICY: Final = "content-security-policy"
REPORT_ONLY: Final = "content-security-policy-report-only"
TRANSPORT: Final = "strict-transport-security"
PERMISSIONS: Final = "permissions-policy"

DEFAULTS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    POLICY: "default-src 'self'",
}
"""What is sent unless told otherwise; a response's own header of that name wins."""

API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""The policy for answers that are no pages: whoever gets one shown as a page sees nothing run in it."""

YEAR: Final = 31_536_000
"""Seconds of a year, the age that HSTS preload lists ask for."""

_REFERRER: Final = (
    *("no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin"),
    *("strict-origin", "strict-origin-when-cross-origin", "unsafe-url"),
)

KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "x-content-type-options": ("nosniff",),
    "x-frame-options": ("DENY", "SAMEORIGIN"),
    "referrer-policy": _REFERRER,
    "cross-origin-opener-policy": (
        *("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"),
    ),
    "cross-origin-embedder-policy": ("require-corp", "credentialless", "unsafe-none"),
    "cross-origin-resource-policy": ("same-origin", "same-site", "cross-origin"),
    "x-permitted-cross-domain-policies": ("none", "master-only", "by-content-type", "all"),
    "origin-agent-cluster": ("?0", "?1"),
}
"""Fields of which browsers ignore every value but these; a parameter may follow, and a list of referrer policies."""

_FEATURE: Final = re.compile(r"[a-z][a-z0-9-]*")

Policy = str | ContentSecurityPolicy | Mapping[str, Any] | None


class _FromDefaults:
    """The one value of FROM_DEFAULTS."""

    def __repr__(self) -> str:
        return "FROM_DEFAULTS"


FROM_DEFAULTS: Final = _FromDefaults()


@dataclass(frozen=True, slots=True)
class HSTS:
    """Strict-Transport-Security (RFC 6797): for `max_age` seconds browsers come over https alone. Raises ConfigurationError.

    `preload` asks to be built into browsers, from where it takes months to get out again: it needs a year and all subdomains.
    """

    max_age: int = YEAR
    include_subdomains: bool = True
    preload: bool = False

    def __post_init__(self) -> None:
        if type(self.max_age) is not int or self.max_age < 0:
            raise ConfigurationError(
                f"max_age of HSTS is a number of seconds of at least 0, not {self.max_age!r}"
            )
        if self.preload and (self.max_age < YEAR or not self.include_subdomains):
            raise ConfigurationError(
                f"preload of HSTS needs max_age of at least {YEAR} and include_subdomains, else the list refuses it"
            )

    def text(self) -> str:
        """The value of the header."""
        subdomains = "; includeSubDomains" if self.include_subdomains else ""
        return f"max-age={self.max_age}{subdomains}{'; preload' if self.preload else ''}"


class SecurityHeadersMiddleware(Middleware):
    """nosniff, frame, referrer and content policies, and more on request: `SecurityHeadersMiddleware(hsts=True)`.

    `headers` changes or adds, such as `{"cross-origin-opener-policy": "same-origin"}`; None for a name leaves it out. `hsts=True` is a
    year with subdomains, an int is seconds; see HSTS. `csp`, and `csp_report_only`, are policies as text, as a mapping or as a
    ContentSecurityPolicy; None is none. Where one of them has a `nonce`, each request has its own in `request.state.csp_nonce`.
    `permissions` are features and who may use them: `{"camera": [], "geolocation": ["self", "https://maps.example"]}`.

    A response's own header of a name wins. Raises ConfigurationError for values that browsers ignore.
    """

    before: Callable[[], str]
    header: Callable[[str], str]
    headers: Callable[[str], list[tuple[str, str]]]

    def __init__(
        self,
        headers: Mapping[str, str | None] | None = None,
        *,
        hsts: bool | int | HSTS = False,
        csp: Policy | _FromDefaults = FROM_DEFAULTS,
        csp_report_only: Policy = None,
        permissions: Mapping[str, Iterable[str] | Literal["*"]] | None = None,
    ) -> None:
        chosen = {name.lower(): value for name, value in (headers or {}).items()}
        settings: dict[str, str | ContentSecurityPolicy | None] = {}
        if hsts is not False and hsts != 0:
            settings[TRANSPORT] = _transport(hsts).text()
        if not isinstance(csp, _FromDefaults):
            settings[POLICY] = _policy(csp)
        if csp_report_only is not None:
            settings[REPORT_ONLY] = _policy(csp_report_only)
        if permissions is not None:
            settings[PERMISSIONS] = _permissions(permissions)
        for name in settings.keys() & chosen.keys():
            raise ConfigurationError(
                f"SecurityHeadersMiddleware has {name} in headers and as a setting: keep one"
            )
        for name, value in chosen.items():
            _check_known(name, value)
        found = {**DEFAULTS, **chosen, **settings}
        made = {
            name: value
            for name, value in found.items()
            if isinstance(value, ContentSecurityPolicy) and value.has_nonce
        }
        self.response_headers: HeaderSource = tuple(
            (name, value.text() if isinstance(value, ContentSecurityPolicy) else value)
            for name, value in found.items()
            if value is not None and name not in made
        )
        if made:
            self._make_nonces(made)

    def _make_nonces(self, policies: Mapping[str, ContentSecurityPolicy]) -> None:
        """Be a hook, too: each request has a nonce, from which its policies are made."""
        halves = tuple((name, policy.text(_MARK).split(_MARK)) for name, policy in policies.items())
        self.state_key: str | None = "csp_nonce"
        self.before = _nonce
        if len(halves) == 1:
            name, parts = halves[0]
            check_header(name, "".join(parts))
            self.header_name: str | None = name
            self.header_is_safe: bool = True  # with a nonce of base64 in between; 0.2 us a request
            self.header = lambda token: token.join(parts)
        else:
            self.header_names: tuple[str, ...] = tuple(policies)
            self.headers = lambda token: [(name, token.join(parts)) for name, parts in halves]


_MARK: Final = "\0"


def _nonce() -> str:
    """128 random bits as base64, made when the request comes in."""
    return secrets.token_urlsafe(16)


def _transport(hsts: bool | int | HSTS) -> HSTS:
    if isinstance(hsts, HSTS):
        return hsts
    if not isinstance(hsts, int) or hsts < 0:
        raise ConfigurationError(f"hsts is True, False, seconds or an HSTS, not {hsts!r}")
    return HSTS(YEAR if hsts is True else hsts)


def _policy(policy: Policy) -> str | ContentSecurityPolicy | None:
    if policy is None or isinstance(policy, (str, ContentSecurityPolicy)):
        return policy
    if isinstance(policy, Mapping):
        return ContentSecurityPolicy(policy)
    raise ConfigurationError(f"csp is text, a mapping, a ContentSecurityPolicy or None, not {policy!r}")


def _permissions(features: Mapping[str, Iterable[str] | Literal["*"]]) -> str:
    """{"camera": [], "fullscreen": ["self"]} -> "camera=(), fullscreen=(self)" (W3C Permissions Policy section 9)."""
    return ", ".join(f"{_feature(name)}={_allowlist(name, who)}" for name, who in features.items())


def _feature(name: str) -> str:
    if not _FEATURE.fullmatch(name):
        raise ConfigurationError(f"{name!r} in permissions is no feature such as 'camera'")
    return name


def _allowlist(name: str, who: Iterable[str] | Literal["*"]) -> str:
    if who == "*":
        return "*"
    if isinstance(who, str):
        raise ConfigurationError(f"{name} in permissions is a list: write [{who!r}]")
    return f"({' '.join(map(_allowed, who))})"


def _allowed(who: str) -> str:
    if who in ("self", "src"):
        return who
    if not re.fullmatch(r"https?://[!#-&*-\[\]-~]+", who):
        raise ConfigurationError(
            f"{who!r} in permissions is no origin: write 'self' or 'https://app.example'"
        )
    return f'"{who}"'


def _check_known(name: str, value: str | None) -> None:
    """Raise ConfigurationError for a value that browsers take for none."""
    known = KNOWN.get(name)
    if known is None or value is None:
        return
    parts = value.split(",") if name == "referrer-policy" else [value.partition(";")[0]]
    for part in (part.strip() for part in parts):
        if part.lower() not in (each.lower() for each in known):
            raise ConfigurationError(
                f"{name} of SecurityHeadersMiddleware is one of {', '.join(known)}, not {part!r}{did_you_mean(part, known)}"
            )
