"""URLs and redirect targets: no text moves the border between host and path."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http.fields import check_header
from velocipy.http.url import URL, encode_location, quote_path


def test_a_url_is_put_together_from_its_parts():
    assert str(URL("http", "example.com", 8000, "/a b", "q=1")) == "http://example.com:8000/a%20b?q=1"
    assert str(URL("https", "example.com")) == "https://example.com/"
    assert str(URL("http", "::1", 8000, "/")) == "http://[::1]:8000/"


@pytest.mark.parametrize(
    ("scheme", "port", "netloc"),
    [
        ("http", 80, "a"),
        ("https", 443, "a"),
        ("ws", 80, "a"),
        ("wss", 443, "a"),
        ("https", 80, "a:80"),
        ("http", None, "a"),
        ("http", 0, "a:0"),
        ("other", 80, "a:80"),
    ],
)
def test_the_schemes_own_port_is_left_out(scheme, port, netloc):
    assert URL(scheme, "a", port).netloc == netloc


def test_the_hostname_has_no_port_and_no_brackets():
    url = URL("http", "::1", 8000)
    assert (url.hostname, url.netloc) == ("::1", "[::1]:8000")


def test_a_url_is_changed_by_making_another():
    url = URL("http", "a", 8000, "/x", "q=1")
    assert str(url.replace(scheme="https", port=None)) == "https://a/x?q=1"
    assert str(url) == "http://a:8000/x?q=1"
    with pytest.raises(AttributeError):
        url.path = "/y"  # type: ignore[misc]
    with pytest.raises(ValueError, match="host"):
        url.replace(host="evil.test/x")


@pytest.mark.parametrize(
    "parts",
    [
        {"scheme": ""},
        {"scheme": "http://x"},
        {"scheme": "HTTP"},
        {"scheme": "http\n"},
        {"host": ""},
        {"host": "a/b"},
        {"host": "a@b"},
        {"host": "a:80"},
        {"host": "[::1]"},
        {"host": "::g"},
        {"port": 65536},
        {"port": -1},
        {"path": ""},
        {"path": "x"},
        {"path": "@google.com"},
    ],
)
def test_parts_that_make_no_url_are_refused(parts):
    with pytest.raises(ValueError, match="scheme|host|port|path|IPv6"):
        URL(**{"scheme": "http", "host": "a", **parts})


def test_the_target_of_options_star_is_the_host_itself():
    """RFC 9110 section 7.1."""
    assert str(URL("http", "a", None, "*")) == "http://a"


@pytest.mark.case(3)
@given(path=st.text(max_size=20).map("/".__add__), query=st.text(max_size=20))
@example(path="//evil.test/x", query="")
@example(path="/?a#b", query="a#b?c")
@example(path="/%2f%zz", query="%zz%41")
@example(path="/\\evil\r\n", query="\r\n")
def test_path_and_query_stay_what_they_are_whatever_they_hold(path, query):
    url = URL("http", "a.test", 8000, path, query)
    text = str(url)
    assert url.path == path
    assert re.fullmatch(r"[!-~]+", text)
    parts = urlsplit(text)
    assert (parts.netloc, parts.fragment) == ("a.test:8000", "")
    assert unquote(parts.path) == path
    assert unquote(parts.query) == unquote(query)


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("/a b", "/a%20b"),
        ("/50%", "/50%25"),
        ("/a%20b", "/a%2520b"),
        ("/café", "/caf%C3%A9"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("/a\\b\r\n\0", "/a%5Cb%0D%0A%00"),
        ("/a;b=c,d:e@f&g+h!$'()*~-._", "/a;b=c,d:e@f&g+h!$'()*~-._"),
        ("/\ud800", "/%3F"),
        ("", ""),
    ],
)
def test_a_path_is_quoted_for_a_url(path, quoted):
    assert quote_path(path) == quoted


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/", "/"),
        ("", ""),
        ("items?page=2#top", "items?page=2#top"),
        ("?page=2", "?page=2"),
        ("/a%20b%2Fc", "/a%20b%2Fc"),
        ("/a b", "/a%20b"),
        ("/käse?q=grün", "/k%C3%A4se?q=gr%C3%BCn"),
        ("/🦖", "/%F0%9F%A6%96"),
        ("/100%", "/100%25"),
        ("/%zz%4", "/%25zz%254"),
        ("/a\\b", "/a%5Cb"),
        ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
        (" //evil.test", "%20//evil.test"),
        ("https://example.com:8000/a?b#c", "https://example.com:8000/a?b#c"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
        ("https://bücher.example/", "https://b%C3%BCcher.example/"),
        ("/a//b", "/a//b"),
        ("/next?to=//evil.test", "/next?to=//evil.test"),
    ],
)
def test_a_redirect_target_is_encoded_and_escapes_that_are_there_stay(target, location):
    assert encode_location(target) == location
    assert encode_location(location) == location


@pytest.mark.case(5)
@pytest.mark.parametrize(
    "target",
    [
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "\\/evil.test",
        "//",
        "//evil.test/%2e%2e",
    ],
)
def test_a_target_that_leaves_the_host_without_a_scheme_is_refused(target):
    with pytest.raises(ValueError, match="leaves this host.*scheme"):
        encode_location(target)


@pytest.mark.case(5)
@pytest.mark.parametrize(
    "target",
    ["/a\r\nSet-Cookie: a=b", "/\t/evil.test", "/\n/evil.test", "\0/a", "/a\x7f", "\x1b/", "https://a\n.b/"],
)
def test_a_target_with_control_characters_is_refused(target):
    with pytest.raises(ValueError, match="control character .* at index"):
        encode_location(target)


@given(st.text(max_size=30))
def test_every_location_is_a_header_value_and_stays_on_its_host(target):
    try:
        location = encode_location(target)
    except ValueError:
        return
    assert check_header("location", location) == ("location", location)
    assert not location.startswith(("//", "/\\", "\\"))
    if "%" not in target:
        assert unquote(location) == target


def test_a_host_with_a_port_is_no_host() -> None:
    with pytest.raises(ValueError, match="is not a host such as"):
        URL("https", "example.com:8000")
