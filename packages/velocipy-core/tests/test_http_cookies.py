"""Cookies: one odd cookie never costs the others, and nothing is written that a browser reads otherwise."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy.http.cookies import MAX_COOKIES, MAX_SET_COOKIE, format_cookie, parse_cookies
from velocipy.http.fields import check_header


@pytest.mark.case(25)
@pytest.mark.parametrize(
    ("text", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;;  ; c=3;", {"a": "1", "b": "2", "c": "3"}),
        ("__Host-a=1; __Host-a=2", {"__Host-a": "1"}),
        ("=__Host-x=bad; a=1", {"a": "1"}),
        ("nameless; a=1", {"a": "1"}),
        ("{json}; [x]; a=1", {"a": "1"}),
        ("foo[bar]=1; a=1", {"foo[bar]": "1", "a": "1"}),
        ("x=a b c; a=1", {"x": "a b c", "a": "1"}),
        ("é=1; n=café; a=1", {"é": "1", "n": "café", "a": "1"}),
        ("a=; b=", {"a": "", "b": ""}),
        ("a=b=c", {"a": "b=c"}),
        (" a = 1 ;\tb\t=\t2\t", {"a": "1", "b": "2"}),
        ('a="quoted, text"; b=1', {"a": "quoted, text", "b": "1"}),
        ('a="', {"a": '"'}),
        ('a=""; b="x', {"a": "", "b": '"x'}),
        (r'a="\"\073\\"; b=1', {"a": r"\"\073\\", "b": "1"}),
        ('a="x; b=1"; c=2', {"a": '"x', "b": '1"', "c": "2"}),
        ("a=%20+%zz", {"a": "%20+%zz"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("$Version=1; a=1, b=2", {"$Version": "1", "a": "1, b=2"}),
    ],
)
def test_cookies_are_read_as_the_table_says(text, cookies):
    assert parse_cookies(text) == cookies


@given(st.text(max_size=200))
def test_no_text_makes_reading_fail(text):
    cookies = parse_cookies(text)
    assert all(name and name == name.strip(" \t") for name in cookies)


cookie_names = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
cookie_values = st.text([chr(c) for c in range(0x21, 0x7F) if chr(c) not in '",;\\'], max_size=20)


@given(
    st.dictionaries(cookie_names, cookie_values, max_size=6),
    st.lists(st.text(max_size=10).filter(lambda junk: "=" not in junk and ";" not in junk), max_size=4),
)
def test_odd_pairs_between_good_ones_cost_nothing(good, junk):
    pairs = [f"{name}={value}" for name, value in good.items()]
    assert parse_cookies(";".join(["x", *junk, *pairs, *junk])) == good


@given(cookie_names, cookie_values)
def test_what_is_written_is_read_back(name, value):
    if not name.lower().startswith(("__host-", "__secure-")):
        assert parse_cookies(format_cookie(name, value).partition(";")[0]) == {name: value}


@pytest.mark.case(25)
@pytest.mark.parametrize(
    "text", ['a="' + '\\"' * 30_000 + '"', "a=" + '"' * 60_000, "=" * 60_000, ";" * 60_000]
)
def test_60_kb_of_escaped_quotes_take_less_than_5_ms(text):
    """CVE-2024-7592: the standard library takes 3 s for the first."""
    assert within(0.005, lambda: parse_cookies(text))


@pytest.mark.case(25)
def test_a_request_has_a_bounded_number_of_cookies():
    cookies = parse_cookies("; ".join(f"a{number}=1" for number in range(100_000)))
    assert list(cookies) == [f"a{number}" for number in range(MAX_COOKIES)]
    assert set(cookies.values()) == {"1"}


def test_a_cookie_is_httponly_and_lax_unless_asked_otherwise():
    assert format_cookie("a", "1") == "a=1; Path=/; HttpOnly; SameSite=Lax"
    assert format_cookie("a", httponly=False, samesite=None, path=None) == "a="


def test_attributes_stand_in_the_usual_order():
    line = format_cookie(
        "__Secure-a",
        "1",
        max_age=3600,
        expires=datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC),
        domain=".Example.com",
        path="/shop",
        secure=True,
        samesite="none",
        partitioned=True,
    )
    assert line == (
        "__Secure-a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=3600; Domain=example.com; Path=/shop; "
        "Secure; HttpOnly; SameSite=None; Partitioned"
    )
    assert check_header("set-cookie", line) == ("set-cookie", line)


def test_expires_is_an_aware_moment_or_seconds_from_now():
    east = timezone(timedelta(hours=2))
    assert "Expires=Sun, 06 Nov 1994 08:49:37 GMT" in format_cookie(
        "a", expires=datetime(1994, 11, 6, 10, 49, 37, tzinfo=east)
    )
    line = format_cookie("a", expires=3600)
    written = re.search(r"Expires=([^;]+)", line)[1]  # type: ignore[index]
    moment = datetime.strptime(written, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(seconds=3590) < moment - datetime.now(UTC) <= timedelta(seconds=3600)


@pytest.mark.parametrize(
    "options",
    [
        {"expires": datetime(2030, 1, 1)},
        {"expires": -1},
        {"expires": 10**15},
        {"expires": "tomorrow"},
        {"max_age": -1},
        {"max_age": True},
        {"max_age": 1.5},
        {"max_age": "3600"},
    ],
)
def test_a_lifetime_that_means_nothing_is_refused(options):
    with pytest.raises(ValueError, match="max_age|seconds"):
        format_cookie("a", "1", **options)


@pytest.mark.parametrize(
    "name", ["", "a b", " a", "a=b", "a;b", "a,b", "a\n", "é", '"a"', "a\0", "a[b]", None, b"a"]
)
def test_a_name_that_is_no_token_is_refused(name):
    with pytest.raises(ValueError, match="cookie name"):
        format_cookie(name, "1")


@pytest.mark.parametrize(
    "value", ["a;b", "a b", 'a"b', '"a"', "a,b", "a\\b", "a\r\nSet-Cookie: b=1", "\0", "\x7f", "é", 5, b"a"]
)
def test_a_value_with_other_than_cookie_octets_is_refused_with_the_way_out(value):
    with pytest.raises(ValueError, match=r"'a' needs a str value.*urllib\.parse\.quote"):
        format_cookie("a", value)


@pytest.mark.parametrize(
    "options",
    [
        {"path": "/; Domain=evil.test"},
        {"path": "shop"},
        {"path": ""},
        {"path": "/é"},
        {"path": "/a\r\nX: 1"},
        {"path": "/" + "a" * 1024},
        {"path": 5},
        {"domain": "a.test; Secure"},
        {"domain": "a.test/"},
        {"domain": ""},
        {"domain": "..a.test"},
        {"domain": "a.test\n"},
        {"domain": "a" * 300},
        {"domain": "é.test"},
        {"domain": "[::1]"},
        {"samesite": "lax; Domain=evil.test"},
        {"samesite": "sometimes"},
        {"samesite": 1},
    ],
)
def test_no_attribute_can_bring_another_one_in(options):
    """CVE-2026-35536."""
    with pytest.raises(ValueError, match=next(iter(options))):
        format_cookie("a", "1", **options)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_whatever_is_written_is_one_header_with_our_attributes_only(name, value, path, domain):
    try:
        line = format_cookie(name, value, path=path, domain=domain)
    except ValueError:
        return
    assert check_header("set-cookie", line)
    keys = [attribute.partition("=")[0] for attribute in line.split("; ")]
    assert keys == [name, "Domain", "Path", "HttpOnly", "SameSite"]


@pytest.mark.parametrize("name", ["__Host-a", "__host-a", "__HOST-a"])
@pytest.mark.parametrize(
    "options", [{}, {"path": "/a"}, {"path": None}, {"domain": "a.test"}, {"secure": False}]
)
def test_a_host_prefix_is_held_to_its_promise(name, options):
    assert "Secure" in format_cookie(name, "1", secure=True)
    with pytest.raises(ValueError, match="promises"):
        format_cookie(name, "1", **{"secure": bool(options), **options})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("__Secure-a", {}),
        ("__secure-a", {}),
        ("a", {"samesite": "none"}),
        ("a", {"samesite": "None"}),
        ("a", {"partitioned": True}),
    ],
)
def test_what_browsers_drop_without_secure_is_refused_without_it(name, options):
    assert "Secure" in format_cookie(name, "1", secure=True, **options)
    with pytest.raises(ValueError, match="secure=True"):
        format_cookie(name, "1", **options)


@pytest.mark.case(73)
def test_a_cookie_has_at_most_4096_bytes_with_its_attributes():
    room = MAX_SET_COOKIE - len(format_cookie("a", ""))
    assert len(format_cookie("a", "x" * (room - 1))) == 4095
    assert len(format_cookie("a", "x" * room)) == 4096
    with pytest.raises(ValueError, match="takes 4097 bytes"):
        format_cookie("a", "x" * (room + 1))
