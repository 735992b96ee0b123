"""Pyright and ty on what users get: the wheels of all dists in one tree, as an environment has them. Knows wheels; reads no code of ours.

python .ci/typed.py     every public symbol has a type (pyright --verifytypes), and neither pyright in its strict mode nor ty find an
                        error in the wheels, in examples/, on the front page and in tests/typing/, by the settings of pyproject.toml

They do not join the source folders of one package by themselves, so that the sources are not checked where they lie. Other
libraries are those of the interpreter that runs this.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
CHECKED = ("examples", "tests/typing")
WHEELS = "wheels"
FRONT_PAGE = "front_page"
LEFT_OPEN = ("reportMissingTypeArgument", "reportUnknownParameterType")


def build(folder: Path) -> dict[str, str]:
    """Lay the wheels of all dists out below `folder`; module -> dist."""
    dists = folder / "dists"
    command = [sys.executable, str(ROOT / ".ci" / "dists.py"), "wheels", str(dists)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dist_of_file: dict[str, str] = {}
    for path in sorted(dists.glob("*.whl")):
        with ZipFile(path) as wheel:
            wheel.extractall(folder / WHEELS)
            dist_of_file |= {
                name: path.name.split("-")[0] for name in wheel.namelist() if name.endswith(".py")
            }
    return {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): dist
        for name, dist in dist_of_file.items()
    }


def environment(folder: Path) -> dict[str, str]:
    """Variables with which a checker finds the wheels first and then what this interpreter has.

    A path file that a path file leads to is not read, so the sources that are installed as editable are not found.
    """
    venv.create(folder / "env", with_pip=False)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    (site / "paths.pth").write_text(f"{folder / WHEELS}\n{sysconfig.get_path('purelib')}\n")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = os.pathsep.join((str(folder / "env" / "bin"), sysconfig.get_path("scripts"), environ["PATH"]))
    return environ | {"PATH": path, "VIRTUAL_ENV": str(folder / "env")}


def front_page() -> tuple[str, str]:
    """The two files of the front page: the first minute, and the hunt with its test."""
    first, *hunt = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs" / "index.md").read_text(), re.M | re.S
    )
    return first, "\n".join(hunt)


def verify(modules: dict[str, str], environ: dict[str, str], folder: Path) -> str:
    """How many public symbols of each dist have a type; raises Unclean unless all have."""
    done = run(("pyright", "--verifytypes", "velocipy", "--ignoreexternal", "--outputjson"), environ, folder)
    report: dict[str, Any] = json.loads(done.stdout)["typeCompleteness"]
    found, known, lines = Counter[str](), Counter[str](), list[str]()
    for symbol in report["symbols"]:
        if not symbol["isExported"]:
            continue
        is_known = symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]
        dist = dist_of(symbol["name"], modules)
        found[dist] += 1
        known[dist] += is_known
        if not is_known:
            told = [one["message"] for one in symbol.get("diagnostics", ()) if one["severity"] == "error"]
            lines.append(f"{symbol['name']}: {'; '.join(told) or 'a part of it has no type'}")
    lines += [
        f"{dist:20} {known[dist]:5} of {number:5} public symbols have a type"
        for dist, number in sorted(found.items())
    ]
    unseen = set(modules.values()) - {modules.get(module["name"]) for module in report["modules"]}
    lines += [f"{dist}: pyright looked at none of its modules" for dist in sorted(unseen)]
    if found != known or unseen:
        raise Unclean("\n".join(lines))
    return "\n".join(lines)


def dist_of(symbol: str, modules: dict[str, str]) -> str:
    """ "velocipy.asgi.connection.ASGIStream.send" -> "velocipy_asgi"."""
    while symbol not in modules:
        symbol = symbol.rpartition(".")[0]
    return modules[symbol]


def pyright(settings: dict[str, Any], environ: dict[str, str], folder: Path) -> str:
    """What pyright says; raises Unclean if it has found anything. The front page writes `dict` where it says nothing of what is in it."""
    config = {
        **settings,
        "typeCheckingMode": "strict",
        "include": [WHEELS, FRONT_PAGE, *CHECKED],
        "extraPaths": [],
        "executionEnvironments": [
            {"root": FRONT_PAGE, **dict.fromkeys(LEFT_OPEN, False)},
        ],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    return clean(run(("pyright",), environ, folder))


def ty(settings: dict[str, Any], environ: dict[str, str], folder: Path) -> str:
    """What ty says; raises Unclean if it has found an error. It reads no ignores with names of mypy's, so not what must be marked."""
    rules = [f'{rule} = "{level}"' for rule, level in settings["rules"].items()]
    (folder / "ty.toml").write_text("\n".join(["[rules]", *rules]))
    places = (WHEELS, FRONT_PAGE, "examples", "tests/typing/correct.py")
    command = ("ty", "check", "--output-format", "concise", "--extra-search-path", WHEELS, *places)
    return clean(run(command, environ, folder)).splitlines()[-1]


def clean(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise Unclean(done.stdout + done.stderr)
    return done.stdout.strip()


class Unclean(Exception):
    """A checker has found something."""


def run(command: tuple[str, ...], environ: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor() as workers:
        folder = Path(scratch)
        modules = build(folder)
        environ = environment(folder)
        for name in CHECKED:
            shutil.copytree(ROOT / name, folder / name)
        (folder / FRONT_PAGE).mkdir()
        for number, text in enumerate(front_page()):
            (folder / FRONT_PAGE / f"file_{number}.py").write_text(text)
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
        jobs = [
            workers.submit(verify, modules, environ, folder),
            workers.submit(pyright, settings["pyright"], environ, folder),
            workers.submit(ty, settings["ty"], environ, folder),
        ]
        for job in jobs:
            try:
                print(job.result(), flush=True)
            except Unclean as found:
                print(str(found).replace(f"{folder}/", ""), flush=True)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
