"""Where settings are looked for: environment, `.env` files, secret files, in this order. Knows texts; knows no types."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from velocipy.config.dotenv import MAX_SIZE, Entry, parse_dotenv
from velocipy.config.problems import Problem, problem_of
from velocipy.exceptions import ConfigurationError
from velocipy.messages import did_you_mean

MAX_SECRET: Final = 64 * 1024
"""Bytes of a secret file: keys and certificates are some kilobytes."""


class Found(NamedTuple):
    """A variable's text and where it came from."""

    variable: str
    text: str
    source: str


class Sources:
    """The sources of one load, of a class whose variables are `known`. Each file is read once."""

    def __init__(
        self,
        env_files: Sequence[Path] = (),
        secrets_dirs: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        known: Container[str] = (),
    ) -> None:
        self._known = known
        self._environment = os.environ if environment is None else environment
        self._secrets_dirs = secrets_dirs
        self._files: list[tuple[Path, dict[str, Entry]]] = []
        self.problems: list[Problem] = []
        for path in env_files:
            try:
                self._files.append((path, _read_dotenv(path)))
            except ConfigurationError as exc:
                self.problems.append(problem_of(exc.message))

    def find(self, variables: Iterable[str]) -> Found | None:
        """The first of the variables that is anywhere; a source counts before every later one, whatever the variable."""
        variables = tuple(variables)
        for variable in variables:
            if variable in self._environment:
                return Found(variable, self._environment[variable], "the environment")
        for path, entries in reversed(self._files):
            for variable in variables:
                if variable in entries:
                    return Found(variable, entries[variable].text, f"{path}:{entries[variable].line}")
        for directory in reversed(self._secrets_dirs):
            for variable in variables:
                found = _read_secret(directory, variable)
                if found is not None:
                    return found
        return None

    def has(self, variable: str) -> bool:
        """Whether a variable is anywhere, readable or not."""
        try:
            return self.find((variable,)) is not None
        except ConfigurationError:
            return True

    def near(self, variable: str, prefix: str) -> str:
        """ "; did you mean 'APP_PROT'?" where something that is set, and read by nobody, is spelled much like it."""
        there = {*self._environment, *(name for _, entries in self._files for name in entries)}
        lost = [name for name in there if prefix and name.startswith(prefix) and name not in self._known]
        return did_you_mean(variable, sorted(lost))


def _read_dotenv(path: Path) -> dict[str, Entry]:
    """The entries of a file; none where it does not exist, as in production."""
    raw = _read(path, MAX_SIZE)
    if raw is None:
        return {}
    return parse_dotenv(_text(raw, path), str(path))


def _read_secret(directory: Path, variable: str) -> Found | None:
    """The file of a variable's name, or of that name in lower case, without the newline at its end."""
    for name in dict.fromkeys((variable, variable.lower())):
        path = directory / name
        raw = _read(path, MAX_SECRET)
        if raw is not None:
            text = _text(raw, path)
            return Found(variable, text.removesuffix("\n").removesuffix("\r"), str(path))
    return None


def _read(path: Path, limit: int) -> bytes | None:
    """A regular file's bytes; None where there is no such file. Raises ConfigurationError for all that cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(f"{path}: not a file: give the path of one")
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from None
    if len(raw) > limit:
        raise ConfigurationError(
            f"{path}: more than {limit} bytes, which no settings have: is it the right file?"
        )
    return raw


def _text(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text: save it as UTF-8") from None
