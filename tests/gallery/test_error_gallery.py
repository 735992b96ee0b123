"""Every mistake that is found while an app is put together has a file that makes it, a place in its message, and an entry in the docs."""

from __future__ import annotations

import re
import sys

import pytest
from gallery import PAGE, Broken, Outcome, break_all, page_of, read_broken, sites

FILES = read_broken()

ADVICE = re.compile(r": |; |, not | must | needs | takes | such as ")
"""What stands between the complaint and what would be right: a message that only complains is one clause."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """What the import of each file raised."""
    return break_all(FILES, tmp_path_factory.mktemp("broken"))


def test_each_message_says_what_is_wrong_and_names_the_line(outcomes: list[Outcome]) -> None:
    wrong = [
        f"{each.title}: {outcome.message}"
        for each, outcome in zip(FILES, outcomes, strict=True)
        if not each.marked or not _names(each, outcome)
    ]
    assert wrong == []


def _names(each: Broken, outcome: Outcome) -> bool:
    return bool(outcome.kind) and all(f"main.py:{line}" in outcome.message for line in each.marked)


def test_each_message_says_what_to_do(outcomes: list[Outcome]) -> None:
    silent = [outcome.message for outcome in outcomes if not ADVICE.search(outcome.message)]
    assert silent == []


def test_no_message_shows_a_folder_of_ours(outcomes: list[Outcome]) -> None:
    assert [outcome.message for outcome in outcomes if "/src/velocipy/" in outcome.message] == []


def test_titles_are_unique() -> None:
    titles = [each.title for each in FILES]
    assert sorted(titles) == sorted(set(titles))


def test_every_registration_error_of_ours_has_a_file_that_makes_it(outcomes: list[Outcome]) -> None:
    """For a new one, add a file to tests/gallery/broken and run `python tests/gallery/gallery.py`."""
    made = {place for outcome in outcomes for place in outcome.made}
    assert [str(site) for site in sites() if not any(site.is_at(*place) for place in made)] == []


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="other versions of Python word their part otherwise"
)
def test_the_page_shows_the_messages_of_today(outcomes: list[Outcome]) -> None:
    """`python tests/gallery/gallery.py` writes it anew."""
    assert PAGE.read_text("utf-8") == page_of(FILES, outcomes)


def test_what_makes_the_errors_is_found_in_our_files() -> None:
    assert len({site.file for site in sites()}) > 50
