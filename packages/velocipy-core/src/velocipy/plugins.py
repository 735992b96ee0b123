"""Entry points: finds an adapter by group and name, loads it, or says what to install. Does not know what adapters do.

First-party names resolve by a plain import: `importlib.metadata` costs 6-25 ms to import and about a millisecond a
group, and its answers go stale in editable installs. Every other name is looked up in the installed dists' metadata.
"""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from velocipy.exceptions import MissingAdapterError
from velocipy.places import caller_location

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints


class FirstParty(NamedTuple):
    """Where an adapter of ours lives, and what installs it."""

    module: str
    attribute: str
    requirement: str


FIRST_PARTY: dict[tuple[str, str], FirstParty] = {
    ("velocipy.protocols", "asgi"): FirstParty("velocipy.asgi.dialect", "dialect", "velocipy-asgi"),
    ("velocipy.protocols", "rsgi"): FirstParty("velocipy.rsgi.dialect", "dialect", "velocipy-rsgi"),
    ("velocipy.json", "stdlib"): FirstParty("velocipy.json.stdlib", "StdlibJSON", "velocipy-core"),
    ("velocipy.json", "msgspec"): FirstParty("velocipy.json.msgspec", "MsgspecJSON", "msgspec"),
    ("velocipy.json", "orjson"): FirstParty("velocipy.json.orjson", "OrjsonJSON", "orjson"),
    ("velocipy.codings", "brotli"): FirstParty("velocipy.codings.brotli", "make", "brotli"),
    ("velocipy.codings", "gzip"): FirstParty("velocipy.codings.gzip", "make", "velocipy-core"),
    ("velocipy.codings", "zstd"): FirstParty("velocipy.codings.zstd", "make", "backports.zstd"),
    ("velocipy.formats", "msgpack"): FirstParty("velocipy.json.msgpack", "MessagePack", "msgspec"),
    ("velocipy.storages", "memory"): FirstParty("velocipy.storage", "MemoryStorage", "velocipy-core"),
    ("velocipy.storages", "redis"): FirstParty("velocipy.redis.storage", "RedisStorage", "velocipy-redis"),
    ("velocipy.models", "dataclass"): FirstParty(
        "velocipy.models.dataclass", "DataclassBackend", "velocipy-core"
    ),
    ("velocipy.models", "msgspec"): FirstParty("velocipy.models.msgspec", "MsgspecBackend", "msgspec"),
    ("velocipy.models", "pydantic"): FirstParty("velocipy.models.pydantic", "PydanticBackend", "pydantic"),
    ("velocipy.plugins", "openapi"): FirstParty("velocipy.openapi.plugin", "plugin", "velocipy-openapi"),
    ("velocipy.templating", "jinja2"): FirstParty("velocipy.templating.jinja2", "JinjaEngine", "jinja2"),
}


def load(group: str, name: str) -> object:
    """`("velocipy.json", "orjson")` -> the object that the adapter's entry point names.

    Raises MissingAdapterError with the install command when nothing of that name is installed; an adapter that is there
    but fails to import raises its own error.
    """
    ours = FIRST_PARTY.get((group, name))
    return _load_third_party(group, name) if ours is None else _load_first_party(ours)


def names(group: str) -> list[str]:
    """Every name that `load(group, ...)` could find now: ours first, then those of installed dists, sorted."""
    ours = [known for of, known in FIRST_PARTY if of == group]
    return ours + sorted({entry.name for entry in _entry_points(group)} - set(ours))


def installed(group: str) -> list[tuple[str, Any]]:
    """Load every adapter that other dists have registered in `group`: `[(name, object), ...]`, sorted by name.

    Ours are left out unloaded: the libraries that they adapt may be missing.
    """
    others = {entry.name: entry for entry in _entry_points(group) if (group, entry.name) not in FIRST_PARTY}
    return [(name, others[name].load()) for name in sorted(others)]


def present(group: str) -> list[tuple[str, Any]]:
    """Load every adapter of `group` that is there: ours whose dist is installed, then those of others."""
    ours: list[tuple[str, Any]] = []
    for of, name in FIRST_PARTY:
        if of == group:
            try:
                ours.append((name, load(group, name)))
            except MissingAdapterError:
                continue
    return [*ours, *installed(group)]


def _load_first_party(where: FirstParty) -> object:
    try:
        module = importlib.import_module(where.module)
    except ModuleNotFoundError as exc:
        if _is_broken_from_inside(exc, where):
            raise
        raise MissingAdapterError(
            f"{where.requirement} is not installed: pip install {where.requirement}"
        ) from None
    return getattr(module, where.attribute)


def _is_broken_from_inside(exc: ModuleNotFoundError, where: FirstParty) -> bool:
    """Whether a module other than the adapter (or the library it adapts) is what could not be found."""
    missing = exc.name
    return (
        missing is None or missing != where.requirement and not f"{where.module}.".startswith(f"{missing}.")
    )


def _load_third_party(group: str, name: str) -> object:
    for entry in _entry_points(group):
        if entry.name == name:
            return entry.load()
    known = names(group)
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise MissingAdapterError(
        f"no adapter {name!r} ({caller_location()}) in the entry-point group {group!r}: {hint}installed are {', '.join(known) or 'none'}"
    )


@cache  # bounded by the number of groups, which are ours; each look-up reads the metadata of every dist
def _entry_points(group: str) -> EntryPoints:
    from importlib.metadata import entry_points

    return entry_points(group=group)
