"""The pages of Swagger UI as HTML, and what they may do. Knows names and relative URLs; knows no requests and no routes.

Every URL is relative to the page's own, so that the page works behind any prefix, known to the service or not. Nothing is
inline but data, which is escaped; so the policy allows scripts and styles of the service's own files alone.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Any
from urllib.parse import urlsplit

from velocipy.openapi.config import OpenAPI
from velocipy.openapi.ui.assets import assets, template
from velocipy.routing.path import encode_path


@dataclass(frozen=True, slots=True)
class Places:
    """Paths in the app: of the document, of the page, and what stands below the page."""

    document: str
    page: str

    @property
    def assets(self) -> str:
        """The folder of scripts and styles."""
        return f"{self.page.rstrip('/')}/assets"

    @property
    def redirect(self) -> str:
        """Where OAuth2 servers send the browser back to."""
        return f"{self.page.rstrip('/')}/oauth2-redirect"


def relative(target: str, path: str) -> str:
    """A link from the page at `path` to `target`: ("/openapi.json", "/docs/") -> "../openapi.json"."""
    folder = path.rpartition("/")[0] or "/"
    link = posixpath.relpath(target, folder)
    return "./" if link == "." else encode_path(link)


def docs_page(places: Places, path: str, title: str, config: OpenAPI) -> str:
    """The page as it is served at `path`, which may end in a slash or not."""

    def asset(name: str) -> str:
        return relative(f"{places.assets}/{assets()[name].name}", path)

    said = {
        "title": title,
        "document": relative(places.document, path),
        "root": relative("/", path),
        "redirect": relative(places.redirect, path),
        "style": asset("swagger-ui.css"),
        "own_style": asset("docs.css"),
        "script": asset("swagger-ui-bundle.js"),
        "own_script": asset("docs.js"),
        "settings": json.dumps(dict(config.swagger_ui)),
        "oauth2": json.dumps(dict(config.oauth2)),
    }
    return _filled("page.html", said)


def redirect_page(places: Places, path: str) -> str:
    """The page that hands what an OAuth2 server answered to the page that opened it."""
    name = assets()["oauth2-redirect.js"].name
    return _filled("redirect.html", {"script": relative(f"{places.assets}/{name}", path)})


def _filled(name: str, said: Mapping[str, str]) -> str:
    return Template(template(name)).substitute({key: escape(value) for key, value in said.items()})


def policy(connected: Iterable[str]) -> str:
    """The Content-Security-Policy of the page; `connected` are origins besides its own that requests may be sent to."""
    origins = " ".join(["'self'", *sorted(connected)])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src {origins}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'self'",
        )
    )


REDIRECT_POLICY = (
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def origins_in(document: Mapping[str, Any]) -> set[str]:
    """The origins of the servers of a document, and of the token URLs of its OAuth2 schemes."""
    schemes = document.get("components", {}).get("securitySchemes", {}).values()
    flows = [flow for scheme in schemes for flow in scheme.get("flows", {}).values()]
    urls = [server.get("url", "") for server in document.get("servers", ())]
    urls += [flow.get(name, "") for flow in flows for name in ("tokenUrl", "refreshUrl")]
    urls += [scheme.get("openIdConnectUrl", "") for scheme in schemes]
    return {origin for origin in map(_origin, urls) if origin}


def _origin(url: str) -> str | None:
    """ "https://api.example/v1" -> "https://api.example"; None for a relative one, and one with holes or odd characters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or not _PLAIN.issuperset(parts.netloc):
        return None
    return f"{parts.scheme}://{parts.netloc}"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")
