"""What a content coding is (RFC 9110 section 8.4.1), and how one is found. Knows levels and speeds; imports no library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from velocipy import plugins
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.messages import did_you_mean

GROUP: Final = "velocipy.codings"


class Coder(Protocol):
    """Encodes one body piece by piece. Not for two threads at a time."""

    def compress(self, data: bytes, /) -> bytes:
        """Take more of the body -> what is ready of the result, which may be nothing."""
        ...

    def flush(self) -> bytes:
        """What is still needed to decode everything that was taken."""
        ...

    def finish(self) -> bytes:
        """The end of the result."""
        ...


@dataclass(frozen=True, slots=True)
class Coding:
    """A coding at a level. `compress` is for short bodies and for long ones, in any thread; `coder` begins a stream."""

    name: str
    compress: Callable[[bytes], bytes]
    coder: Callable[[], Coder]
    on_loop: int
    """Bytes of a body that may be compressed without leaving the event loop."""


class Levels(NamedTuple):
    """What a coding may be told: from `least` to `most`, `usual` if nothing is said."""

    least: int
    usual: int
    most: int


LEVELS: Final = {"zstd": Levels(1, 3, 12), "br": Levels(0, 4, 9), "gzip": Levels(1, 5, 9)}
"""In the order of our liking. 117 KB of JSON on one core, usual levels first: zstd 287 MB/s to a 6.6th of its size, brotli 147 to a
6.7th, gzip 55 to a 7.1th. What is beyond `most` makes less than 10 MB/s: for files compressed beforehand, not for answers."""

ON_LOOP: Final = 64 * 1024
"""Bytes that keep a loop for 0.1 (zstd) to 0.45 ms (gzip) at the usual level; going to a thread and back takes 0.06."""

ON_LOOP_SLOWLY: Final = 8 * 1024
"""The same for levels above the usual: 0.8 ms at 10 MB/s."""

_MODULES: Final = {"br": "brotli"}
"""Adapters whose name is not that of the coding."""


class Adapter(Protocol):
    """What a module of a coding supplies under its entry point: `make(level, on_loop)`."""

    def __call__(self, level: int, on_loop: int, /) -> Coding:
        """The coding at that level."""
        ...


def find_codings(names: Iterable[str] | None, levels: Mapping[str, int] | None = None) -> tuple[Coding, ...]:
    """The codings that are meant, in order; None: all whose library is installed, zstd before brotli before gzip.

    Raises ConfigurationError for names and levels that are none, MissingAdapterError for one that is named and not installed.
    """
    levels = dict(levels or {})
    chosen = _check_names(names)
    for name in levels:
        if name not in chosen:
            raise ConfigurationError(
                f"a level is given for {name!r}, which is not among the codings {', '.join(chosen)}: add it there, or leave the level out"
            )
    found: list[Coding] = []
    for name in chosen:
        try:
            found.append(_find(name, levels.get(name, LEVELS[name].usual)))
        except MissingAdapterError:
            if names is not None or name in levels:
                raise
    return tuple(found)


def _check_names(names: Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ConfigurationError(f"codings are a list: write [{names!r}]")
    chosen = tuple(LEVELS) if names is None else tuple(names)
    unknown = [name for name in chosen if name not in LEVELS]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise ConfigurationError(
            f"codings are some of {', '.join(LEVELS)}, each once, not {list(chosen)!r}{did_you_mean(str((unknown or [''])[0]), LEVELS)}"
        )
    return chosen


def _find(name: str, level: int) -> Coding:
    least, usual, most = LEVELS[name]
    if type(level) is not int or not least <= level <= most:
        raise ConfigurationError(
            f"the level of {name} is {least} to {most}, not {level!r}: higher ones make less than 10 MB a second; compress files "
            f"beforehand, and serve them with StaticFiles(precompressed=True)"
        )
    make: Adapter = plugins.load(GROUP, _MODULES.get(name, name))  # type: ignore[assignment]  # ty: ignore[invalid-assignment]
    return make(level, ON_LOOP if level <= usual else ON_LOOP_SLOWLY)
