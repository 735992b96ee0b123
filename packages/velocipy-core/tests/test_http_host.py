"""The Host field: what is a host, what is refused, and what is remembered."""

import ipaddress
import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest
from velocipy.http import url as url_module
from velocipy.http.url import MAX_KNOWN_HOSTS, check_host, parse_host

GOOD_HOSTS = [
    ("example.com", ("example.com", None)),
    ("Example.COM:8000", ("example.com", 8000)),
    ("example.com.", ("example.com.", None)),
    ("localhost", ("localhost", None)),
    ("my_service:80", ("my_service", 80)),
    ("xn--bcher-kva.example", ("xn--bcher-kva.example", None)),
    ("127.0.0.1:0", ("127.0.0.1", 0)),
    ("127.0.0.1:65535", ("127.0.0.1", 65535)),
    ("a:", ("a", None)),
    ("[::1]", ("::1", None)),
    ("[::1]:8000", ("::1", 8000)),
    ("[2001:DB8::1]", ("2001:db8::1", None)),
    ("[::ffff:1.2.3.4]:1", ("::ffff:1.2.3.4", 1)),
    (f"{'a' * 63}.b", (f"{'a' * 63}.b", None)),
]

BAD_HOSTS = [
    "example.com/abc?bar=",
    "example.com/",
    "example.com?",
    "example.com#",
    "example.com/?",
    "a@evil",
    "user:pw@evil",
    "a b",
    " a",
    "a ",
    "a\t",
    "a\n",
    "a\r\n",
    "[",
    "[]",
    "[::1",
    "::1",
    "[::1]x",
    "[::1]:x",
    "[::g]",
    "[1:2]",
    "[::1%25eth0]",
    "[fe80::1%eth0]",
    "[v1.a]",
    "[::1]::1",
    "a:port",
    "a:99999",
    "a:65536",
    "a:-1",
    "a:+1",
    "a:8 0",
    "a:٣",
    "a:000080",
    "a:1:2",
    ":80",
    ".",
    "a..b",
    ".a",
    "a,b",
    "a;b",
    "a%41",
    "a\\b",
    "a\0",
    "é.test",
    "ｅxample.com",
    "\u212aelvin.test",
    "x" * 300,
    ".".join(["x" * 60] * 5),
    "x" * 64,
]


@pytest.mark.parametrize(("text", "parts"), GOOD_HOSTS)
def test_a_host_is_read_into_name_and_port(text, parts):
    assert parse_host(text) == parts


@pytest.mark.case(3)
@pytest.mark.parametrize("text", [*BAD_HOSTS, ""])
def test_what_is_no_host_is_a_value_error(text):
    with pytest.raises(ValueError, match="is not a host|is not 0 to 65535|is not an IPv6 address"):
        parse_host(text)


@given(st.one_of(st.text(max_size=30), st.text("ab.-_:[]0123456789@/%fF", max_size=30)))
@example("[::1]:65536")
def test_any_text_is_a_host_or_a_value_error(text):
    try:
        host, port = parse_host(text)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z0-9_.-]+|[a-f0-9:.]+", host)
    assert port is None or 0 <= port <= 65535
    assert urlsplit(f"http://{text}/p").hostname == host


@given(st.ip_addresses(), st.none() | st.integers(0, 65535))
def test_every_address_is_a_host(address, port):
    text = f"[{address}]" if address.version == 6 else str(address)
    host, read = parse_host(text if port is None else f"{text}:{port}")
    assert (ipaddress.ip_address(host), read) == (address, port)


@pytest.mark.case(1)
@pytest.mark.parametrize("values", [[], [""], (), ["example.com"], ["[::1]:8000"], ("a:80",)])
def test_one_good_host_or_none_at_all_passes(values):
    check_host(values)
    check_host(values)


@pytest.mark.case(2)
@pytest.mark.parametrize(
    "values", [["a", "b"], ["a", "a"], ["", ""], ["", "a"], ["a", "evil@x"], ["a"] * 5_000]
)
def test_two_host_lines_are_a_bad_request_even_when_equal(values):
    check_host(["a"])
    with pytest.raises(BadRequest, match="Invalid host header"):
        check_host(values)


@pytest.mark.case(3)
@pytest.mark.parametrize("text", BAD_HOSTS)
def test_a_malformed_host_is_a_bad_request_every_time(text):
    for _ in range(2):
        with pytest.raises(BadRequest, match="Invalid host header") as caught:
            check_host([text])
        assert caught.value.status_code == 400
        assert caught.value.detail == "Invalid host header"


@pytest.mark.case(147)
def test_hosts_that_passed_are_remembered_up_to_a_bound():
    for number in range(3 * MAX_KNOWN_HOSTS):
        check_host([f"host{number}.test"])
        assert len(url_module.known_hosts) <= MAX_KNOWN_HOSTS
    assert f"host{3 * MAX_KNOWN_HOSTS - 1}.test" in url_module.known_hosts
