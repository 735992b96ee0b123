"""The pages as HTML, and what they may do. Knows names and relative URLs; knows no requests and no routes.

Every URL is relative to the page's own, so that the page works behind any prefix, known to the service or not. Nothing is
inline but data, which is escaped; so the policy allows scripts and styles of the service's own files alone, and what a kind
of page names besides.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Any, Final
from urllib.parse import urlsplit

from velocipy.openapi.ui.assets import assets_of, template
from velocipy.openapi.ui.base import UI
from velocipy.routing.path import encode_path


@dataclass(frozen=True, slots=True)
class Page:
    """Paths in the app: of the document, of a page that shows it, and what stands below the page; and the page's kind."""

    document: str
    path: str
    ui: UI

    @property
    def assets(self) -> str:
        """The folder of scripts and styles."""
        return f"{self.path.rstrip('/')}/assets"

    @property
    def redirect(self) -> str:
        """Where OAuth2 servers send the browser back to."""
        return f"{self.path.rstrip('/')}/oauth2-redirect"


def relative(target: str, path: str) -> str:
    """A link from the page at `path` to `target`: ("/openapi.json", "/docs/") -> "../openapi.json".

    Where the first segment has a colon, which would make it a scheme, "./" stands before it (RFC 3986 section 4.2).
    """
    folder = path.rpartition("/")[0] or "/"
    link = posixpath.relpath(target, folder)
    if link == "." or ":" in link.partition("/")[0]:
        link = f"./{link.removeprefix('.')}"
    return encode_path(link)


def docs_page(page: Page, path: str, title: str) -> str:
    """The page as it is asked for at `path`, which may end in a slash or not."""
    links, ui = _links(page, path), page.ui
    return Template(template("page.html")).substitute(
        title=escape(title),
        document=escape(relative(page.document, path)),
        root=escape(relative("/", path)),
        redirect=escape(relative(page.redirect, path)),
        files=escape(json.dumps(links)),
        said=escape(json.dumps(ui.said())),
        styles=_lines('<link rel="stylesheet" href="{}">', links, (*ui.styles, "docs.css")),
        scripts=_lines('<script src="{}" defer></script>', links, (*ui.scripts, "docs.js")),
    )


def redirect_page(page: Page, path: str) -> str:
    """The page that hands what an OAuth2 server answered to the page that opened it."""
    scripts = _lines('<script src="{}"></script>', _links(page, path), page.ui.redirect)
    return Template(template("redirect.html")).substitute(scripts=scripts)


def _links(page: Page, path: str) -> dict[str, str]:
    """What the page calls a file -> its URL."""
    found = assets_of(type(page.ui))
    return {name: relative(f"{page.assets}/{asset.name}", path) for name, asset in found.items()}


def _lines(line: str, links: Mapping[str, str], names: Iterable[str]) -> str:
    return "\n".join(line.format(escape(links[name])) for name in names)


def policy(connected: Iterable[str], ui: UI) -> str:
    """The Content-Security-Policy of the page; `connected` are origins besides its own that requests may be sent to."""
    rules = {**_POLICY, "connect-src": ("'self'", *sorted(connected))}
    for directive, sources in ui.policy.items():
        rules[directive] = (*rules.get(directive, ()), *sources)
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in rules.items())


_POLICY: Final[Mapping[str, tuple[str, ...]]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "form-action": ("'none'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'self'",),
}

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
