"""The document against the app on real servers: schemathesis makes requests of the one and holds the answers against it.

Every check of schemathesis is on; `schemathesis.toml` says which are off where, and why.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from servers import RunningServer

pytestmark = pytest.mark.servers

COMMAND = (
    "--config-file={config} run {url}/openapi.json --url={url} --header=x-key:sesame --phases=examples,coverage,fuzzing "
    "--max-examples=4 --seed=1 --no-shrink --continue-on-failure --suppress-health-check=all --request-timeout=5"
)


def test_answers_are_those_of_the_document(sink: RunningServer, tmp_path: Path) -> None:
    config = Path(__file__).with_name("schemathesis.toml")
    arguments = [part.format(config=config, url=sink.url) for part in COMMAND.split()]
    program = str(Path(sys.executable).with_name("schemathesis"))
    done = subprocess.run(
        [program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 38" in done.stdout, done.stdout
