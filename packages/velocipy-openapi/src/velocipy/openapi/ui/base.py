"""What a docs page is made of: files, settings, and what it may do besides. Knows no HTML, no requests and no routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from velocipy.exceptions import ConfigurationError


@dataclass(frozen=True, slots=True)
class UI:
    """A kind of page that shows the document, with settings of its own: `SwaggerUI({"docExpansion": "none"})`.

    A kind is a class that says what it is called, which files it has (a name of one's own -> the file, gzip if it ends in
    `.gz`), and which of these the page loads by itself, in that order. The last script sets `window.velocipyDocs` to
    `{name, library(data), start(library, spec, data)}`; what the page says to it is in `docs.js`. `policy` are sources that its
    Content-Security-Policy allows besides files of the service's own; `redirect` are the scripts of the page to which
    OAuth2 servers send the browser back. Raises ConfigurationError for settings that are no JSON.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    title: ClassVar[str]
    files: ClassVar[Mapping[str, Path]]
    scripts: ClassVar[tuple[str, ...]]
    styles: ClassVar[tuple[str, ...]] = ()
    redirect: ClassVar[tuple[str, ...]] = ()
    policy: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        try:
            json.dumps(self.said(), allow_nan=False)
        except (TypeError, ValueError) as exc:
            raise ConfigurationError(f"settings of {self.title} are written as JSON: {exc}") from None

    def said(self) -> dict[str, object]:
        """What the page is told, as JSON: name -> object."""
        return {"settings": dict(self.settings)}
