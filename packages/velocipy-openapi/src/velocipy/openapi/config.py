"""What an app says of its document besides its routes. Knows settings; builds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from velocipy.exceptions import ConfigurationError
from velocipy.routing.router import APIRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAPI:
    """Settings of the document and of Swagger UI: `VelociPy(openapi=OpenAPI(description="..."))`.

    The mappings have the names that OpenAPI 3.1 gives them. `dependencies` guard the document and the page; `webhooks` is a
    router whose routes are documented as webhooks, and served by nobody; `extra` is merged over the finished document.
    `swagger_ui` are parameters of Swagger UI, such as `{"persistAuthorization": True}`, and `oauth2` those of its
    `initOAuth`, such as `{"clientId": "docs"}`. Raises ConfigurationError for a server or tag that is none.
    """

    summary: str | None = None
    description: str | None = None
    terms_of_service: str | None = None
    contact: Mapping[str, str] = field(default_factory=dict)
    license: Mapping[str, str] = field(default_factory=dict)
    servers: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[Mapping[str, Any]] = ()
    external_docs: Mapping[str, str] = field(default_factory=dict)
    webhooks: APIRouter | None = None
    dependencies: Sequence[Any] = ()
    swagger_ui: Mapping[str, Any] = field(default_factory=dict)
    oauth2: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for server in self.servers:
            if not isinstance(server, Mapping) or not isinstance(server.get("url"), str):
                raise ConfigurationError(
                    f"a server of OpenAPI(servers=...) is {{'url': ...}}, not {server!r}"
                )
            _check_url(server["url"])
        for tag in self.tags:
            if not isinstance(tag, Mapping) or not isinstance(tag.get("name"), str):
                raise ConfigurationError(f"a tag of OpenAPI(tags=...) is {{'name': ..., ...}}, not {tag!r}")


def _check_url(url: str) -> None:
    try:
        urlsplit(url.replace("{", "").replace("}", ""))
    except ValueError:
        raise ConfigurationError(
            f"a server of OpenAPI(servers=...) has the url {url!r}, which is none"
        ) from None
