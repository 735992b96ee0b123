"""Changelogs of fragments: .ci/release_notes.py, with towncrier as it is set up here. Knows folders of made-up dists."""

from pathlib import Path

import pytest
import release_notes
from tag import Dist, check_tag, dists, fragments

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "pyproject.toml"
HEAD = "# Changelog of velocipy-small\n\nIts format.\n"
BY_HAND = "\n## [0.2.0] - unreleased\n\n### Added\n\n- A first thing.\n"
OLDER = "\n## [0.1.0] - 2026-01-02\n\n### Added\n\n- All.\n"


def make_dist(root: Path, changelog: str, **fragments: str) -> Dist:
    """`added="Text"` is a fragment +one.added.md."""
    folder = root / "packages" / "velocipy-small"
    (folder / "changelog.d").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "velocipy-small"\nversion = "0.2.0"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    for kind, text in fragments.items():
        (folder / "changelog.d" / f"+one.{kind}.md").write_text(text)
    (dist,) = dists(root)
    return dist


def test_fragments_go_below_what_stands_there_unreleased_and_are_gone(tmp_path: Path) -> None:
    dist = make_dist(tmp_path, HEAD + BY_HAND + OLDER, added="A second\nthing.\n", fixed="What was broken.")
    release_notes.collect(dist, CONFIG, "2026-12-01")
    new = "## [0.2.0] - 2026-12-01\n\n### Added\n\n- A first thing.\n- A second\n  thing.\n\n### Fixed\n\n- What was broken.\n"
    assert release_notes.changelog(dist).read_text() == f"{HEAD}\n{new}{OLDER}"
    assert fragments(dist) == []
    assert release_notes.released(dist) == new.partition("\n\n")[2]
    assert check_tag("velocipy-small-v0.2.0", tmp_path) == dist


def test_fragments_alone_make_the_section_of_a_version(tmp_path: Path) -> None:
    dist = make_dist(tmp_path, HEAD + OLDER, removed="A thing that nobody used.")
    release_notes.collect(dist, CONFIG, "2026-12-01")
    new = "\n## [0.2.0] - 2026-12-01\n\n### Removed\n\n- A thing that nobody used.\n"
    assert release_notes.changelog(dist).read_text() == HEAD + new + OLDER


def test_what_was_written_by_hand_needs_no_fragment(tmp_path: Path) -> None:
    dist = make_dist(tmp_path, HEAD + BY_HAND)
    release_notes.collect(dist, CONFIG, "2026-12-01")
    text = release_notes.changelog(dist).read_text()
    release_notes.collect(dist, CONFIG, "2026-12-02")
    assert (
        release_notes.changelog(dist).read_text()
        == text
        == HEAD + BY_HAND.replace("unreleased", "2026-12-01")
    )


@pytest.mark.parametrize(
    ("changelog", "fragments", "said"),
    [
        (HEAD + OLDER, {}, "no fragment in changelog.d/"),
        (HEAD + BY_HAND.replace("0.2.0", "0.1.5"), {}, "0.1.5 is unreleased, but velocipy-small is at 0.2.0"),
        (HEAD + OLDER, {"new": "Of no kind."}, "Invalid news fragment name"),
    ],
)
def test_a_section_that_cannot_be_written_is_refused(
    changelog: str, fragments: dict[str, str], said: str, tmp_path: Path
) -> None:
    dist = make_dist(tmp_path, changelog, **fragments)
    with pytest.raises(SystemExit, match=said):
        release_notes.collect(dist, CONFIG, "2026-12-01")
    assert release_notes.changelog(dist).read_text() == changelog


def test_a_tag_is_refused_while_fragments_wait(tmp_path: Path) -> None:
    make_dist(tmp_path, HEAD + BY_HAND.replace("unreleased", "2026-12-01"), added="One more.")
    with pytest.raises(
        SystemExit, match="lacks what is in changelog.d/; run `hatch run release:notes velocipy-small`"
    ):
        check_tag("velocipy-small-v0.2.0", tmp_path)


@pytest.mark.parametrize("dist", dists(ROOT), ids=lambda dist: dist.name)
def test_every_fragment_of_today_has_a_kind_and_text(dist: Dist) -> None:
    rendered = release_notes.rendered(dist, CONFIG, "2026-12-01")
    assert rendered.count("\n- ") == len(fragments(dist))
