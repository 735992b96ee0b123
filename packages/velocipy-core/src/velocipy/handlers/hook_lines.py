"""Source of what hooks of one segment do to its answer. Knows their records; knows neither the core nor how answers are sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from velocipy.handlers.hooks import (
    NativePairs,
    finisher,
    header_maker,
    native_name,
    pairs_maker,
    the_token,
)
from velocipy.handlers.plan import Call, Constant, Finish, Give, Hook, HookHeaders, Segment, Step
from velocipy.handlers.source import Source
from velocipy.http.wording import Wording
from velocipy.protocols import Dialect


class HookLines:
    """The expressions and lines of one segment's hooks; `entered` is the local that counts those that were passed."""

    def __init__(
        self, source: Source, segment: Segment, dialect: Dialect, wording: Wording, late: frozenset[str]
    ) -> None:
        self.late: frozenset[str] = late
        """The tokens that are made only once an exception shows them to its handler; until then they are None."""
        self._source = source
        self._segment = segment
        self._dialect = dialect
        self._wording = wording

    def _makers(self) -> list[tuple[int, Hook, HookHeaders]]:
        return [(n, hook, hook.headers) for n, hook in enumerate(self._segment.hooks, 1) if hook.headers]

    @property
    def has_headers(self) -> bool:
        """Whether one of them makes headers."""
        return any(hook.headers for hook in self._segment.hooks)

    @property
    def counts(self) -> bool:
        """Whether it matters how many of the hooks were entered."""
        return any(hook.headers or hook.finish for hook in self._segment.hooks)

    def steps_now(self, hook: Hook) -> tuple[Step, ...]:
        """What is done of a hook on the way in: its steps, or of one that nobody sees those whose values others use too."""
        if hook.token not in self.late:
            return hook.steps
        *given, call = hook.steps
        others = [step for step in self._segment.steps if isinstance(step, Call) and step is not call]
        used = {local for other in others for local in other.locals}
        return tuple(step for step in given if isinstance(step, (Give, Constant)) and step.target in used)

    def natives(self, more: Sequence[tuple[str, str]] = ()) -> Callable[[str], Any]:
        """A function from a media type to the native headers of an answer, with the segment's constants, and with more."""
        constants = [(name, value) for name, value in self._segment.constants if name != "content-type"]
        native = self._dialect.native
        return lambda media_type: native([("content-type", media_type), *constants, *more])

    def native_headers(self, *, of_result: bool) -> str:
        """The hooks' headers where every hook was entered: checked native pairs, none where making them fails.

        `of_result`: a result has a Content-Type of its own, which wins over one of middleware's as in every other answer.
        """
        makers: list[str] = []
        for _, hook, headers in self._makers():
            if "content-type" in headers.names and of_result:
                continue
            makers.append(self._native(headers, hook.token or ""))
        return ", ".join(makers)

    def _native(self, headers: HookHeaders, token: str) -> str:
        """The native headers of one hook, for a list."""
        native, name = self._dialect.native, f"header_{min(headers.names)}"
        if headers.make is the_token and headers.many:
            return f"*{self._source.bind(name, NativePairs(headers, native))}[{token}]"
        if headers.is_safe:
            key, is_bytes = native_name(headers, native)
            value = token
            if headers.make is not the_token:
                value = f"{self._source.bind(f'make_{min(headers.names)}', headers.make)}({token})"
            return f"({self._source.bind(name, key)}, {value}{'.encode()' if is_bytes else ''})"
        return f"*{self._source.bind(name, header_maker(headers, native))}({token})"

    def defaults(self) -> str:
        """The headers that middleware of this segment adds to a Response, as an expression."""
        constants = self._segment.constants
        bound = self._source.bind("CONSTANTS", constants) if constants else "()"
        if not self._makers():
            return bound
        table = tuple((number, headers, bool(hook.token)) for number, hook, headers in self._makers())
        tokens = ", ".join(hook.token or "None" for _, hook, _ in self._makers())
        return f"hook_headers({bound}, entered, {self._source.bind('HOOKS', table)}, ({tokens},))"

    def begin_socket(self) -> None:
        """Have the answer to a handshake take up the constants, and what hooks make once they are passed."""
        if self._segment.constants or self.has_headers:
            constants = self._segment.constants
            bound = self._source.bind("CONSTANTS", constants) if constants else ""
            self._source.line(f"websocket.defaults = defaults = SocketHeaders({bound})")

    def passed_socket(self, hook: Hook) -> None:
        """A hook of a WebSocket's was passed."""
        if hook.headers:
            maker = self._source.bind(f"header_{min(hook.headers.names)}", pairs_maker(hook.headers))
            self._source.line(f"defaults.add({maker}{f', {hook.token}' if hook.token else ''})")

    def asks(self, size: str) -> str:
        """Whether a hook wants to finish a ready body of that size, as an expression; nothing where none can."""
        return " or ".join(
            self._asks(hook, hook.finish, size)
            for hook in self._segment.hooks
            if hook.finish and hook.finish.asks and hook.token not in self.late
        )

    @property
    def always_finishes(self) -> bool:
        """Whether one of them wants to finish whatever is answered."""
        return any(
            hook.finish and hook.finish.asks is None and hook.token not in self.late
            for hook in self._segment.hooks
        )

    def _asks(self, hook: Hook, finish: Finish, size: str) -> str:
        arguments = [*self._token(hook), size, *self._headers(finish.asks_reads)]
        asked = f"{self._source.bind(f'asks_{hook.label}', finish.asks)}({', '.join(arguments)})"
        return f"{size} >= {finish.least} and {asked}" if finish.least else asked

    def _token(self, hook: Hook) -> list[str]:
        """The local of its token, if it has one."""
        return [hook.token] if hook.token else []

    def _headers(self, reads: bool) -> list[str]:
        """The request's headers, for what reads them late: then they are made anew, which few answers have to pay."""
        return [self._dialect.headers] if reads else []

    @cached_property
    def _finishers(self) -> list[tuple[int, str, Hook, Finish]]:
        """(its number; the local of what finishes; the hook and its record) of each hook that does so, the inner first."""
        return [
            (
                number,
                self._source.bind(f"finish_{hook.label}", finisher(hook.finish, hook.label, self._wording)),
                hook,
                hook.finish,
            )
            for number, hook in reversed(list(enumerate(self._segment.hooks, 1)))
            if hook.finish is not None
        ]

    def finish(self, *, if_made: bool) -> None:
        """The hooks that were entered finish the answer, the inner first; `if_made`: where there is no Response there is nothing to."""
        ready = " and response is not None" if if_made else ""
        for number, function, hook, finish in self._finishers:
            arguments = ", ".join([*self._token(hook), "response", *self._headers(finish.reads)])
            there = f" and {hook.token} is not None" if hook.token in self.late else ""
            with self._source.block(f"if entered >= {number}{there}{ready}:"):
                self._source.line(f"response = await {function}({arguments})")

    def unfinished(self) -> str:
        """What finishes an answer that is made further out, as an expression; nothing where nothing does."""
        hooks = "".join(
            f"({number}, ({function}, {_tuple(self._token(hook))}, {_tuple(self._headers(finish.reads))})), "
            for number, function, hook, finish in self._finishers
        )
        return f"passed(entered, ({hooks.rstrip()}))" if hooks else ""


def _tuple(expressions: list[str]) -> str:
    return f"({', '.join(expressions)},)" if expressions else "()"
