"""Templates rendered by Jinja2, synchronously. The one module that imports it; knows nothing of requests and responses."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import jinja2
from jinja2 import nodes

from velocipy.constraints import counted
from velocipy.exceptions import ConfigurationError
from velocipy.messages import did_you_mean
from velocipy.places import caller_location
from velocipy.templating.base import Context, Engine

OF_REQUESTS = frozenset({"request", "url_for", "flashes"})
"""Names that a template has whenever it is rendered for a request."""


MAX_NAME = 100
"""Characters of a name that an error repeats."""


class JinjaEngine(Engine):
    """The templates of some directories, or of an environment of your own: `JinjaEngine(env=Environment(...))`.

    What a template raises is noted with its file and line. Raises ConfigurationError for an environment that does not escape
    everything, or that renders asynchronously, which takes half as long again.
    """

    def __init__(
        self,
        directories: Sequence[str] = (),
        *,
        strict: bool = True,
        auto_reload: bool = True,
        env: jinja2.Environment | None = None,
    ) -> None:
        if env is None:
            env = jinja2.Environment(
                loader=_InsideLoader(directories),
                autoescape=True,
                undefined=jinja2.StrictUndefined if strict else jinja2.Undefined,
                auto_reload=auto_reload,
            )
        self.env = env
        if env.autoescape is not True:
            raise ConfigurationError(
                f"an environment for templates ({caller_location()}) escapes every template, whatever its name: give "
                "autoescape=True; where a value is HTML already, the template says so with |safe"
            )
        if env.is_async:
            raise ConfigurationError(
                f"an environment for templates ({caller_location()}) renders synchronously: leave enable_async out"
            )
        self._parents: WeakKeyDictionary[jinja2.Template, str | None] = WeakKeyDictionary()

    def check(self) -> None:
        """Compile every template that the loader lists. Files that are no text are no templates."""
        faults: list[str] = []
        for name in self.env.list_templates():
            try:
                self.env.get_template(name)
            except jinja2.TemplateSyntaxError as exc:
                faults.append(f"\n  {_place(exc)}: {exc.message}")
            except (UnicodeDecodeError, jinja2.TemplateNotFound):  # an image, or a link that leads out
                continue
        if faults:
            raise ConfigurationError(f"{counted(len(faults), 'template')} cannot be read:{''.join(faults)}")

    def render(self, name: str, context: Context) -> str:
        """The whole template."""
        with _noted():
            return self._find(name).render(context)

    def render_block(self, name: str, block: str, context: Context) -> str:
        """One block, of the template or of one that it extends by a constant name; what stands outside of blocks is not run."""
        with _noted():
            template = self._find(name)
            names = template.new_context(context)
            for parent in self._ancestors(template):
                for other, function in parent.blocks.items():
                    names.blocks.setdefault(other, []).append(function)
            if block not in names.blocks:
                known = sorted(names.blocks)
                raise LookupError(
                    f"the template {name!r} has no block {block!r}{did_you_mean(block, known)}; "
                    f"it has {', '.join(known) or 'none'}"
                )
            try:
                return "".join(names.blocks[block][0](names))
            except Exception:
                self.env.handle_exception()  # raises it with the template's lines in its traceback

    def stream(self, name: str, context: Context) -> Iterator[str]:
        """Piece by piece; the template is found and compiled here."""
        with _noted():
            template = self._find(name)
        return _pieces(template, context)

    def _find(self, name: str) -> jinja2.Template:
        try:
            return self.env.get_template(name)
        except jinja2.TemplateNotFound as exc:
            exc.message = self._about_missing(name)  # in Jinja2's own a client's name may stand as it came
            raise

    def _about_missing(self, name: str) -> str:
        """Where it was looked for, and what is spelled alike there."""
        if not isinstance(self.env.loader, _InsideLoader):
            return f"the environment's loader has no template {name[:MAX_NAME]!r}"
        folder, _, base = name.rpartition("/")
        near: list[str] = []
        for directory in self.env.loader.searchpath:
            if ".." not in folder.split("/") and not folder.startswith("/") and "\0" not in folder:
                near += _names_in(os.path.join(directory, folder))
        places = ", ".join(map(os.fspath, self.env.loader.searchpath))
        return f"no template {name[:MAX_NAME]!r} in {places}{did_you_mean(base, near)}"

    def _ancestors(self, template: jinja2.Template) -> Iterator[jinja2.Template]:
        """What a template extends, and what that extends."""
        seen: set[str | None] = set()
        while (name := self._parent(template)) is not None and name not in seen:
            seen.add(name)
            template = self._find(name)
            yield template

    def _parent(self, template: jinja2.Template) -> str | None:
        if template not in self._parents:
            self._parents[template] = self._read_parent(template)
        return self._parents[template]

    def _read_parent(self, template: jinja2.Template) -> str | None:
        assert self.env.loader is not None and template.name is not None  # it was found by its name
        source, filename, _ = self.env.loader.get_source(self.env, template.name)
        extends = self.env.parse(source, template.name, filename).find(nodes.Extends)
        constant = extends is not None and isinstance(extends.template, nodes.Const)
        return str(extends.template.value) if constant else None  # type: ignore[union-attr]


class _InsideLoader(jinja2.FileSystemLoader):
    """Files below the directories; a symbolic link that leads out of all of them is no template."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Any]:
        """Text, path, and whether it is still the same; raises TemplateNotFound."""
        source, filename, is_current = super().get_source(environment, template)
        real = os.path.realpath(filename)
        for directory in self.searchpath:
            if real.startswith(os.path.realpath(directory).rstrip(os.sep) + os.sep):
                return source, filename, is_current
        raise jinja2.TemplateNotFound(template)


def _names_in(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (OSError, ValueError):
        return []


def _pieces(template: jinja2.Template, context: Context) -> Iterator[str]:
    with _noted():
        yield from template.generate(context)


@contextmanager
def _noted() -> Generator[None, None, None]:
    """Note on whatever a template raises where in the template it was, and what is probably missing."""
    try:
        yield
    except Exception as exc:
        place = _place(exc)
        if place is not None:
            exc.add_note(f"in the template {place}")
        hint = _hint(exc)
        if hint is not None:
            exc.add_note(hint)
        raise


def _place(exc: Exception) -> str | None:
    """file:line of the innermost template that the exception came through."""
    if isinstance(exc, jinja2.TemplateSyntaxError):
        return f"{exc.filename or exc.name}:{exc.lineno}"
    found = None
    step: TracebackType | None = exc.__traceback__
    while step is not None:
        if (
            "__jinja_exception__" in step.tb_frame.f_globals
        ):  # a frame that Jinja2 has put there for a template's line
            found = f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}"
        step = step.tb_next
    return found


def _hint(exc: Exception) -> str | None:
    if not isinstance(exc, jinja2.UndefinedError):
        return None
    missing = (exc.message or "").partition("'")[2].partition("'")[0]
    if missing in OF_REQUESTS:
        return f"{missing} is there for pages of a request: TemplateResponse(name, context, request=request)"
    if missing == "csp_nonce":
        return "csp_nonce is there with SecurityHeadersMiddleware and a policy that has a nonce"
    if missing == "csrf_token":
        return "csrf_token is there where request.state or the context has it"
    return None
