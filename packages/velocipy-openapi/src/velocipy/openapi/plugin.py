"""The plugin: installed means that an app serves `/openapi.json` and `/docs`. Knows how both are put into an app.

Loaded for every app that is served, so what builds documents is imported when the first one is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import ConfigurationError, RouteConflictError

if TYPE_CHECKING:
    from velocipy.app import VelociPy
    from velocipy.openapi.config import OpenAPI
    from velocipy.openapi.schema_changes import Change
    from velocipy.openapi.ui.page import Page

logger: logging.Logger = logging.getLogger("velocipy")


class Plugin:
    """What the entry point names; called with an app when it is first served."""

    def __call__(self, app: VelociPy) -> None:
        """Add the routes, where the app's own leave the place free. Raises ConfigurationError for settings that are none."""
        document = app.openapi_url
        if document is None:
            return
        from velocipy.openapi import serving

        config = config_of(app)
        pages = _pages(app, document, config)
        if not _add(app, document, serving.serve_openapi, config):
            return
        serving.serve(app, config, pages)
        if config.asyncapi_url is not None:
            from velocipy.openapi.channels import is_channel

            if any(map(is_channel, app.routes)):
                _add(app, config.asyncapi_url, serving.serve_asyncapi, config)
        for page in pages:
            if _add(app, page.path, serving.serve_docs, config):
                _add(app, f"{page.assets}/{{name}}", serving.serve_docs_asset, config)
                _add(app, page.redirect, serving.serve_docs_redirect, config)

    def document(self, app: VelociPy, version: str | None = None) -> dict[str, Any]:
        """The document of an app, or of one version of it, as it is now."""
        from velocipy.openapi.document import build

        return build(app, config_of(app), version)

    def messages(self, app: VelociPy) -> dict[str, Any]:
        """The AsyncAPI document of an app as it is now."""
        from velocipy.openapi.asyncapi import build

        return build(app, config_of(app))

    def diff(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
        """What differs between two documents, for who may not import this dist."""
        from velocipy.openapi.changes import diff

        return diff(old, new)


plugin: Plugin = Plugin()


def config_of(app: VelociPy) -> OpenAPI:
    """The app's settings. Raises ConfigurationError where `VelociPy(openapi=...)` was given something else."""
    from velocipy.openapi.config import OpenAPI

    config = app.openapi_config
    if config is None:
        return OpenAPI()
    if not isinstance(config, OpenAPI):
        raise ConfigurationError(f"VelociPy(openapi=...) takes a velocipy.openapi.OpenAPI, not {config!r}")
    return config


def _pages(app: VelociPy, document: str, config: OpenAPI) -> list[Page]:
    from velocipy.openapi.ui.page import Page

    own = [] if app.docs_url is None else [Page(document, app.docs_url, config.page())]
    pages = [*own, *(Page(document, path, ui) for path, ui in config.pages.items())]
    if len({page.redirect for page in pages}) < len(pages):
        raise ConfigurationError(
            f"OpenAPI(pages=...) has two pages in one place, or one where docs_url is: {[p.path for p in pages]}"
        )
    return pages


def _add(app: VelociPy, path: str, endpoint: Callable[..., Any], config: OpenAPI) -> bool:
    try:
        app.add_route(path, endpoint, dependencies=config.dependencies, include_in_schema=False)
    except RouteConflictError as exc:
        logger.debug("velocipy-openapi leaves %s to the app: %s", path, exc)
        return False
    return True
