"""Templates -> responses: what a template finds of its request, and where it is rendered. Imports no engine's library.

templates = Templates("templates")
templates.TemplateResponse("item.html", {"item": item}, request=request)    -> an HTMLResponse
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict, Unpack, cast

from velocipy import plugins
from velocipy.exceptions import ConfigurationError
from velocipy.http.request import Request
from velocipy.http.response import HTML_TYPE, HTMLResponse
from velocipy.http.streaming import StreamingResponse
from velocipy.places import caller_location
from velocipy.templating.base import Context, Engine
from velocipy.threads import in_thread

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource

ContextProcessor = Callable[[Request], Mapping[str, Any]]
"""What every page of a request finds, such as `lambda request: {"user": request.state.user}`."""

Directories = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

OF_STATE: Final = ("csp_nonce", "csrf_token")
"""Names of `request.state` that templates find, where a middleware has set them."""

CHUNK: Final = 16 * 1024
"""Characters of a stream that are sent at once: each chunk is a step in a thread, which costs about as much as rendering these."""

PAUSE: Final = 0.2
"""Seconds after which a smaller chunk is sent, so that a template that waits for its rows does not hold back those it has."""


class Keywords(TypedDict, total=False):
    """What a response may have besides the template's name and context."""

    request: Request | None
    status_code: int
    headers: HeaderSource
    media_type: str
    block: str | None


class TemplateResponse(HTMLResponse):
    """A page that was made of a template; `template`, `context` and `block` are there for tests. Made by `Templates`."""

    __slots__ = ("block", "context", "template")

    def __init__(
        self,
        content: str,
        template: str,
        context: Context,
        block: str | None = None,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str = HTML_TYPE,
    ) -> None:
        self.template: str = template
        self.context: Context = context
        self.block: str | None = block
        super().__init__(content, status_code, headers, media_type)


_Page = TemplateResponse  # inside of Templates its name is that of a method


class Templates:
    """The templates of a directory: `Templates(Path(__file__).parent / "templates")`, rendered by Jinja2, always escaped for HTML.

    Of several directories the first that has a template counts; nothing outside of them is read. An undefined variable is an
    error, unless `strict` is false. `auto_reload` looks at each template's file before it is used, and takes it up when it has
    changed. Each of `context_processors` is called with the request of a page, in the order given, and returns names for it.
    `engine` renders in Jinja2's place, and needs no directory.

    Raises ConfigurationError where there is no such directory, MissingAdapterError without Jinja2.
    """

    def __init__(
        self,
        directory: Directories | None = None,
        *,
        engine: Engine | None = None,
        context_processors: Iterable[ContextProcessor] = (),
        strict: bool = True,
        auto_reload: bool = True,
    ) -> None:
        if (directory is None) == (engine is None):
            raise ConfigurationError(
                f"Templates ({caller_location()}) takes a directory, or an engine that knows where its templates are"
            )
        if engine is not None and not (strict and auto_reload):
            raise ConfigurationError(
                f"Templates ({caller_location()}): strict and auto_reload are Jinja2's own: give them to the engine"
            )
        self._processors = tuple(map(_checked, context_processors))
        self.engine: Engine = engine or _jinja(_existing(cast("Directories", directory)), strict, auto_reload)

    @property
    def env(self) -> Any:
        """The engine's own environment: Jinja2's, for filters, globals and tests of your own."""
        return self.engine.env  # type: ignore[attr-defined]  # an engine without one says so itself  # ty: ignore[missing-attribute]

    def check(self) -> None:
        """Compile every template, at start-up or in a test: faults of syntax are one ConfigurationError with a line each."""
        self.engine.check()

    def render(
        self,
        name: str,
        context: Mapping[str, Any] | None = None,
        *,
        request: Request | None = None,
        block: str | None = None,
    ) -> str:
        """The text of a template, or of one block of it, such as a mail's; without a request nothing of one is there."""
        return self._text(name, self._names(context, request), block)

    def TemplateResponse(
        self,
        name: str,
        context: Mapping[str, Any] | None = None,
        *,
        request: Request | None = None,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str = HTML_TYPE,
        block: str | None = None,
    ) -> _Page:
        """A page, rendered here and now; with `block` that block alone, as htmx asks for it.

        The request may also be in the context as `request`. With one, the template finds `request`, `url_for`, `flashes`, what
        the context processors return, and `csp_nonce` and `csrf_token` where a middleware made them; the context's own names win.
        """
        names = self._names(context, request)
        text = self._text(name, names, block)
        return _Page(text, name, names, block, status_code, headers, media_type)

    async def respond_in_thread(
        self, name: str, context: Mapping[str, Any] | None = None, **keywords: Unpack[Keywords]
    ) -> _Page:
        """The same, rendered in a thread, for pages that take long: the event loop goes on. A `def` endpoint is in one already."""
        return await in_thread(self.TemplateResponse, name, context, **keywords)

    def stream(
        self,
        name: str,
        context: Mapping[str, Any] | None = None,
        *,
        request: Request | None = None,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str = HTML_TYPE,
        bulk: bool = True,
    ) -> StreamingResponse:
        """A page that is sent while it is rendered, in a thread and in chunks of CHUNK characters; the context may hold iterators.

        The name and syntax are checked here; an error in the middle breaks the answer off, as the status is sent by then.
        `bulk` is that of StreamingResponse: with it a slow client holds the rendering back, also under RSGI.
        """
        pieces = self.engine.stream(_named(name), self._names(context, request))
        return StreamingResponse(_chunked(pieces), status_code, headers, media_type, bulk=bulk)

    def _text(self, name: str, names: Context, block: str | None) -> str:
        if block is not None:
            return self.engine.render_block(_named(name), block, names)
        return self.engine.render(_named(name), names)

    def _names(self, context: Mapping[str, Any] | None, request: Request | None) -> Context:
        own = context or {}
        request = request or own.get("request")
        if request is None:
            return dict(own)
        names: Context = {"request": request, "url_for": request.url_for, "flashes": _Flashes(request)}
        for name in OF_STATE:
            if name in request.state:
                names[name] = request.state[name]
        for processor in self._processors:
            names.update(processor(request))
        names.update(own)
        return names


class _Session(Protocol):
    def flashes(self, *categories: str) -> list[Any]: ...


class _Flashes:
    """`flashes()` in a template: the messages that the session keeps for the next page, each shown once."""

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    def __call__(self, *categories: str) -> list[Any]:
        """Those of the categories, or all; none where no middleware keeps a session."""
        try:
            session: _Session | None = getattr(self._request, "session", None)
        except RuntimeError:  # a request that says that it has no session
            return []
        take: Callable[..., list[Any]] | None = getattr(session, "flashes", None)
        return list(take(*categories)) if callable(take) else []


def _named(name: object) -> str:
    if isinstance(name, str):
        return name
    raise TypeError(
        f"a template's name comes first, and the request as request=: TemplateResponse('page.html', context, "
        f"request=request); got {type(name).__name__}"
    )


def _checked(processor: ContextProcessor) -> ContextProcessor:
    if not callable(processor) or iscoroutinefunction(processor):
        raise ConfigurationError(
            f"a context processor ({caller_location()}) is a plain function of the request that returns a mapping, "
            f"not {processor!r}; what must be awaited belongs in a dependency"
        )
    return processor


def _existing(directory: Directories) -> tuple[str, ...]:
    one = isinstance(directory, (str, os.PathLike))
    given = (directory,) if one else tuple(cast("Sequence[str]", directory))
    found = tuple(os.path.abspath(os.fspath(path)) for path in cast("Sequence[str]", given))
    for path in found:
        if not os.path.isdir(path):
            what = "is not a directory" if os.path.exists(path) else "does not exist"
            raise ConfigurationError(
                f"Templates ({caller_location()}): the directory {path!r} {what}: create it, or give its path from the file "
                "that names it, as Path(__file__).parent / 'templates'"
            )
    if not found:
        raise ConfigurationError(f"Templates ({caller_location()}) was given no directory: name at least one")
    return found


def _jinja(directories: tuple[str, ...], strict: bool, auto_reload: bool) -> Engine:
    make = cast("Callable[..., Engine]", plugins.load("velocipy.templating", "jinja2"))
    return make(directories, strict=strict, auto_reload=auto_reload)


def _chunked(pieces: Iterator[str]) -> Iterator[str]:
    """Pieces of a few characters joined to chunks of CHUNK, or fewer after PAUSE seconds."""
    waiting: list[str] = []
    size, due = 0, time.monotonic() + PAUSE
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK or time.monotonic() >= due:
            yield "".join(waiting)
            waiting.clear()
            size, due = 0, time.monotonic() + PAUSE
    if waiting:
        yield "".join(waiting)
