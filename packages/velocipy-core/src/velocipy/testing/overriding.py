"""Dependencies replaced for as long as a block runs. Knows a mapping of overrides; calls no dependency."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, MutableMapping

    Dependency = Callable[..., Any]


class Overridable(Protocol):
    """An app, as far as it is needed here."""

    @property
    def dependency_overrides(self) -> MutableMapping[Dependency, Dependency]:
        """Dependency -> what is called in its place."""
        ...


class Override(Protocol):
    """What pytest's fixture `override` gives."""

    def __call__(self, dependency: Dependency, replacement: Dependency, /) -> None:
        """Have `replacement` called in place of `dependency` until the test is over."""
        ...


@contextmanager
def override_dependencies(
    app: Overridable, replacements: Mapping[Dependency, Dependency]
) -> Generator[None, None, None]:
    """`with override_dependencies(app, {current_user: lambda: "alice"}):`; afterwards each is what it was before.

    What is called in place of a dependency is bound as one: it may have parameters, be a coroutine or have a teardown.
    """
    overrides = app.dependency_overrides
    before = {dependency: overrides.get(dependency) for dependency in replacements}
    overrides.update(replacements)
    try:
        yield
    finally:
        for dependency, replacement in before.items():
            if replacement is None:
                overrides.pop(dependency, None)
            else:
                overrides[dependency] = replacement
