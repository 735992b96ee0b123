"""What an app says of its document besides its routes. Knows settings; builds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from velocipy.exceptions import ConfigurationError
from velocipy.openapi.ui.base import UI
from velocipy.openapi.ui.swagger import SwaggerUI
from velocipy.places import caller_location
from velocipy.routing.path import check_place
from velocipy.routing.router import APIRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAPI:
    """Settings of the document and of its pages: `VelociPy(openapi=OpenAPI(description="..."))`.

    The mappings have the names that OpenAPI 3.1 gives them. `dependencies` guard the document and the page; `webhooks` is a
    router whose routes are documented as webhooks, and served by nobody; `extra` is merged over the finished document.
    `swagger_ui` are parameters of Swagger UI, such as `{"persistAuthorization": True}`, and `oauth2` those of its
    `initOAuth`, such as `{"clientId": "docs"}`. `ui` is what stands at `docs_url` instead of it, and `pages` are further pages by their
    paths, such as `{"/redoc": ReDoc()}` of velocipy-openapi-ui. `specification` is the version of OpenAPI: 3.2 has words for the items
    of a stream and for QUERY, which not every tool knows yet. `asyncapi_url` is where an app with WebSockets or event streams has its
    AsyncAPI document, None for nowhere. Raises ConfigurationError for a server, tag or page that is none.
    """

    summary: str | None = None
    description: str | None = None
    terms_of_service: str | None = None
    contact: Mapping[str, str] = field(default_factory=dict[str, str])
    license: Mapping[str, str] = field(default_factory=dict[str, str])
    servers: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[Mapping[str, Any]] = ()
    external_docs: Mapping[str, str] = field(default_factory=dict[str, str])
    webhooks: APIRouter | None = None
    dependencies: Sequence[Any] = ()
    swagger_ui: Mapping[str, Any] = field(default_factory=dict[str, Any])
    oauth2: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ui: UI | None = None
    pages: Mapping[str, UI] = field(default_factory=dict[str, UI])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    specification: Literal["3.1", "3.2"] = "3.1"
    asyncapi_url: str | None = "/asyncapi.json"

    def __post_init__(self) -> None:
        if self.specification not in ("3.1", "3.2"):
            raise ConfigurationError(
                f"OpenAPI(specification=...) is '3.1' or '3.2', not {self.specification!r} ({caller_location()})"
            )
        check_place("OpenAPI(asyncapi_url=...)", self.asyncapi_url)
        for server in self.servers:
            if not isinstance(server, Mapping) or not isinstance(server.get("url"), str):
                raise ConfigurationError(
                    f"a server of OpenAPI(servers=...) is {{'url': ...}}, not {server!r}"
                )
            _check_url(server["url"])
        for tag in self.tags:
            if not isinstance(tag, Mapping) or not isinstance(tag.get("name"), str):
                raise ConfigurationError(f"a tag of OpenAPI(tags=...) is {{'name': ..., ...}}, not {tag!r}")
        self._check_pages()

    def page(self) -> UI:
        """What stands at `docs_url`."""
        return self.ui or SwaggerUI(self.swagger_ui, self.oauth2)

    def _check_pages(self) -> None:
        if self.ui is not None and (self.swagger_ui or self.oauth2):
            raise ConfigurationError(
                "OpenAPI(swagger_ui=..., oauth2=...) are settings of the page that ui=... replaces: "
                "give them to it, as in ui=SwaggerUI(...)"
            )
        for name, ui in [("ui", self.page()), *((f"pages[{path!r}]", ui) for path, ui in self.pages.items())]:
            if not isinstance(ui, UI):
                raise ConfigurationError(
                    f"OpenAPI({name}) is a page such as SwaggerUI(), with parentheses, not {ui!r}"
                )
        for path in self.pages:
            check_place("a key of OpenAPI(pages=...)", path)


def _check_url(url: str) -> None:
    try:
        urlsplit(url.replace("{", "").replace("}", ""))
    except ValueError:
        raise ConfigurationError(
            f"a server of OpenAPI(servers=...) has the url {url!r}, which is none: write such as 'https://api.example/v1'"
        ) from None
