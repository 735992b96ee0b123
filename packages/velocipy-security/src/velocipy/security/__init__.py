"""Security schemes, scopes and CSRF protection: guards that read credentials and refuse. Knows no users and no OpenAPI document."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.handlers.schemes import SecurityScopes
    from velocipy.security.api_key import APIKeyCookie, APIKeyHeader, APIKeyQuery
    from velocipy.security.base import SecurityBase
    from velocipy.security.compare import same_secret
    from velocipy.security.csrf import CSRF, CrossOriginCheck, CSRFToken
    from velocipy.security.digest import HTTPDigest, HTTPDigestCredentials, digest_ha1
    from velocipy.security.forms import OAuth2PasswordRequestForm, OAuth2PasswordRequestFormStrict
    from velocipy.security.http import (
        HTTPAuthorizationCredentials,
        HTTPBasic,
        HTTPBasicCredentials,
        HTTPBearer,
    )
    from velocipy.security.oauth2 import OAuth2AuthorizationCodeBearer, OAuth2PasswordBearer, OpenIdConnect
    from velocipy.security.scopes import Security

__all__ = [
    "APIKeyCookie",
    "APIKeyHeader",
    "APIKeyQuery",
    "CSRF",
    "CSRFToken",
    "CrossOriginCheck",
    "HTTPAuthorizationCredentials",
    "HTTPBasic",
    "HTTPBasicCredentials",
    "HTTPBearer",
    "HTTPDigest",
    "HTTPDigestCredentials",
    "OAuth2AuthorizationCodeBearer",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OAuth2PasswordRequestFormStrict",
    "OpenIdConnect",
    "Security",
    "SecurityBase",
    "SecurityScopes",
    "digest_ha1",
    "same_secret",
]

_HOMES = {
    "api_key": ("APIKeyCookie", "APIKeyHeader", "APIKeyQuery"),
    "base": ("SecurityBase",),
    "compare": ("same_secret",),
    "csrf": ("CSRF", "CSRFToken", "CrossOriginCheck"),
    "digest": ("HTTPDigest", "HTTPDigestCredentials", "digest_ha1"),
    "forms": ("OAuth2PasswordRequestForm", "OAuth2PasswordRequestFormStrict"),
    "http": ("HTTPAuthorizationCredentials", "HTTPBasic", "HTTPBasicCredentials", "HTTPBearer"),
    "oauth2": ("OAuth2AuthorizationCodeBearer", "OAuth2PasswordBearer", "OpenIdConnect"),
    "scopes": ("Security", "SecurityScopes"),
}
"""Sub-module -> the public names that it has."""

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
