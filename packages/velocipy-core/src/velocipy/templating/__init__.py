"""Pages from templates: Jinja2 by default, other engines by a small protocol. Names load when they are asked for."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.templating.base import Engine
    from velocipy.templating.templates import TemplateResponse, Templates

__all__ = ["Engine", "TemplateResponse", "Templates"]

_HOMES = {"base": ("Engine",), "templates": ("TemplateResponse", "Templates")}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
