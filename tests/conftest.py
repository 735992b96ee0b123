"""What all tests of the workspace have in common. Knows markers; knows nothing of VelociPy."""

import gc
import warnings

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Have `Sweep` see the tests of all folders, and not those below this file alone."""
    config.pluginmanager.register(Sweep())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test gets one more try: several run at once on two cores, and another's server may take one of them for a second.

    What is wrong is wrong twice; pytest says at the end which were run again, and that list is to be empty on a quiet machine.
    """
    for item in items:
        if not isinstance(item, pytest.Function):
            continue  # an example of a page goes on where the one before it stopped
        delay = 1 if item.get_closest_marker("servers") is not None else 0
        item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=delay))


class Sweep:
    """Sweeps up what tests before have left, for one that looks at what the whole process holds."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Collect garbage, whose warnings are about other tests."""
        if item.get_closest_marker("process") is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gc.collect()
