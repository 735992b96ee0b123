"""The page of the command shows what the command prints. Knows the page's console examples, and leaves out those that serve."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"

SHOP = """
from velocipy import VelociPy
from velocipy.middleware import CORSMiddleware, TrustedHostMiddleware

cors = CORSMiddleware(["https://app.example"])
app = VelociPy(middleware=[cors, TrustedHostMiddleware(["shop.example"])])


@app.get("/")
async def hello() -> str:
    return "hello"
"""


def examples() -> list[tuple[list[str], str]]:
    """[(arguments, what is printed)], in the order of the page."""
    fences = "\n".join(
        re.findall(r"^```console\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
    found = re.findall(r"^\$ velocipy (.*)\n((?:(?!\$ ).*\n?)*)", fences, re.MULTILINE)
    return [(command.split(), output) for command, output in found]


def test_every_command_has_an_example_or_stands_in_the_table() -> None:
    from velocipy.cli.main import COMMANDS

    text = PAGE.read_text("utf-8")
    assert all(f"| `velocipy {command}" in text and f"## velocipy {command}" in text for command in COMMANDS)


def test_the_examples_print_what_the_page_says(project: Any, monkeypatch: Any) -> None:
    shown = [each for each in examples() if each[0][0] not in {"dev", "run"}]
    shown.sort(key=lambda each: each[0][0] != "new")  # which makes what the others look at
    assert len(shown) >= 8
    for arguments, expected in shown:
        outcome = project.run(*arguments)
        printed = (outcome.out + outcome.err).replace(str(project.folder), "/home/ada")
        assert same(printed) == same(expected), arguments
        if arguments[0] == "new":
            monkeypatch.chdir(project.folder / arguments[1])
            project.write(f"{arguments[1]}/shop.py", SHOP.lstrip("\n"))


def same(text: str) -> str:
    """How many routes there are beside the app's own depends on what is installed."""
    return re.sub(r"routes checked: [0-9]+", "routes checked: N", text).strip()
