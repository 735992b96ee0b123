"""Swagger UI: which files of this folder it is. Knows names of files; what they do is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from velocipy.openapi.ui.base import UI

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class SwaggerUI(UI):
    """Swagger UI, with its parameters, and those of its `initOAuth`: `SwaggerUI({"deepLinking": False}, {"clientId": "docs"})`."""

    oauth2: Mapping[str, Any] = field(default_factory=dict[str, Any])

    title: ClassVar[str] = "Swagger UI"
    files: ClassVar[Mapping[str, Path]] = {
        "swagger-ui-bundle.js": _HERE / "assets" / "swagger-ui-bundle.js.gz",
        "swagger-ui.css": _HERE / "assets" / "swagger-ui.css.gz",
        "oauth2-redirect.js": _HERE / "assets" / "oauth2-redirect.js.gz",
        "start-swagger.js": _HERE / "start-swagger.js",
    }
    scripts: ClassVar[tuple[str, ...]] = ("swagger-ui-bundle.js", "start-swagger.js")
    styles: ClassVar[tuple[str, ...]] = ("swagger-ui.css",)
    redirect: ClassVar[tuple[str, ...]] = ("oauth2-redirect.js",)

    def said(self) -> dict[str, object]:
        """The settings, and those of `initOAuth`."""
        return {"settings": dict(self.settings), "oauth2": dict(self.oauth2)}
