"""The project of docs/testing.md and examples/testing.py pass as pytest runs them. Knows fences with a title; runs one pytest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TITLED = re.compile(r'^```python title="(\w+\.py)"\n(.*?)^```$', re.M | re.S)
FIRST = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def test_the_tests_of_the_page_and_of_the_example_pass_on_both_protocols(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    app = FIRST.search(page)
    assert app is not None
    project, example = tmp_path / "project", tmp_path / "example"
    for name, text in [("main.py", app[1]), *TITLED.findall(page)]:
        project.mkdir(exist_ok=True)
        (project / name).write_text(text)
    # A copy, since a conftest.py above it belongs to the tests of this repository.
    example.mkdir()
    shutil.copy(ROOT / "examples" / "testing.py", example)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "velocipy.testing.pytest_plugin"),
            *("-p", "no:cacheprovider", str(project), str(example / "testing.py")),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n20 passed in " in done.stdout
