"""A release of a dist, all of it but publishing: proves the files, writes them, says what would follow. Knows the steps' order alone.

python .ci/release.py dry DIST...|all     in a copy of the tree, in which fragments are collected as they would be today
python .ci/release.py build TAG           the same of the commit as it is, whose tag must fit; what .github/workflows/release.yml runs
python .ci/release.py smoke FOLDER        the subsets once more, of files that `build` wrote, on the Python that runs this

`dry` and `build` write dist/release/DIST/: files/ (what is published), wheels/ (siblings, to try it with), sbom.cdx.json, notes.md,
SHA256SUMS. Status 1, and the reason, at the first that does not hold.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dists
import release_bom
import release_floors
import release_notes
import release_siblings as siblings
from release_builds import (
    Files,
    Wrong,
    build,
    check_contents,
    check_rebuilt,
    commit_time,
    copy_tree,
    files_of,
    sha256,
)
from tag import ROOT, Dist, check_tag
from tag import dists as read_dists

OUT = ROOT / "dist" / "release"
TOGETHER = "tests/packaging/together.py"
UNPROVEN = """\
Written, but proven by no run here: the upload with PyPI's trusted publishing, the attestations of provenance and SBOM, the page of the
release, and the environment `pypi` with its reviewers. Whoever releases for the first time looks at each of them."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call: the tree that is released, a second copy of it, where to work, and the time of the commit."""

    tree: Path
    again: Path
    scratch: Path
    epoch: int

    @property
    def wheels(self) -> Path:
        return self.scratch / "built"

    @property
    def pins(self) -> Path:
        return self.wheels / "pins.txt"


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def copies(scratch: Path, prepare: Callable[[Path], None]) -> Run:
    """The tree twice, at paths of different length; what `prepare` does to the first is in the second, too."""
    tree = copy_tree(ROOT, scratch / "tree")
    prepare(tree)
    again = scratch / "and" / "once" / "more"
    shutil.copytree(tree, again)
    return Run(tree, again, scratch, commit_time(ROOT))


def prove(run: Run, names: list[str]) -> None:
    """Everything about the dists of these names. Raises Wrong, Unfitting or CalledProcessError; exits where a tool has a message."""
    released = {dist.name: dist for dist in read_dists(run.tree)}
    say(f"build all {len(released)} dists, SOURCE_DATE_EPOCH={run.epoch}")
    for dist in released.values():
        build(dist.folder, run.wheels, run.epoch)
    dists.pins(run.wheels)
    again = {dist.name: dist for dist in read_dists(run.again)}
    for name in names:
        prove_files(run, released[name], again[name])
    dists.check_files(run.wheels)
    for name in names:
        prove_use(run, released[name])
    if any(floor.dist in names for floor in release_floors.floors(run.tree)):
        say("the lowest versions of other libraries")
        release_floors.check(run.tree, run.scratch, run.pins)
    for name in names:
        tell(released[name])


def prove_files(run: Run, dist: Dist, again: Dist) -> None:
    """The files are the same from anywhere, hold what they should, and lie where they are taken from."""
    say(f"{dist.name} {dist.version}: once more, from its sdist, contents")
    files = files_of(dist, run.wheels)
    check_rebuilt(dist, files, again, run.scratch / "rebuilt" / dist.name, run.epoch)
    check_contents(dist, files)
    write(run, dist, files)


def write(run: Run, dist: Dist, files: Files) -> None:
    """Lay the files of the release out, with hashes and notes."""
    out = OUT / dist.name
    shutil.rmtree(out, ignore_errors=True)
    for folder, paths in (("files", [*files]), ("wheels", sorted(run.wheels.glob("*.whl")))):
        (out / folder).mkdir(parents=True)
        for path in paths:
            shutil.copyfile(path, out / folder / path.name)
    (out / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files))
    (out / "notes.md").write_text(release_notes.released(dist))


def prove_use(run: Run, dist: Dist) -> None:
    """The dist works in each subset, beside older and newer siblings; its environment gives the SBOM."""
    environments = run.scratch / "environments"
    smoke(run.tree, run.pins, dist.name, environments)
    say(f"{dist.name}: what it is made of")
    found = release_bom.document(dist, environments / dist.name / "bin" / "python", run.epoch)
    if problem := release_bom.problem(found):
        raise Wrong(f"{dist.name}: the SBOM is not valid: {problem}")
    (OUT / dist.name / "sbom.cdx.json").write_text(json.dumps(found, indent=1) + "\n")
    prove_siblings(run, dist.name)


def smoke(tree: Path, constraints: Path, name: str, where: Path) -> None:
    """Try every subset that the dist takes part in, the dist alone first, each in an environment of its own; none of them twice."""
    brings = closure(name, siblings.of_tree(tree))
    for asked, there in dists.subsets_of(name, brings).items():
        environment = where / "+".join(asked)
        if not environment.exists():
            say(f"{name}: in a clean environment as {' '.join(asked)}")
            dists.try_subset(environment, constraints, asked, there)


def closure(name: str, tree: dict[str, siblings.Release]) -> list[str]:
    """The siblings that an install of the dist without extras brings."""
    found: list[str] = []
    left = [name]
    while left:
        for sibling in sorted(tree[left.pop()].requires - {*found, name}):
            found.append(sibling)
            left.append(sibling)
    return found


def prove_siblings(run: Run, name: str) -> None:
    """The newest of this dist beside the oldest of the others, and the reverse; combinations that were tried are not tried again."""
    tree = siblings.of_tree(run.tree)
    tagged = {other: siblings.of_tags(ROOT, release) for other, release in tree.items()}
    for title, choice in (
        ("the newest beside the oldest siblings", siblings.beside_newest(name, tree, tagged)),
        ("the oldest beside the newest siblings", siblings.beside_oldest(name, tree, tagged)),
    ):
        say(f"{name}: {title}: {', '.join(str(one) for one in choice.values())}")
        keys = "\n".join(one.key for one in choice.values())
        where = run.scratch / "siblings" / hashlib.sha256(keys.encode()).hexdigest()[:12]
        if not where.exists():
            try_choice(run, [*choice.values()], where)


def try_choice(run: Run, choice: Sequence[siblings.Release], where: Path) -> None:
    """Install these versions of ours, and run the program of the oldest release among them, or of the tree."""
    (where / "wheels").mkdir(parents=True)
    for release in choice:
        built = run.scratch / "versions" / release.key
        if not built.exists():
            siblings.build_release(ROOT, run.tree, release, built, run.epoch)
        (wheel,) = built.glob("*.whl")
        shutil.copyfile(wheel, where / "wheels" / wheel.name)
    constraints = dists.pins(where / "wheels")
    python = dists.install(where / "environment", constraints, ("velocipy[redis]",))
    program = where / "together.py"
    program.write_text(program_of(run, choice))
    dists.run(python, "-I", str(program), cwd=where)


def program_of(run: Run, choice: Sequence[siblings.Release]) -> str:
    """The text of together.py as it was when the oldest of the chosen was released."""
    tags = [release.tag for release in choice if release.tag]
    if not tags:
        return (run.tree / TOGETHER).read_text()
    oldest = siblings.run(ROOT, "tag", "--list", "--sort=creatordate", *tags).split()[0]
    return siblings.run(ROOT, "show", f"{oldest}:{TOGETHER}")


def tell(dist: Dist) -> None:
    """What would happen now."""
    out = OUT / dist.name
    say(f"{dist.name} {dist.version} is ready; publishing would")
    print(f"push   the tag {dist.name}-v{dist.version}")
    for path in sorted((out / "files").iterdir()):
        print(f"upload {path.name}, {path.stat().st_size:,} bytes, SHA-256 {sha256(path)}")
    for name in ("sbom.cdx.json", "notes.md", "SHA256SUMS"):
        print(f"attach {(out / name).relative_to(ROOT)}")


def dry(names: list[str]) -> None:
    known = [dist.name for dist in read_dists(ROOT)]
    chosen = known if names == ["all"] else names
    if not chosen or set(chosen) - set(known):
        sys.exit(f"usage: release.py dry DIST...|all; the dists are {', '.join(known)}")

    def prepare(tree: Path) -> None:
        for dist in read_dists(tree):
            if dist.name in chosen:
                say(f"{dist.name}: changelog, and the tag {dist.name}-v{dist.version}")
                release_notes.collect(dist, tree / "pyproject.toml", release_notes.today())
                check_tag(f"{dist.name}-v{dist.version}", tree)

    with tempfile.TemporaryDirectory() as scratch:
        prove(copies(Path(scratch), prepare), chosen)
    print(UNPROVEN)


def build_tag(tag: str) -> None:
    dist = check_tag(tag)
    with tempfile.TemporaryDirectory() as scratch:
        prove(copies(Path(scratch), lambda tree: None), [dist.name])


def smoke_files(folder: Path) -> None:
    """The files of one release as they were handed on."""
    constraints = dists.pins(folder / "wheels")
    with tempfile.TemporaryDirectory() as scratch:
        smoke(ROOT, constraints, folder.name, Path(scratch))


def main(arguments: list[str]) -> None:
    begun = time.monotonic()
    try:
        match arguments:
            case ["dry", *names]:
                dry(names)
            case ["build", tag]:
                build_tag(tag)
            case ["smoke", folder]:
                smoke_files(Path(folder).resolve())
            case _:
                sys.exit(__doc__)
    except (Wrong, siblings.Unfitting) as exc:
        sys.exit(f"{type(exc).__name__}: {exc}")
    except subprocess.CalledProcessError as exc:
        sys.exit(f"failed: {' '.join(map(str, exc.cmd))[:300]}\n{exc.stderr or ''}")
    say(f"all of it holds, in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
