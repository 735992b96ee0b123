"""Cases 19 to 28: parameters, from the query to the types that an endpoint gets. One app of the test's own, over both protocols."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from case_parameters import COOKIES, INTS, QUERIES, SCALARS, Colour, combinations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from velocipy import Cookie, Header, Query, Request, VelociPy


async def count(request: Request) -> int:
    """How many fields the query has."""
    return len(request.query_params.items())


@pytest.mark.case(19)
def test_a_query_of_too_many_fields_or_too_long_is_refused_at_once(client_of: Any, within: Any) -> None:
    async def typed(a: int = 0) -> int:
        return a

    app = VelociPy(plugins=False)
    app.add_route("/", count)
    app.add_route("/typed", typed)
    client = client_of(app)
    for path in ("/", "/typed"):
        for fields in ("a=1&" * 100_000, "&" * 100_000, "&".join(f"{n}=" for n in range(100_000))):
            within(0.020, lambda fields=fields, path=path: client.ask(f"{path}?{fields}"))
            assert client.ask(f"{path}?{fields}") == (
                400,
                {"detail": "The query has more than 32768 characters"},
            )
        assert client.ask(f"{path}?a={'x' * 60_000}")[0] == 400
        assert client.ask(f"{path}?{'&'.join(['b=1'] * 1_001)}") == (
            400,
            {"detail": "The query has more than 1000 fields"},
        )
    assert client.ask(f"/?{'&'.join(f'a{n}=1' for n in range(1_000))}") == (200, 1_000)
    assert client.ask(f"/?{'&'.join(['a=1'] * 1_000)}") == (200, 1_000)


@pytest.mark.case(20)
def test_a_query_is_read_by_one_grammar(client_of: Any) -> None:
    async def show(request: Request, a: Annotated[list[str], Query()] = []) -> Any:  # noqa: B006
        return [[list(pair) for pair in request.query_params.items()], a]

    client = client_of(show)
    for query, pairs in QUERIES:
        expected = [pairs, [value for name, value in pairs if name == "a"]]
        assert client.ask(f"/?{query}") == (200, expected), query


@pytest.mark.case(21)
def test_of_a_repeated_scalar_the_last_counts_and_each_source_is_read_alone(client_of: Any) -> None:
    async def show(page: int = 0, tags: Annotated[list[int], Query()] = [7]) -> Any:  # noqa: B006
        return [page, tags]

    client = client_of(show)
    assert client.ask("/?page=1&page=2") == (200, [2, [7]])
    assert client.ask("/?page=x&page=2") == (200, [2, [7]])
    assert client.refusals("/?page=2&page=x") == [(["query", "page"], "int_parsing")]
    assert client.ask("/?tags=3") == (200, [0, [3]])
    assert client.ask("/?tags=3&page=1&tags=3&tags=4") == (200, [1, [3, 3, 4]])
    assert client.refusals("/?tags=3&tags=x&tags=") == [
        (["query", "tags", 1], "int_parsing"),
        (["query", "tags", 2], "int_parsing"),
    ]

    async def every(
        x: str,
        q: Annotated[str | None, Query(alias="x")] = None,
        c: Annotated[str | None, Cookie(alias="x")] = None,
        h: Annotated[str | None, Header(alias="x")] = None,
    ) -> Any:
        return [x, q, c, h]

    async def path(x: str) -> str:
        return json.dumps(x)

    app = VelociPy(plugins=False)
    app.add_route("/every/{x}", every)
    app.add_route("/path/{x}", path)
    for name, marker in {"query": Query(), "header": Header(), "cookie": Cookie()}.items():

        async def one(x: Any = None) -> Any:
            return [x]

        one.__annotations__["x"] = Annotated[str | None, marker]
        app.add_route(f"/one/{name}", one)
    client = client_of(app)
    headers = [("cookie", "x=c"), ("x", "h")]
    assert client.ask("/every/p?x=q", *headers) == (200, ["p", "q", "c", "h"])
    assert client.ask("/every/p") == (200, ["p", None, None, None])
    assert client.ask("/path/p?x=q", *headers) == (200, "p")
    assert [client.ask(f"/one/{name}?x=q", *headers)[1] for name in ("query", "header", "cookie")] == [
        ["q"],
        ["h"],
        ["c"],
    ]
    assert client.ask("/one/header?x=q", ("cookie", "x=c")) == (200, [None])


@dataclass
class Plain:
    value: int


class Struct(msgspec.Struct):
    value: int


class Model(pydantic.BaseModel):
    value: int


@pytest.mark.case(22)
def test_an_int_is_digits_for_every_backend_and_encoder(client_of: Any, within: Any) -> None:
    async def bare(value: int) -> Any:
        return value

    app_routes: dict[str, Any] = {"/bare": bare}
    for model in (Plain, Struct, Model):

        async def spread(values: Any) -> Any:
            return values.value

        spread.__annotations__["values"] = Annotated[model, Query()]
        app_routes[f"/{model.__name__}"] = spread
    refused = {
        "loc": ["query", "value"],
        "msg": "Invalid query parameter 'value': not a valid integer",
        "type": "int_parsing",
    }
    for encoder in ("stdlib", "orjson", "msgspec"):
        app = VelociPy(plugins=False, json_encoder=encoder)
        for path, endpoint in app_routes.items():
            app.add_route(path, endpoint)
        client = client_of(app)
        for path in app_routes:
            for text, value in INTS.items():
                expected = (422, {"detail": [refused]}) if value is None else (200, value)
                assert client.ask(f"{path}?value={text}") == expected, (encoder, path, text)
            within(0.005, lambda path=path, client=client: client.ask(f"{path}?value={'9' * 30_000}"))


@pytest.mark.case(23)
def test_a_scalar_is_exactly_what_its_grammar_says(client_of: Any, within: Any) -> None:
    app = VelociPy(plugins=False)
    for number, (kind, *_) in enumerate(SCALARS):

        async def show(value: Any) -> str:
            return json.dumps(type(value).__name__)

        show.__annotations__["value"] = kind
        app.add_route(f"/{number}", show)
    client = client_of(app)
    for number, (_, good, bad, rule) in enumerate(SCALARS):
        for text in good:
            assert client.ask(f"/{number}?value={text}")[0] == 200, text
        for text in bad:
            assert client.refusals(f"/{number}?value={text}") == [(["query", "value"], rule)], text
        within(0.005, lambda number=number: client.ask(f"/{number}?value={'9' * 30_000}"))


@pytest.mark.case(24)
def test_a_header_parameter_reads_its_hyphenated_name_and_ascii_alone(client_of: Any) -> None:
    async def show(
        x_request_id: Annotated[str | None, Header()] = None,
        x_many: Annotated[list[str] | None, Header()] = None,
        raw: Annotated[str | None, Header(alias="x_raw")] = None,
    ) -> Any:
        return [x_request_id, x_many, raw]

    client = client_of(show)
    assert client.ask("/", ("X-Request-ID", "a")) == (200, ["a", None, None])
    assert client.ask("/", ("x_request_id", "a"), ("x_many", "b")) == (200, [None, None, None])
    assert client.ask("/", ("x_raw", "a"), ("x-raw", "b")) == (200, [None, None, "a"])
    assert client.ask("/", ("x-request-id", "a"), ("x-request-id", "b")) == (200, ["a", None, None])
    assert client.ask("/", ("x-many", "a, b"), ("x-many", "c,,d")) == (
        200,
        [None, ["a", "b", "c", "d"], None],
    )

    async def named(x_name: Annotated[str, Header()]) -> str:
        return x_name

    client = client_of(named)
    for value in (b"caf\xc3\xa9", b"\xff", b"a\x80"):
        assert client.refusals("/", ("x-name", value)) == [(["header", "x-name"], "missing")]


@pytest.mark.case(25)
def test_cookies_are_read_by_one_grammar_in_no_time(client_of: Any, within: Any) -> None:
    async def show(
        request: Request, a: Annotated[str | None, Cookie()] = None, b: Annotated[str | None, Cookie()] = None
    ) -> Any:
        return [request.cookies, a, b]

    client = client_of(show)
    for text, found in COOKIES:
        assert client.ask("/", ("cookie", text)) == (200, [found, found.get("a"), found.get("b")]), text
    joined = client.ask("/", ("cookie", "a=1"), ("cookie", "b=2; a=3"))
    assert joined == (200, [{"a": "1", "b": "2"}, "1", "2"])
    for text in (
        'a="' + '\\"' * 30_000 + '"; b=2',
        "a=" + '"' * 60_000,
        "a;" * 30_000,
        "a=1;" + " " * 60_000,
        "=" * 60_000,
    ):
        assert client.ask("/", ("cookie", text))[0] == 200
        within(0.005, lambda text=text: client.ask("/", ("cookie", text)))
    many = "; ".join(f"c{n}=1" for n in range(5_000))
    assert client.ask("/", ("cookie", f"a=1; {many}; b=2"))[1][1:] == ["1", None]


@pytest.mark.case(26)
def test_a_path_converter_takes_what_it_means_in_linear_time(client_of: Any, linear: Any) -> None:
    async def number(id: int) -> str:
        return json.dumps(id)

    async def annotated(id: int) -> str:
        return json.dumps(id)

    async def rest(rest: str) -> str:
        return json.dumps(rest)

    async def one(name: str) -> str:
        return json.dumps(name)

    app = VelociPy(plugins=False)
    app.add_route("/int/{id:int}", number)
    app.add_route("/annotated/{id}", annotated)
    app.add_route("/rest/{rest:path}", rest)
    app.add_route("/one/{name}", one)
    for path in ("/t/{a}/{b}/x", "/t/{a:int}/{b}/y", "/t/{a}.{b}/z", "/t/v{a:int}/{rest*}"):
        holes = [hole.partition("}")[0].strip("*").partition(":")[0] for hole in path.split("{")[1:]]

        async def show(request: Request) -> list[str]:
            return sorted(request.path_params)

        show.__annotations__.update(dict.fromkeys(holes, str))
        app.add_route(path, show)
    client = client_of(app)
    assert client.ask("/int/-1") == (200, -1)
    assert client.ask(f"/int/{'9' * 30}") == (200, int("9" * 30))
    for text in ("%2B1", "+1", "1.0", "1_0", "%D9%A1", "0x1", "%201", "1%0A", "9" * 5_000, "9" * 10_000, "-"):
        assert client.ask(f"/int/{text}") == (404, {"detail": "Not Found"}), text
        assert client.refusals(f"/annotated/{text}") == [(["path", "id"], "int_parsing")], text
    for path in ("a/../../b", "../x", "a//b", ".", "..", "a%2F..%2Fb", "%2e%2e/x", "a/./b", "/a", "a//"):
        assert client.ask(f"/rest/{path}") == (404, {"detail": "Not Found"}), path
    assert client.ask("/rest/a/...b/") == (200, "a/...b/")
    assert client.ask("/one/" + "x" * 10_000) == (200, "x" * 10_000)
    assert client.ask("/one/a/b")[0] == 404
    assert client.ask("/rest/" + "a/" * 5_000 + "a") == (200, "a/" * 5_000 + "a")
    assert client.ask("/t/" + "1/" * 5_000)[0] == 404
    linear(lambda n: client.ask("/rest/" + "a/" * n + "a"), 5_000)
    linear(lambda n: client.ask("/t/" + "1/" * n), 5_000)
    linear(lambda n: client.ask("/t/" + "." * n + "/q"), 5_000)
    linear(lambda n: client.ask("/none/" + "%41" * n), 5_000)


@pytest.mark.case(27)
def test_a_422_is_small_utf8_json_that_repeats_no_value(client_of: Any) -> None:
    async def show(
        n: int,
        ids: Annotated[list[int], Query()] = [],  # noqa: B006
        kind: Colour = Colour.RED,
        known: Annotated[str, Query(extra="forbid", max_length=3)] = "",
    ) -> str:
        return "{}"

    client = client_of(show)
    hostile = [
        "%ED%A0%80",
        "%00",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "hunter2" * 2_000,
        "%22%5C%0D%0A",
        "%F0%9F%98%80",
    ]
    for value in hostile:
        for query in (
            f"n={value}",
            f"n=1&kind={value}",
            f"n=1&known={value}&known={value}xxxx",
            f"n=1&{value}=1",
        ):
            status, content = client.ask(f"/?{query}")
            assert status == 422
            text = json.dumps(content)
            assert len(text) < 500
            assert "hunter2" not in text or query.endswith("=1")
            assert "script" not in text or query.endswith("=1")
    many = "&".join(["ids=hunter2"] * 900) + "&" + "&".join(f"u{n}=1" for n in range(90))
    status, content = client.ask(f"/?n=x&{many}")
    assert status == 422
    assert len(content["detail"]) <= 100
    assert "hunter2" not in json.dumps(content)
    for model in (Plain, Struct, Model):
        assert_small_refusals(model, client_of)


def assert_small_refusals(model: Any, client_of: Any) -> None:
    """The same of a body."""

    async def take(item: Any) -> str:
        return "{}"

    take.__annotations__["item"] = dict[str, model]
    client = client_of(take, method="POST")
    key = "<script>" + "k" * 100_000
    for body in (
        {key: {"value": "hunter2" * 100_000}},
        {"\0\n": {"value": "\0"}},
        {f"{n}": {"value": "hunter2"} for n in range(5_000)},
    ):
        answer = client.post("/", json=body)
        assert answer.status_code == 422
        assert answer.content.decode("utf-8").isprintable() or "\\u0000" in answer.text
        assert len(answer.content) < 20_000
        assert "hunter2" not in answer.text


@pytest.mark.case(28)
def test_an_endpoint_never_gets_a_value_of_another_type(client_of: Any) -> None:
    app, seen = VelociPy(plugins=False), list[Any]()
    ways = combinations()
    for number, (_, annotation, _, default) in enumerate(ways):

        async def take(x: Any) -> str:
            seen.append(x)
            return "{}"

        take.__annotations__["x"] = annotation
        take.__defaults__ = None if default is ... else (default,)
        app.add_route(f"/{number}", take)
    client = client_of(app)

    alphabet = st.sampled_from(
        [*string.digits, *"-.eE+_ truefalsnoyTRUE", "red", "%00", "%FF", "&x=", ";", "\u0661"]
    )

    @settings(
        max_examples=settings().max_examples * 5,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(
        st.sampled_from(range(len(ways))), st.one_of(st.none(), st.lists(alphabet, max_size=6).map("".join))
    )
    def hold(number: int, text: str | None) -> None:
        seen.clear()
        status, _ = client.ask(f"/{number}" if text is None else f"/{number}?x={text}".encode())
        assert status in (200, 422)
        assert len(seen) == (status == 200)
        for value in seen:
            assert type(value) in ways[number][2], (ways[number][0], text, value)

    hold()
