"""Fuzz target: Host, Forwarded and X-Forwarded-For against readers from the left. Knows their grammars; trusts the peers it names."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest
from velocipy.http.forwarded import MAX_HOPS, MAX_LENGTH, elements, read_element, read_node
from velocipy.http.headers import Headers
from velocipy.http.proxy import TrustedProxies
from velocipy.http.url import URL, check_host, join_host, known_hosts, parse_host

HOST_PIECES = [
    ":",
    "[",
    "]",
    "@",
    "/",
    "?",
    "#",
    "\\",
    ".",
    "..",
    "%",
    "%2e",
    "a",
    "1",
    "65536",
    "::1",
    "é",
    " ",
    "\x00",
    ",",
    "*",
    "_",
    "-",
    "K",
]
HOSTS = mutated(
    st.sampled_from(
        [
            "example.com",
            "a.b.c:8000",
            "127.0.0.1",
            "[::1]:80",
            "localhost:",
            "[2001:db8::1]",
            "xn--bcher-kva.example",
            "A_b.",
            "a" * 64,
        ]
    ),
    HOST_PIECES,
) | st.lists(st.sampled_from(HOST_PIECES), max_size=8).map("".join)


@unhurried
@given(HOSTS)
@example("a.example.\n")
@example("[::ffff:1.2.3.4]")
@example("[fe80::1%25eth0]")
@example("\u212aelvin.test")
def test_a_host_is_refused_or_every_reader_of_urls_means_the_same(text: str) -> None:
    known_hosts.discard(text)
    try:
        host, port = parse_host(text)
    except ValueError:
        if text:
            try:
                check_host([text])
            except BadRequest:
                return
            raise AssertionError("check_host lets through what is no host") from None
        return
    check_host([text])
    known_hosts.discard(text)
    assert text.isascii() and not set(text) & set("@/?#\\%, \t\r\n\0")
    read = urlsplit(f"http://{text}/path?q#f")
    assert (read.hostname, read.port, read.username, read.path) == (host, port, None, "/path")
    assert parse_host(join_host(host, port)) == (host, port)
    url = URL("http", host, port, "/p", "q=1")
    assert urlsplit(str(url)).hostname == host and str(url).endswith("/p?q=1")


TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PIECES = [
    ",",
    ";",
    "=",
    '"',
    "\\",
    '\\"',
    " ",
    "\t",
    "for=",
    "for",
    "proto=https",
    "host=a",
    "by=",
    "1.2.3.4",
    "[::1]",
    "unknown",
    "_x",
    ":80",
    "é",
    "\x00",
    "a",
]
VALUES = st.sampled_from(
    [
        "1.2.3.4",
        '"1.2.3.4:80"',
        '"[::1]"',
        '"[2001:db8::1]:8"',
        "unknown",
        "_hidden",
        '"a,b"',
        '"a;b\\"c"',
        "https",
        "::1",
        '""',
        "",
    ]
)
ELEMENTS = st.lists(
    st.tuples(st.sampled_from(["for", "For", "by", "proto", "host", "x"]), VALUES).map("=".join),
    min_size=1,
    max_size=3,
).map(";".join)
LISTS = mutated(st.lists(ELEMENTS, min_size=1, max_size=5).map(", ".join), PIECES)


def split_from_the_left(text: str, separator: str) -> list[str] | None:
    """The pieces outside of quoted strings; None where a quote stays open, or stands where none may."""
    pieces, piece, quoted, escaped = [], "", False, False
    for char in text:
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif not quoted and (char == separator or char == "\\"):
            if char == "\\":
                return None
            pieces.append(piece.strip(" \t"))
            piece = ""
            continue
        piece += char
    return None if quoted or escaped else [*pieces, piece.strip(" \t")]


@unhurried
@given(LISTS)
@example('for="a,b", for=c')
@example('for="a\\\\", for="b\\"')
def test_elements_of_a_well_quoted_list_are_those_from_the_left(text: str) -> None:
    found = list(elements([text]))
    assert found and ", ".join(reversed(found)).replace(" ", "").replace("\t", "") == text.replace(
        " ", ""
    ).replace("\t", "")
    wanted = split_from_the_left(text, ",")
    if wanted is not None and all(_is_well_formed(element) for element in wanted):
        assert found == wanted[::-1]


def _is_well_formed(element: str) -> bool:
    pairs = split_from_the_left(element, ";") or [""]
    return all(
        re.fullmatch(rf'{TOKEN.pattern}=(?:{TOKEN.pattern}|"(?:[^"\\]|\\.)*")', pair) for pair in pairs
    )


@unhurried
@given(mutated(ELEMENTS, PIECES))
@example("for=1.2.3.4;for=1.2.3.5")
@example('for="1.2.3.4\n"')
def test_an_element_is_what_a_reader_from_the_left_finds(text: str) -> None:
    element = read_element(text)
    pairs = [pair.partition("=") for pair in split_from_the_left(text, ";") or [""]]
    names = [name.lower() for name, _, _ in pairs]
    assert (element is None) == (not _is_well_formed(text) or len({*names}) < len(names))
    if element is not None:
        said = {
            name.lower(): re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
            for name, _, value in pairs
        }
        assert (element.proto, element.host) == (said.get("proto"), said.get("host"))
        if element.node is not None:
            bare = (
                re.sub(r":[0-9]*$|:_[\w.-]+$", "", said["for"])
                if said["for"].count(":") == 1 or "]:" in said["for"]
                else said["for"]
            )
            assert element.node.address in (
                ip_address(bare.strip("[]")),
                getattr(ip_address(bare.strip("[]")), "ipv4_mapped", None),
            )


PROXIES = ["10.0.0.0/8", "fd00::/8"]
TRUSTED = TrustedProxies(PROXIES)
ADDRESSES = st.sampled_from(["1.2.3.4", "10.9.9.9", "::1", "fd00::7", "2001:db8::1", "::ffff:10.0.0.5"])


@unhurried
@given(st.lists(LISTS | ADDRESSES, max_size=4), ADDRESSES, st.sampled_from(["x-forwarded-for", "forwarded"]))
@example(['for="'], "1.2.3.4", "forwarded")
def test_what_the_nearest_proxy_says_of_its_client_is_believed_whatever_stands_before_it(
    lines: list[str], client: str, name: str
) -> None:
    shown = f'for="[{client}]"' if ":" in client else f"for={client}"
    added = shown if name == "forwarded" else client
    headers = Headers([*((name, line) for line in lines), (name, added)])
    seen = TRUSTED.resolve(headers, ("10.0.0.1", 1), "http").client
    address = ip_address(client)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    assert seen is not None
    if not any(address in ip_network(network) for network in PROXIES):
        assert seen[0] == str(address)
    assert TRUSTED.resolve(headers, ("1.1.1.1", 1), "http").client == ("1.1.1.1", 1)


@unhurried
@given(LISTS, st.integers(1, 400))
def test_a_list_is_read_in_work_and_hops_that_are_bounded(text: str, times: int) -> None:
    line = ",".join([text] * times)
    found = list(elements([line, line]))
    assert len(found) <= MAX_HOPS and sum(map(len, found)) <= MAX_LENGTH
    assert work(lambda: [read_element(each) for each in elements([line, line])]) <= 60 * MAX_LENGTH
    assert all(read_node(each) is None or read_node(each) for each in found)
