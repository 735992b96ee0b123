"""What hooks of middleware do to an answer: headers made of tokens, and the answer finished. Knows no protocol; lays nothing out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from velocipy.handlers.plan import Finish, HookHeaders
from velocipy.handlers.results import expect_response, merge_given
from velocipy.http.headers import check_default, check_header
from velocipy.http.response import Response
from velocipy.http.wording import Wording

logger: logging.Logger = logging.getLogger("velocipy")

Pairs = Sequence[tuple[str, str]]
Native = Callable[[Pairs], Sequence[Any]]

MAX_KNOWN = 128
"""Tuples of headers whose native form is kept for each hook; what a client can vary, such as an origin, starts the table anew."""


def the_token(token: Any) -> Any:
    """For `header` and `headers` of hooks whose token is the value, or the tuple of pairs, itself: compiled, it costs no call."""
    return token


def made_pairs(headers: HookHeaders, token: tuple[Any, ...]) -> list[tuple[str, str]]:
    """The checked headers that a hook makes of its token, if it has one. Raises whatever the hook does, and for bad headers."""
    made = headers.make(*token)
    if not headers.many:
        (name,) = headers.names
        return [] if made is None else [check_default(name, made)]
    return _listed(headers, made)


def _listed(headers: HookHeaders, made: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs = [check_default(name, value) for name, value in made]
    for name, _ in pairs:
        if name not in headers.listed:
            raise ValueError(f"header {name!r} is not among its header_names")
    return [pair for pair in pairs if pair[0] in headers.names]


def header_maker(headers: HookHeaders, native: Native) -> Callable[..., Sequence[Any]]:
    """A function from a hook's token to its headers in a dialect's native form; those that fail are logged and left out."""
    return _many_maker(headers, native) if headers.many else _one_maker(headers, native)


def _one_maker(headers: HookHeaders, native: Native) -> Callable[..., Sequence[Any]]:
    (name,) = headers.names
    make = headers.make
    check = check_default if name == "vary" else check_header  # one frame less for all but one

    def make_header(*token: Any) -> Sequence[Any]:
        try:
            value = make(*token)
            return () if value is None else native((check(name, value),))
        except Exception:
            log_failure(headers)
            return ()

    return make_header


def native_name(headers: HookHeaders, native: Native) -> tuple[Any, bool]:
    """(the native form of a hook's only name, whether values are bytes there)."""
    (name,) = headers.names
    ((key, sample),) = native(((name, "x"),))
    return key, isinstance(sample, bytes)


def _many_maker(headers: HookHeaders, native: Native) -> Callable[..., Sequence[Any]]:
    make = headers.make
    known = NativePairs(headers, native)

    def make_headers(*token: Any) -> Sequence[Any]:
        try:
            made = make(*token)
            return known[made] if made.__class__ is tuple else native(_listed(headers, made))
        except Exception:
            log_failure(headers)
            return ()

    return make_headers


class NativePairs(dict[Any, Sequence[Any]]):
    """A tuple of headers that a hook made -> its native form; for one that may not be sent none, and a record in the log."""

    def __init__(self, headers: HookHeaders, native: Native) -> None:
        super().__init__({(): ()})
        self._headers = headers
        self._native = native

    def __missing__(self, made: Any) -> Sequence[Any]:
        try:
            pairs = self._native(_listed(self._headers, made))
        except Exception:
            log_failure(self._headers)
            return ()
        if len(self) >= MAX_KNOWN:
            self.clear()
        self[made] = pairs
        return pairs


def hook_headers(
    constants: Iterable[tuple[str, str]],
    entered: int,
    hooks: Sequence[tuple[int, HookHeaders, bool]],
    tokens: Sequence[Any],
) -> list[tuple[str, str]]:
    """Constants and the headers of the hooks that were entered; what fails is logged and left out.

    A hook is (its number, counted from 1; its headers; whether they are made of its token).
    """
    pairs = list(constants)
    for (number, headers, takes_token), token in zip(hooks, tokens, strict=True):
        if number <= entered:
            try:
                pairs += made_pairs(headers, (token,) if takes_token else ())
            except Exception:
                log_failure(headers)
    return pairs


def pairs_maker(headers: HookHeaders) -> Callable[..., Pairs]:
    """A function from a hook's token to its headers; those that fail are logged and left out."""

    def make_pairs(*token: Any) -> Pairs:
        try:
            return made_pairs(headers, token)
        except Exception:
            log_failure(headers)
            return ()

    return make_pairs


def log_failure(headers: HookHeaders) -> None:
    """Tell of the exception at hand."""
    logger.exception("the hook for header %s failed", ", ".join(map(repr, sorted(headers.names))))


def finisher(finish: Finish, label: str, wording: Wording) -> Callable[..., Awaitable[Response]]:
    """`await f(token, response)` -> what the hook made of it, as its `finish` is called; a hook that fails is logged and leaves a 500."""
    function = finish.function

    response_at = -2 if finish.reads else -1

    async def finished(*args: Any) -> Response:
        try:
            response = await function(*args) if finish.awaits else function(*args)
            return expect_response(response, label)
        except Exception:
            logger.exception("the middleware %s could not finish the answer", label)
            await _discard(args[response_at])
            return wording.response(500)
        except BaseException:
            await _discard(args[response_at])
            raise

    return finished


Finished = tuple[Callable[..., Awaitable[Response]], tuple[Any, ...], tuple[Any, ...]]
"""What finishes an answer, and what it takes before and after that: its token, and the request's headers, each if it does."""


def passed(entered: int, hooks: Iterable[tuple[int, Finished]]) -> list[Finished]:
    """Of hooks, each (its number, what finishes), those that were entered."""
    return [finished for number, finished in hooks if number <= entered]


async def add_missed(
    missed: Iterable[tuple[Response | None, Pairs] | tuple[Response | None, Pairs, list[Finished]]],
    response: Response,
) -> Response:
    """The answer to an exception that went through wrapping middleware, with what those that it passed do to it, inner first.

    That is what dependencies have set on the Response they asked for; headers; and what finishes answers.
    """
    for given, defaults, *finishes in missed:
        response = response.fresh() if given is None else merge_given(given, response)
        for finish, token, more in finishes[0] if finishes else ():
            response = (await finish(*token, response, *more)).fresh()
        response.add_defaults(defaults)
    return response


async def _discard(response: Response) -> None:
    try:
        await response.discard()
    except Exception:
        logger.exception("the body of an answer that is not sent could not be closed")
