"""Fragments of changelogs: shows or collects those of a dist. Knows files; towncrier reads the fragments and lays them out.

python .ci/release_notes.py preview DIST     print the section that the dist's version would get today
python .ci/release_notes.py collect DIST     write it into the dist's CHANGELOG.md, and remove the fragments

A fragment is packages/DIST/changelog.d/NAME.KIND.md, one change as a user sees it; the kinds are those of [tool.towncrier]. What
stands below the heading of an unreleased version already keeps its place; fragments are added below it.
"""

import datetime
import re
import subprocess
import sys
from pathlib import Path

from tag import ROOT, Dist, dists, fragments

UNRELEASED = re.compile(r"^## \[(?P<version>[^]]+)\] - unreleased\n(?P<body>.*?)(?=^## |\Z)", re.M | re.S)
KIND = re.compile(r"^### (?P<kind>.+)\n(?P<lines>(?:(?!^### ).*\n?)*)", re.M)

Kinds = dict[str, str]


def section(dist: Dist, config: Path, date: str) -> str:
    """The section of the dist's version: its heading with a date, and below each kind what changed."""
    text = changelog(dist).read_text()
    by_hand = UNRELEASED.search(text)
    if by_hand is not None and by_hand["version"] != dist.version:
        sys.exit(
            f"{changelog(dist)}: {by_hand['version']} is unreleased, but {dist.name} is at {dist.version}"
        )
    kinds = merged(parse(by_hand["body"]) if by_hand else {}, parse(rendered(dist, config, date)))
    if not kinds:
        sys.exit(
            f"{dist.name} {dist.version}: nothing below an unreleased heading, and no fragment in changelog.d/"
        )
    parts = [f"### {kind}\n\n{lines}" for kind, lines in kinds.items()]
    return "\n\n".join([f"## [{dist.version}] - {date}", *parts]) + "\n"


def rendered(dist: Dist, config: Path, date: str) -> str:
    """What towncrier makes of the dist's fragments; exits with what it says of one whose name has no kind."""
    if not fragments(dist):
        return ""
    command = [
        sys.executable,
        "-m",
        "towncrier",
        "build",
        "--draft",
        "--config",
        str(config),
        "--dir",
        str(dist.folder),
    ]
    options = ["--name", dist.name, "--version", dist.version, "--date", date]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{dist.name}: {done.stdout}{done.stderr}")
    return done.stdout


def parse(text: str) -> Kinds:
    """'### Added\\n\\n- One.\\n' -> {"Added": "- One."}"""
    return {found["kind"]: found["lines"].strip() for found in KIND.finditer(text) if found["lines"].strip()}


def merged(first: Kinds, then: Kinds) -> Kinds:
    """Both, the lines of `then` below those of `first` where a kind is in both."""
    both = dict(first)
    for kind, lines in then.items():
        both[kind] = f"{both[kind]}\n{lines}" if kind in both else lines
    return both


def collect(dist: Dist, config: Path, date: str) -> None:
    """Write the dist's section into its changelog and remove its fragments; nothing, where all of it is there with a date."""
    text = changelog(dist).read_text()
    if f"\n## [{dist.version}] - " in UNRELEASED.sub("", text) and not fragments(dist):
        return
    new = section(dist, config, date)
    rest = UNRELEASED.sub("", text)
    head, heading, older = rest.partition("\n## ")
    changelog(dist).write_text(
        f"{head.rstrip()}\n\n{new}" + (f"{heading}{older.rstrip()}\n" if heading else "")
    )
    for path in fragments(dist):
        path.unlink()


def released(dist: Dist) -> str:
    """The text below the dated heading of the dist's version, for a page of the release."""
    text = changelog(dist).read_text()
    found = re.search(rf"^## \[{re.escape(dist.version)}\] - \d[^\n]*\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if found is None:
        sys.exit(f"{changelog(dist)} has no dated heading of {dist.version}")
    return found[1].strip() + "\n"


def changelog(dist: Dist) -> Path:
    return dist.folder / "CHANGELOG.md"


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def main(arguments: list[str]) -> None:
    known = {dist.name: dist for dist in dists(ROOT)}
    config = ROOT / "pyproject.toml"
    match arguments:
        case ["preview", name] if name in known:
            print(section(known[name], config, today()), end="")
        case ["collect", name] if name in known:
            collect(known[name], config, today())
        case _:
            sys.exit(f"usage: release_notes.py preview|collect DIST, one of {', '.join(sorted(known))}")


if __name__ == "__main__":
    main(sys.argv[1:])
