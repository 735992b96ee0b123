"""Queries: an exact table of what each text means, the standard library as oracle, and bounds."""

from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest
from velocipy.http.query import MAX_FIELDS, MAX_LENGTH, Query, decode_escapes, last_values, parse_query


@pytest.mark.case(20)
@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("a=1", [("a", "1")]),
        ("a=1&b=2", [("a", "1"), ("b", "2")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("=a", [("", "a")]),
        ("=", [("", "")]),
        ("&", []),
        ("&&", []),
        ("&a=1&&b=2&", [("a", "1"), ("b", "2")]),
        ("a=1&&=2", [("a", "1"), ("", "2")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=1&a=2&b=3&a=", [("a", "1"), ("a", "2"), ("b", "3"), ("a", "")]),
        ("+=+", [(" ", " ")]),
        ("a+b=c+d&a b=e", [("a b", "c d"), ("a b", "e")]),
        ("a=%2B%20%26%3D%25", [("a", "+ &=%")]),
        ("%61=1&a=2", [("a", "1"), ("a", "2")]),
        ("a=%zz&b=%&c=%4&d=%4g", [("a", "%zz"), ("b", "%"), ("c", "%4"), ("d", "%4g")]),
        ("a=%25zz%2525", [("a", "%zz%25")]),
        ("a=caf%C3%A9&b=%f0%9f%a6%96", [("a", "café"), ("b", "🦖")]),
        ("a=%FF&b=%C3&c=%C3x&d=x%A9", [("a", "\ufffd"), ("b", "\ufffd"), ("c", "\ufffdx"), ("d", "x\ufffd")]),
        ("a=%ED%A0%80&b=%C0%AF", [("a", "\ufffd\ufffd\ufffd"), ("b", "\ufffd\ufffd")]),
        ("a=%EF%BB%BFx", [("a", "\ufeffx")]),
        ("a=%00%0d%0a", [("a", "\0\r\n")]),
        ("a=é%C3%A9&ü=1", [("a", "éé"), ("ü", "1")]),
        ("a=１%３１", [("a", "１%３１")]),
        ("a[]=1&a[]=2", [("a[]", "1"), ("a[]", "2")]),
    ],
)
def test_queries_are_read_as_the_table_says(text, pairs):
    query = parse_query(text)
    assert list(query.items()) == pairs
    assert dict(query) == dict(pairs)
    assert {name: query.getlist(name) for name in query} == {
        name: [value for known, value in pairs if known == name] for name, _ in pairs
    }


@given(st.text("ab=&;+%25cCé29fF", max_size=40))
def test_any_text_means_what_the_standard_library_reads(text):
    expected = parse_qsl(text, keep_blank_values=True, max_num_fields=None)
    assert list(parse_query(text).items()) == expected
    last = dict(expected)
    assert {name: value for name, value in last_values(text).items() if name} == {
        name: value for name, value in last.items() if name
    }


@given(
    st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=8),
    st.sampled_from([quote, quote_plus]),
)
def test_what_was_encoded_is_read_back(pairs, encode):
    text = "&".join(f"{encode(name, safe='')}={encode(value, safe='')}" for name, value in pairs)
    query = parse_query(text)
    assert list(query.items()) == pairs
    for name, _ in pairs:
        assert query.get(name) == query[name] == query.getlist(name)[-1]


@given(st.text(max_size=60))
def test_no_text_makes_reading_fail(text):
    assert isinstance(parse_query(text), Query)
    assert isinstance(decode_escapes(text), str)


@pytest.mark.case(21)
def test_of_a_repeated_name_the_last_value_counts_and_the_list_has_all():
    query = parse_query("page=1&q=x&page=2")
    assert query.get("page") == query["page"] == "2"
    assert query.getlist("page") == ["1", "2"]
    assert query.getlist("q") == ["x"]
    assert len(query) == 2


def test_a_name_that_is_not_there_is_none_the_default_or_a_key_error():
    for query in (parse_query("a=1"), parse_query("a=1&a=2"), parse_query("")):
        assert query.get("b") is None
        assert query.get("b", "d") == "d"
        assert query.getlist("b") == []
        assert "b" not in query
        with pytest.raises(KeyError):
            query["b"]


@pytest.mark.case(19)
def test_a_thousand_fields_are_read_and_one_more_is_a_bad_request():
    fields = [f"a{number}=1" for number in range(MAX_FIELDS)]
    assert len(parse_query("&".join(fields))) == 1_000
    for text in ("&".join([*fields, "b=1"]), "&" * 1_000, "a&" * 1_000):
        with pytest.raises(BadRequest, match="more than 1000 fields"):
            parse_query(text)


@pytest.mark.case(19)
@pytest.mark.parametrize("text", ["&".join(["a=1"] * 100_000), "a=" + "x" * 60_000, "a=" + "%41" * 20_000])
def test_a_flood_is_a_bad_request_within_20_ms(text):
    def refuse():
        with pytest.raises(BadRequest) as caught:
            parse_query(text)
        return caught

    assert within(0.02, refuse)
    caught = refuse()
    assert caught.value.status_code == 400
    assert len(caught.value.detail) < 100


@pytest.mark.parametrize("filler", ["x", "%", "%4", "%C3", "+", "=", "a=&", ";", "é"])
def test_the_longest_query_is_read_in_linear_time(filler):
    text = "a=" + (filler * MAX_LENGTH)[: MAX_LENGTH - 2]
    if text.count("&") >= MAX_FIELDS:
        text = text[: 3 * (MAX_FIELDS - 1)]
    assert within(0.05, lambda: parse_query(text))
