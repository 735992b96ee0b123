"""How a run of the tests differs from the usual one: more or fewer drawn examples, another event loop. Knows no test by name.

hatch test -- --hypothesis-profile=few     a quarter: the second and third interpreter of .ci/run
hatch test -- --hypothesis-profile=deep    ten times as many, for a night
hatch test -- --loop=uvloop                loops of tests and of the in-process client, which are asyncio's otherwise
"""

import asyncio
from importlib import import_module

import pytest
from hypothesis import settings

# A test that wants more or fewer than the others says so as a share of `settings().max_examples`, which is 100.
settings.register_profile("few", max_examples=25)
settings.register_profile("deep", max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--loop", choices=("asyncio", "uvloop"), default="asyncio")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--loop") == "uvloop":
        asyncio.set_event_loop_policy(import_module("uvloop").EventLoopPolicy())
