"""A folder with an app in it, and the command run there in this process. Knows main(); knows no single command."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from velocipy.cli.main import main

APP = """
from velocipy import VelociPy

app = VelociPy(title="raptors")


@app.get("/")
async def hello() -> dict[str, str]:
    return {"message": "hello"}


@app.get("/raptors/{raptor_id:int}")
async def read_raptor(raptor_id: int) -> dict[str, int]:
    return {"id": raptor_id}
"""


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status, and what it wrote where."""

    status: int
    out: str
    err: str


class Project:
    """The current folder of a test."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def write(self, name: str, text: str = APP) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return path

    def run(self, *arguments: str) -> Outcome:
        self._capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as exc:  # argparse's
            status = exc.code if isinstance(exc.code, int) else 1
        out, err = self._capsys.readouterr()
        return Outcome(status, out, err)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Project]:
    """An empty folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict(sys.modules)
    yield Project(tmp_path.resolve(), capsys)
    for name in sys.modules.keys() - before.keys():
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path.resolve())):
            del sys.modules[name]
