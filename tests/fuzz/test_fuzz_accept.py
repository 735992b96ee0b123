"""Fuzz target: Accept and Accept-Encoding against a reader that ranks all it could be. Knows `velocipy.http.negotiation`."""

from __future__ import annotations

import re
from decimal import Decimal

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http.negotiation import MAX_LENGTH, parse_accept, preferred, preferred_codings, refuses_identity

PIECES = [
    ",",
    ";",
    "q=",
    ";q=0",
    ";q=1",
    "=",
    "*",
    "/",
    "*/*",
    "a/b",
    " ",
    "\t",
    "gzip",
    "identity",
    "é",
    "\x00",
    "0.5",
    "1.001",
    '"',
    "x-",
]
QUALITIES = st.sampled_from(
    [
        "",
        "",
        ";q=1",
        ";q=0",
        ";q=0.5",
        "; Q=0.25",
        ";q = 0.999",
        ";q=1.000",
        ";v=1;q=0.3",
        ";q=",
        ";q=2",
        ";q=.5",
        ";q=nan",
        ";q=0.0000",
    ]
)
TYPES = ["application/json", "application/msgpack", "text/html", "text/plain", "application/xml"]


def members(names: list[str]) -> st.SearchStrategy[str]:
    joined = st.lists(st.tuples(st.sampled_from(names), QUALITIES).map("".join), max_size=6).map(", ".join)
    return mutated(joined, PIECES) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


ACCEPTS = members([*TYPES, "*/*", "application/*", "text/*", "*/json", "TEXT/HTML", "x", ""])
CODINGS = members(["gzip", "x-gzip", "br", "zstd", "identity", "*", "GZIP", "deflate", ""])


def quality_of(parameters: list[str]) -> Decimal | None:
    """The first `q` of a member; 1 where there is none, None for what is no quality (RFC 9110 section 12.4.2)."""
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if name.strip().lower() == "q" and equals:
            return (
                Decimal(value.strip())
                if re.fullmatch(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", value.strip(), re.ASCII)
                else None
            )
    return Decimal(1)


def listed(text: str) -> list[tuple[str, Decimal]]:
    """Every member that has a name and a quality."""
    found = []
    for member in text[:MAX_LENGTH].lower().split(","):
        name, *parameters = member.split(";")
        quality = quality_of([parameter.strip(" \t") for parameter in parameters])
        if quality is not None:
            found.append((name.strip(" \t"), quality))
    return found


def liking(media_type: str, text: str) -> Decimal:
    """By how specific a range is, then by quality: the most specific that fits decides (RFC 9110 section 12.5.1)."""
    fits = []
    for name, quality in listed(text):
        if not re.fullmatch(r"(\*/\*|[!#$%&'*+\-.^_`|~0-9a-z]+/[!#$%&'*+\-.^_`|~0-9a-z]+)", name):
            continue
        kind, _, own = name.partition("/")
        if name == media_type:
            fits.append((2, quality))
        elif own == "*" and kind == media_type.partition("/")[0]:
            fits.append((1, quality))
        elif name == "*/*":
            fits.append((0, quality))
    return max(fits)[1] if fits else Decimal(0)


OFFERS = st.lists(
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=2).map(tuple), min_size=1, max_size=4
).map(tuple)


@unhurried
@given(ACCEPTS, OFFERS)
@example("text/*;q=0.5, text/html;q=0.1", (("text/html",), ("text/plain",)))
@example("*/*;q=0", (("text/html",),))
def test_the_offer_is_the_one_that_is_liked_best(text: str, offers: tuple[tuple[str, ...], ...]) -> None:
    likings = [max(liking(kind, text) for kind in kinds) for kinds in offers]
    best = max(likings)
    assert preferred(text, offers) == (likings.index(best) if best else 0)
    assert all(0 <= quality <= 1 for _, quality in parse_accept(text))


@unhurried
@given(CODINGS, st.permutations(["zstd", "br", "gzip"]).map(tuple))
@example("gzip;q=0, *;q=0.5, identity;q=0.7", ("br", "gzip", "zstd"))
@example("x-gzip", ("gzip", "br", "zstd"))
@example("gzip;q=0, gzip", ("gzip", "br", "zstd"))
def test_codings_are_those_that_are_taken_in_the_order_of_liking(text: str, offers: tuple[str, ...]) -> None:
    named: dict[str, Decimal] = {}
    for name, quality in listed(text):
        if name:
            named.setdefault(name.removeprefix("x-"), quality)
    least = named.get("identity", Decimal(0))
    likings = {coding: named.get(coding, named.get("*", Decimal(0))) for coding in offers}
    taken = [coding for coding in offers if likings[coding] > 0 and likings[coding] >= least]
    assert preferred_codings(text, offers) == tuple(
        sorted(taken, key=lambda coding: (-likings[coding], offers.index(coding)))
    )
    assert refuses_identity(text) == (named.get("identity", named.get("*", Decimal(1))) == 0)


@unhurried
@given(ACCEPTS, st.integers(1, 100))
def test_a_field_is_read_in_work_that_its_first_characters_bound(text: str, times: int) -> None:
    text = text * times
    pieces = text[:MAX_LENGTH].count(",") + text[:MAX_LENGTH].count(";") + 1
    assert work(parse_accept, text) <= 20 * pieces + 20
    assert work(preferred_codings, text, ("br", "zstd", "gzip")) <= 20 * pieces + 40
