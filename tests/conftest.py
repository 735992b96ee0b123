"""What all tests of the workspace have in common. Knows markers; knows nothing of VelociPy."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test over sockets gets one more try: several run at once, and a server of another's may take the core for a second.

    What is wrong is wrong twice; pytest says which were run again.
    """
    for item in items:
        if item.get_closest_marker("servers") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=1))
