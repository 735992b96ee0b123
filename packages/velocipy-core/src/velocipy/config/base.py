"""Config: classes whose fields are settings, and the register of those that an app uses. Knows sources and settings alone.

    class App(Config, prefix="APP_", env_file=".env"):
        port: int = 8000                                   # APP_PORT
        db: Database                                       # APP_DB_URL, ... : another Config

Precedence: keyword, environment, `.env`, secret file, default.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self, TypeGuard, TypeVar, cast, get_origin, overload

from velocipy.annotations import split_annotated, strip_optional, type_name
from velocipy.config.hints import hints_of
from velocipy.config.problems import ConfigError, Problem, problem_of
from velocipy.config.settings import Setting, reason_of, setting_of
from velocipy.config.sources import Sources
from velocipy.exceptions import ConfigurationError, ErrorItem
from velocipy.handlers.markers import MISSING
from velocipy.messages import did_you_mean

C = TypeVar("C", bound="Config")
D = TypeVar("D")
Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a class looks for its settings."""

    prefix: str = ""
    env_files: tuple[Path, ...] = ()
    secrets_dirs: tuple[Path, ...] = ()

    def sources(self, known: Container[str]) -> Sources:
        """These places as they are now."""
        return Sources(self.env_files, self.secrets_dirs, known=known)


class Config:
    """Settings of an app: `class App(Config, prefix="APP_")` with annotated fields, then `App()` or `Config.get(App)`.

    Each field is read from a keyword, else from the variable `prefix` + its name in capitals, which is looked for in the environment,
    in `env_file` and in the files of `secrets_dir`; else it has its default. A later file or directory of several comes before an
    earlier one, and one that does not exist is passed over. A field that is a Config takes its variables from below its own name.

    An instance cannot be changed; called with keywords, it gives a changed copy. Raises ConfigError, with everything that is wrong.
    """

    __origin: ClassVar[Origin] = Origin()
    __settings: ClassVar[dict[str, Setting]] = {}

    def __init_subclass__(
        cls,
        *,
        prefix: str | None = None,
        env_file: Files | None = None,
        secrets_dir: Files | None = None,
        **keywords: Any,
    ) -> None:
        super().__init_subclass__(**keywords)
        before = cls.__origin
        cls.__origin = Origin(
            before.prefix if prefix is None else prefix,
            before.env_files if env_file is None else _paths(env_file),
            before.secrets_dirs if secrets_dir is None else _paths(secrets_dir),
        )
        cls.__settings = {
            name: setting_of(name, hint, getattr(cls, name, MISSING), cls.__qualname__)
            for name, hint in hints_of(cls, Config).items()
        }
        _refuse_lost(cls, cls.__settings)
        _refuse_clashes(cls, cls.__origin.prefix)

    def __init__(self, **keywords: Any) -> None:
        cls = type(self)
        sources = cls.__origin.sources({variable for variable, _ in cls._variables(cls.__origin.prefix)})
        problems = list(sources.problems)
        values = cls.__read(keywords, cls.__origin.prefix, sources, problems, {})
        if problems:
            raise ConfigError(_title(cls), problems)
        self.__dict__.update(values)

    @classmethod
    def __read(
        cls,
        keywords: Mapping[str, Any],
        prefix: str,
        sources: Sources,
        problems: list[Problem],
        defaults: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The value of every setting; what is wrong goes to `problems`."""
        for name in keywords:
            if name not in cls.__settings:
                near = did_you_mean(name, cls.__settings)
                problems.append(Problem(name, "keyword", f"{cls.__qualname__} has no such setting{near}"))
        return {
            name: _value(setting, keywords, prefix, sources, problems, defaults)
            for name, setting in cls.__settings.items()
        }

    @classmethod
    def _nested(
        cls,
        keywords: Mapping[str, Any],
        prefix: str,
        sources: Sources,
        problems: list[Problem],
        defaults: Mapping[str, Any],
    ) -> Self:
        """An instance whose variables are below a prefix of another Config's."""
        made = object.__new__(cls)
        made.__dict__.update(cls.__read(keywords, prefix, sources, problems, defaults))
        return made

    @classmethod
    def _variables(cls, prefix: str) -> Iterator[tuple[str, str]]:
        """(variable, field) of every setting, with those of nested classes."""
        for name, setting in cls.__settings.items():
            nested = nested_in(setting.annotation)
            if nested is not None:
                yield from nested._variables(f"{prefix}{name.upper()}_")
            else:
                yield from (
                    (variable, f"{cls.__qualname__}.{name}") for variable in setting.variables(prefix)
                )

    # -- the register ----------------------------------------------------------------------------------------------

    @overload
    @classmethod
    def register(cls, key: type[C], /) -> type[C]: ...
    @overload
    @classmethod
    def register(cls, key: str, /) -> Callable[[type[C]], type[C]]: ...
    @classmethod
    def register(cls, key: Any, /) -> Any:
        """`@Config.register` or `@Config.register("key")`: make a class known to `Config.get`.

        Raises ConfigurationError for a key that another class has.
        """
        if isinstance(key, type):
            return _register(key, None)
        if not isinstance(key, str) or not key:
            raise ConfigurationError(
                f"a Config is registered under a name, not {key!r}: write @Config.register('app')"
            )

        def register(registered: Any) -> type[Config]:
            return _register(registered, key)

        return register

    @overload
    @classmethod
    def get(cls, key: type[C], /) -> C: ...
    @overload
    @classmethod
    def get(cls, key: type[C] | str, /, default: type[D]) -> C | D: ...
    @overload
    @classmethod
    def get(cls, key: str, /) -> Any: ...
    @overload
    @classmethod
    def get(cls, key: type[C] | str, /, default: D) -> C | D: ...
    @classmethod
    def get(cls, key: Any, /, default: Any = MISSING) -> Any:
        """The one instance of a registered class, made when it is first asked for; safe from several threads.

        For a key that is not registered: the default, of a Config class its one instance, or KeyError.
        """
        with _lock:
            found = _registered.get(key)
            if found is None:
                if default is MISSING:
                    raise KeyError(_about_missing(key))
                if not _is_config(default):
                    return default
                found = default
            return _instance(found)

    @classmethod
    def load_all(cls) -> None:
        """Make the instance of every registered class now, at start-up. Raises one ConfigError with the problems of all."""
        problems: list[Problem] = []
        failed: list[str] = []
        with _lock:
            for registered in dict.fromkeys(_registered.values()):
                try:
                    _instance(registered)
                except ConfigError as exc:
                    problems += exc.problems
                    failed.append(registered.__qualname__)
        if problems:
            raise ConfigError(", ".join(failed), problems)

    @classmethod
    @contextmanager
    def override(cls, *configs: Config) -> Generator[None, None, None]:
        """Have `Config.get` give these instances for their classes, for the time of a `with`, in tests."""
        with _lock:
            before = dict(_instances)
            _instances.update({type(config): config for config in configs})
        try:
            yield
        finally:
            with _lock:
                for config in configs:
                    _instances.pop(type(config), None)
                    if type(config) in before:
                        _instances[type(config)] = before[type(config)]

    # -- instances -------------------------------------------------------------------------------------------------

    def __call__(self, **changes: Any) -> Self:
        """A copy with other values for some fields; nothing is read anew."""
        problems: list[Problem] = []
        cls = type(self)
        values = cls.__read({**self.__dict__, **changes}, "", Sources(environment={}), problems, {})
        if problems:
            raise ConfigError(_title(cls), problems)
        made = object.__new__(cls)
        made.__dict__.update(values)
        return made

    __replace__ = __call__

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(
            f"Config is immutable: {name!r} cannot be set; config({name}=...) is a changed copy"
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Config is immutable: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # values may be lists

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__qualname__}({fields})"


_lock = threading.RLock()
_registered: dict[type[Config] | str, type[Config]] = {}
_instances: dict[type[Config], Config] = {}


def nested_in(annotation: Any) -> type[Config] | None:
    """The Config that a field is, or may be, if it is one."""
    bare, _ = strip_optional(split_annotated(annotation)[0])
    return bare if isinstance(bare, type) and get_origin(bare) is None and issubclass(bare, Config) else None


def _value(
    setting: Setting,
    keywords: Mapping[str, Any],
    prefix: str,
    sources: Sources,
    problems: list[Problem],
    defaults: Mapping[str, Any],
) -> Any:
    name = setting.name
    nested = nested_in(setting.annotation)
    if nested is not None and _is_read(nested, setting, keywords, prefix, sources):
        return _nested_value(nested, setting, keywords, prefix, sources, problems, defaults)
    if name in keywords:
        return _held(setting.check, keywords[name], name, "keyword", problems)
    variables = setting.variables(prefix)
    if setting.read is not None:
        try:
            found = sources.find(variables)
        except ConfigurationError as exc:
            problems.append(problem_of(exc.message, variables[0]))
            return None
        if found is not None:
            return _held(setting.read, found.text, found.variable, found.source, problems)
    if name in defaults:
        return defaults[name]
    if setting.default is not MISSING:
        return setting.make_default()
    if setting.read is None:
        problems.append(Problem(name, None, "missing: no text can be this, give it as a keyword"))
    else:
        problems.append(Problem(variables[0], None, f"missing{sources.near(variables[0], prefix)}"))
    return None


def _is_read(
    nested: type[Config], setting: Setting, keywords: Mapping[str, Any], prefix: str, sources: Sources
) -> bool:
    """Whether a nested Config is made here: it is not given, and if it may be None, something of it is there."""
    name = setting.name
    if name in keywords:
        return isinstance(keywords[name], Mapping)
    if not setting.is_optional:
        return True
    below = nested._variables(f"{prefix}{name.upper()}_")  # pyright: ignore[reportPrivateUsage]  # any public name may be a setting
    return any(sources.has(variable) for variable, _ in below)


def _nested_value(
    nested: type[Config],
    setting: Setting,
    keywords: Mapping[str, Any],
    prefix: str,
    sources: Sources,
    problems: list[Problem],
    defaults: Mapping[str, Any],
) -> Config:
    given = keywords.get(setting.name, {})
    default = defaults.get(setting.name, setting.default)
    inner = default.__dict__ if isinstance(default, Config) else {}
    below = f"{prefix}{setting.name.upper()}_"
    return nested._nested(given, below, sources, problems, inner)  # pyright: ignore[reportPrivateUsage]


def _held(read: Any, value: Any, name: str, source: str, problems: list[Problem]) -> Any:
    errors: list[ErrorItem] = []
    result = read(value, ("config", name), errors)
    problems += [Problem(name, source, reason_of(error)) for error in errors]
    return result


def _refuse_lost(cls: type[Config], settings: Mapping[str, Setting]) -> None:
    for name, setting in settings.items():
        if setting.env is not None and (setting.read is None or nested_in(setting.annotation) is not None):
            raise ConfigurationError(
                f"{cls.__qualname__}.{name} names variables, but no text can be {type_name(setting.annotation)}: "
                "leave Env out; a nested Config takes its variables from below its field's name"
            )


def _refuse_clashes(cls: type[Config], prefix: str) -> None:
    seen: dict[str, str] = {}
    for variable, field in cls._variables(prefix):  # pyright: ignore[reportPrivateUsage]
        other = seen.setdefault(variable, field)
        if other != field:
            raise ConfigurationError(
                f"{cls.__qualname__}: {other} and {field} are both read from {variable}: give one another Env(...)"
            )


def _is_config(found: Any) -> TypeGuard[type[Config]]:
    return isinstance(found, type) and issubclass(found, Config)


def _register(registered: Any, key: str | None) -> type[Config]:
    if not _is_config(registered):
        raise ConfigurationError(
            f"{registered!r} is no Config: write class {getattr(registered, '__name__', 'App')}(Config)"
        )
    with _lock:
        other = None if key is None else _registered.get(key)
        if other is not None and _title(other) != _title(registered):
            raise ConfigurationError(
                f"the key {key!r} of {_title(registered)} belongs to {_title(other)}: give one another key"
            )
        _registered[registered] = registered
        if key is not None:
            _registered[key] = registered
    return registered


def _instance(of: type[C]) -> C:
    """The lock is held."""
    if of not in _instances:
        _instances[of] = of()
    return cast("C", _instances[of])


def _about_missing(key: object) -> str:
    keys = sorted(known for known in _registered if isinstance(known, str))
    if isinstance(key, type):
        return f"{key.__qualname__} is not registered: put @Config.register above it"
    return f"no Config is registered as {key!r}{did_you_mean(str(key), keys)}; there are {', '.join(keys) or 'none'}"


def _title(cls: type[Config]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _paths(files: Files) -> tuple[Path, ...]:
    if isinstance(files, (str, os.PathLike)):
        return (Path(files),)
    return tuple(map(Path, files))
