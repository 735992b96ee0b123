"""Fuzz target: Cookie and Set-Cookie against readers written from RFC 6265. Knows `parse_cookies` and `format_cookie`."""

from __future__ import annotations

from typing import Any

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http.cookies import MAX_COOKIES, MAX_SET_COOKIE, format_cookie, parse_cookies
from velocipy.http.fields import check_header

PIECES = [";", "; ", "=", '"', '\\"', ",", " ", "\t", "a", "b", "\x00", "é", "%3B", "\\073", "\n", "__Host-"]
NAMES = st.text(st.sampled_from("abcAB-_!"), min_size=1, max_size=4)
VALUES = st.text(st.sampled_from('ab12=/+%"\\ ,é'), max_size=8)
HEADERS = mutated(
    st.lists(st.tuples(NAMES, VALUES), max_size=8).map(
        lambda pairs: "; ".join(f"{name}={value}" for name, value in pairs)
    ),
    PIECES,
) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def read_slowly(text: str) -> dict[str, str]:
    """The same by a machine that takes one character after the other."""
    found: dict[str, str] = {}
    name, value, in_value = "", "", False
    for char in text + ";":
        if char == ";":
            name, value = name.strip(" \t"), value.strip(" \t")
            if in_value and name and name not in found:
                quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
                found[name] = value[1:-1] if quoted else value
            name, value, in_value = "", "", False
        elif char == "=" and not in_value:
            in_value = True
        elif in_value:
            value += char
        else:
            name += char
    return found


@unhurried
@given(HEADERS)
@example('a="')
@example('a=""; b="x; y"')
@example("=1; a; b=; a=2; a=3")
def test_cookies_are_what_a_slow_reader_finds(text: str) -> None:
    assert parse_cookies(text) == read_slowly(text)


@unhurried
@given(HEADERS, st.integers(1, 80))
def test_cookies_are_read_in_work_that_their_number_bounds(text: str, times: int) -> None:
    text = ";".join([text] * times)
    pairs = min(text.count(";") + 1, MAX_COOKIES)
    assert work(parse_cookies, text) <= 8 * pairs + 10
    assert len(parse_cookies(text)) <= pairs


def read_as_a_browser(line: str) -> tuple[str, str, dict[str, str]]:
    """RFC 6265 section 5.2: name, value, and the last of each attribute by its name in lower case."""
    pair, *attributes = line.split(";")
    name, _, value = pair.partition("=")
    said = (attribute.partition("=") for attribute in attributes)
    return (
        name.strip(" \t"),
        value.strip(" \t"),
        {key.strip(" \t").lower(): text.strip(" \t") for key, _, text in said},
    )


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "max_age": st.integers(-1, 10**12),
        "expires": st.integers(-1, 10**9),
        "path": st.none() | mutated(st.sampled_from(["/", "/a/b"]), PIECES),
        "domain": st.none() | mutated(st.sampled_from(["a.example", ".b.test"]), [*PIECES, ".", "-"]),
        "secure": st.booleans(),
        "httponly": st.booleans(),
        "samesite": st.sampled_from(["lax", "Strict", "none", None, "x"]),
        "partitioned": st.booleans(),
    },
)


@unhurried
@given(mutated(NAMES, PIECES), mutated(VALUES, PIECES), OPTIONS)
@example("__Host-a", "1", {"secure": True})
@example("a", "x" * MAX_SET_COOKIE, {})
def test_a_cookie_is_refused_or_a_browser_reads_what_was_meant(
    name: str, value: str, options: dict[str, Any]
) -> None:
    try:
        line = format_cookie(name, value, **options)
    except ValueError:
        return
    assert check_header("set-cookie", line) == ("set-cookie", line)
    assert len(line) <= MAX_SET_COOKIE
    seen, text, said = read_as_a_browser(line)
    assert (seen, text) == (name, value)
    assert parse_cookies(f"{seen}={text}") == {name: value}
    assert said.get("path") == options.get("path", "/")
    assert ("secure" in said, "partitioned" in said) == (
        options.get("secure", False),
        options.get("partitioned", False),
    )
    assert ("httponly" in said) == options.get("httponly", True)
    assert said.get("samesite", "").lower() == str(options.get("samesite", "lax") or "").lower()
    assert said.get("max-age") == (None if options.get("max_age") is None else str(options["max_age"]))
    assert ("domain" in said) == (options.get("domain") is not None)
    assert len(said) == line.count(";")
    if name.lower().startswith("__host-"):
        assert "secure" in said and said["path"] == "/" and "domain" not in said
