"""OAuth2 and OpenID Connect from the side of who serves data: where tokens are got, and taking them. Issues and checks none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from velocipy.protocols import RequestHeaders
from velocipy.security.base import check_url
from velocipy.security.http import BearerBase
from velocipy.security.scopes import check_scopes


class _OAuth2(BearerBase):
    """A bearer token that a flow of OAuth2 gives out (RFC 6749)."""

    def __init__(
        self,
        flow: str,
        urls: dict[str, str | None],
        scopes: Mapping[str, str] | None,
        scheme_name: str | None,
        description: str | None,
        auto_error: bool,
    ) -> None:
        checked = {name: check_url(name, url) for name, url in urls.items() if url is not None}
        named = dict(scopes or {})
        check_scopes(named)
        scheme: dict[str, Any] = {
            "type": "oauth2",
            "flows": {flow: {**checked, "scopes": named}},
            "description": description,
        }
        super().__init__(scheme_name, scheme, auto_error=auto_error)
        self.scopes = named

    async def __call__(self, headers: RequestHeaders) -> str | None:
        """The token, unchecked but for its form. Raises HTTPException(401)."""
        return self._token(headers)


class OAuth2PasswordBearer(_OAuth2):
    """A token that the client got for name and password at `tokenUrl`: `token: Annotated[str, Depends(oauth2)]`.

    `scopes` are those that exist, with what they allow in words. Gives the token, which is yours to verify; None only with
    `auto_error=False`. Raises ConfigurationError for a URL that passwords would be sent to openly.
    """

    def __init__(
        self,
        tokenUrl: str,
        *,
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
        refreshUrl: str | None = None,
    ) -> None:
        urls = {"tokenUrl": tokenUrl, "refreshUrl": refreshUrl}
        super().__init__("password", urls, scopes, scheme_name, description, auto_error)


class OAuth2AuthorizationCodeBearer(_OAuth2):
    """A token that the client got from an authorization server by the authorization code flow (RFC 6749 section 4.1)."""

    def __init__(
        self,
        authorizationUrl: str,
        tokenUrl: str,
        *,
        refreshUrl: str | None = None,
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        urls = {"authorizationUrl": authorizationUrl, "tokenUrl": tokenUrl, "refreshUrl": refreshUrl}
        super().__init__("authorizationCode", urls, scopes, scheme_name, description, auto_error)


class OpenIdConnect(BearerBase):
    """A bearer token of an OpenID provider whose configuration is at `openIdConnectUrl`; gives the token, unverified."""

    def __init__(
        self,
        openIdConnectUrl: str,
        *,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        url = check_url("openIdConnectUrl", openIdConnectUrl)
        scheme = {"type": "openIdConnect", "openIdConnectUrl": url, "description": description}
        super().__init__(scheme_name, scheme, auto_error=auto_error)

    async def __call__(self, headers: RequestHeaders) -> str | None:
        """The token, unchecked but for its form. Raises HTTPException(401)."""
        return self._token(headers)
