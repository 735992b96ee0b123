"""What all tests of the workspace have in common. Knows markers; knows nothing of VelociPy."""

import gc
import warnings

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Have `Sweep` see the tests of all folders, and not those below this file alone."""
    config.pluginmanager.register(Sweep())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test gets one more try, and one that starts servers two: after 2 s, and after 6 more.

    Several tests run at once on two cores. What one of them alone computes is wrong twice where it is wrong; but a process that has
    just been started competes for those cores with the servers of the other tests, and that lasts for as long as these start: a
    second try that follows at once meets what the first one met. Pytest says at the end which were run again, and that list is to
    be empty on a quiet machine.
    """
    once = pytest.mark.flaky(reruns=1)
    with_servers = pytest.mark.flaky(reruns=2, reruns_delay=2, reruns_delay_backoff_factor=3)
    for item in items:
        if not isinstance(item, pytest.Function):
            continue  # an example of a page goes on where the one before it stopped
        item.add_marker(once if item.get_closest_marker("servers") is None else with_servers)


class Sweep:
    """Sweeps up what tests before have left, for one that looks at what the whole process holds."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Collect garbage, whose warnings are about other tests."""
        if item.get_closest_marker("process") is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gc.collect()
