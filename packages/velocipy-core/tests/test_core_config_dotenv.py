"""`.env` files: what the grammar takes, what it refuses and in which words, and that it never hangs or shows a value."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy.config import parse_dotenv
from velocipy.config.sources import Sources
from velocipy.exceptions import ConfigurationError


def texts(source: str) -> dict[str, str]:
    return {name: entry.text for name, entry in parse_dotenv(source).items()}


READ = [
    ("", {}),
    ("\n\n  \n# only a comment\n   # another", {}),
    ("A=1", {"A": "1"}),
    ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ("\ufeffA=1", {"A": "1"}),
    ("export A=1", {"A": "1"}),
    ("  A = 1  \t", {"A": "1"}),
    ("A=", {"A": ""}),
    ("A= # nothing", {"A": ""}),
    ("A=# nothing", {"A": ""}),
    ("A=1 # one", {"A": "1"}),
    ("A=1#2", {"A": "1#2"}),
    ("A=http://x/#top", {"A": "http://x/#top"}),
    ("A=a=b==", {"A": "a=b=="}),
    ("A=it's", {"A": "it's"}),
    ("A=two words", {"A": "two words"}),
    ("A=$B ${B} $(B)", {"A": "$B ${B} $(B)"}),
    ("A=\\n", {"A": "\\n"}),
    ("A='a # b'", {"A": "a # b"}),
    ("A='\\n'", {"A": "\\n"}),
    ("A='a\nb'\nB=2", {"A": "a\nb", "B": "2"}),
    ('A="a\nb" # two lines\nB=2', {"A": "a\nb", "B": "2"}),
    ('A="\\n\\r\\t\\\\\\"\\$"', {"A": '\n\r\t\\"$'}),
    ('A=""', {"A": ""}),
    ("A=1\nA=2", {"A": "2"}),
    ("A=ü €", {"A": "ü €"}),
    ("_A1=x", {"_A1": "x"}),
]


@pytest.mark.parametrize(("source", "values"), READ)
def test_what_the_grammar_takes(source: str, values: dict[str, str]) -> None:
    assert texts(source) == values


REFUSED = [
    ("hunter2", ".env:1: not NAME=value, nor a comment"),
    ("A=1\n\nhunter2 = 2 3\n1A=hunter2", ".env:4: not NAME=value, nor a comment"),
    ("A=1\nhunter-2=1", ".env:2: not NAME=value, nor a comment"),
    ("A=1\n=hunter2", ".env:2: not NAME=value, nor a comment"),
    ("ü=hunter2", ".env:1: not NAME=value, nor a comment"),
    ("A='hunter2", ".env:1: a quote ' is never closed"),
    ('A="x\ny"\nB="hunter2', '.env:3: a quote " is never closed'),
    ('A="hunter2\\"', '.env:1: a quote " is never closed'),
    ("A='x' hunter2", ".env:1: more stands after the closing quote of A"),
    ("A='x'hunter2'", ".env:1: more stands after the closing quote of A"),
    ('A="\\x hunter2"', ".env:1: \\x is no escape"),
    ("A=hunter2\0", ".env: a NUL character"),
    ("A=" + "x" * 300_000, ".env: more than 262144 characters"),
]


@pytest.mark.parametrize(("source", "message"), REFUSED)
def test_what_is_refused_says_where_and_never_the_value(source: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_dotenv(source)
    assert str(caught.value).startswith(message)
    assert "hunter2" not in str(caught.value)


def test_entries_know_their_lines() -> None:
    found = parse_dotenv("# c\nA='1\n2'\n\nB=3")
    assert {name: entry.line for name, entry in found.items()} == {"A": 2, "B": 5}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r'"), max_size=50))
def test_any_text_comes_back_from_single_quotes(value: str) -> None:
    assert texts(f"A='{value}'\nB=1") == {"A": value, "B": "1"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=50))
def test_any_text_comes_back_escaped_from_double_quotes(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert texts(f'A="{quoted}"\nB=1') == {"A": value, "B": "1"}


@given(st.text(st.sampled_from("A=\"'#\\\n \t$x1"), max_size=30))
def test_any_file_is_read_or_refused(source: str) -> None:
    try:
        assert all(name.isidentifier() for name in parse_dotenv(source))
    except ConfigurationError:
        pass


@pytest.mark.parametrize(
    "unit", ['A="', "A='", "\\", " ", "A=1\n", '"', "#", "\t#", 'A="\\\\', "export ", "A=x #", "\n"]
)
def test_a_large_file_takes_linear_time(unit: str) -> None:
    source = (unit * 250_000)[:250_000]

    def read() -> None:
        with suppress(ConfigurationError):
            parse_dotenv(source)

    assert within(2, read)


def test_secret_files_lose_one_newline_and_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "key").write_bytes(b" a \n\n")
    (tmp_path / "KEY").symlink_to(tmp_path / "..data" / "key")  # as Kubernetes mounts them
    (tmp_path / "windows").write_bytes(b"a\r\n")
    (tmp_path / "none").write_bytes(b"")
    sources = Sources(secrets_dirs=[tmp_path], environment={})
    assert [sources.find([name]).text for name in ("KEY", "WINDOWS", "NONE")] == [" a \n", "a", ""]  # type: ignore[union-attr]
    assert sources.find(["MISSING"]) is None


def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    sources = Sources([path], [tmp_path], {})
    assert [str(problem) for problem in sources.problems] == [
        f"{path}: cannot be read (Too many levels of symbolic links)"
    ]
    assert sources.has("LOOP")
    os.mkfifo(tmp_path / "PIPE")
    with pytest.raises(ConfigurationError, match="PIPE: not a file"):
        sources.find(["PIPE"])
