"""Hostile values of parameters: what arrives, and what is refused in which words. Cases 19 to 28 of the list, on both protocols."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from velocipy import Cookie, Depends, Header, HTTPException, Query, Request, VelociPy, guard


@dataclass
class User:
    name: str


# -- the query as a whole --------------------------------------------------------------------------------------------


async def count(request: Request) -> int:
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


QUERIES: list[tuple[str | bytes, list[list[str]]]] = [
    ("a=1;b=2", [["a", "1;b=2"]]),
    ("a", [["a", ""]]),
    ("a=", [["a", ""]]),
    ("=a", [["", "a"]]),
    ("=", [["", ""]]),
    ("", []),
    ("&&", []),
    ("&a=1&&b=2&", [["a", "1"], ["b", "2"]]),
    ("a=1&a=2", [["a", "1"], ["a", "2"]]),
    ("a=b=c", [["a", "b=c"]]),
    ("%zz", [["%zz", ""]]),
    ("a=%", [["a", "%"]]),
    ("a=%4", [["a", "%4"]]),
    ("a=%zz%41", [["a", "%zzA"]]),
    ("a=+", [["a", " "]]),
    ("+a+=+b+", [[" a ", " b "]]),
    ("a=%2B", [["a", "+"]]),
    ("a=%252B", [["a", "%2B"]]),
    ("a%3Db=1%26c", [["a=b", "1&c"]]),
    ("%61=%c3%a9", [["a", "é"]]),
    ("a=%FF", [["a", "\ufffd"]]),
    ("a=%C3", [["a", "\ufffd"]]),
    ("a=%C3%zz", [["a", "\ufffd%zz"]]),
    ("a=%ED%A0%80", [["a", "\ufffd\ufffd\ufffd"]]),
    ("a=%C0%AF", [["a", "\ufffd\ufffd"]]),
    ("a=%00", [["a", "\0"]]),
    ("a=%0D%0A", [["a", "\r\n"]]),
    ("a[]=1&a[b]=2", [["a[]", "1"], ["a[b]", "2"]]),
    ("a?b=c?d", [["a?b", "c?d"]]),
]


@pytest.mark.case(20)
@pytest.mark.parametrize(("query", "pairs"), QUERIES)
def test_a_query_is_read_by_one_grammar(query: str, pairs: list[list[str]], client_of: Any) -> None:
    async def show(request: Request, a: Annotated[list[str], Query()] = []) -> Any:  # noqa: B006
        return [[list(pair) for pair in request.query_params.items()], a]

    expected = [pairs, [value for name, value in pairs if name == "a"]]
    assert client_of(show).ask(f"/?{query}") == (200, expected)


# -- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.case(21)
def test_of_a_repeated_scalar_the_last_counts_and_a_list_takes_all(client_of: Any) -> None:
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


@pytest.mark.case(21)
def test_a_name_in_every_source_is_read_from_the_one_that_the_signature_names(client_of: Any) -> None:
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


@pytest.mark.case(21)
def test_a_marker_inside_of_an_optional_type_says_where_the_value_comes_from(client_of: Any) -> None:
    """`Optional[Annotated[str, Header()]]` is how a shared alias is made optional; the query must not stand in for the header."""
    Token = Annotated[str, Header(alias="x-token")]

    async def show(token: Token | None = None) -> Any:
        return [token]

    client = client_of(show)
    assert client.ask("/", ("x-token", "header")) == (200, ["header"])
    assert client.ask("/?token=query&x-token=query") == (200, [None])


@pytest.mark.case(21)
def test_a_dependency_inside_of_an_optional_type_is_called_and_no_client_stands_in_for_it(
    client_of: Any,
) -> None:
    """`Optional[Annotated[User, Depends(...)]]`: were the marker not seen, the body of a request would be its user."""
    called: list[str] = []

    async def current_user() -> User | None:
        called.append("user")
        return None

    @guard
    async def check(authorization: Annotated[str, Header()] = "") -> str:
        if not authorization:
            raise HTTPException(401)
        return authorization

    async def who(user: Annotated[User, Depends(current_user)] | None = None) -> Any:
        return [user and user.name]

    async def guarded(checked: Annotated[str, Depends(check)] | None = None) -> Any:
        return [checked]

    app = VelociPy(plugins=False)
    app.add_route("/who", who, ["POST"])
    app.add_route("/guarded", guarded)
    client = client_of(app)
    assert client.tell(b'{"name":"admin"}', ("content-type", "application/json"), path="/who") == (
        200,
        [None],
    )
    assert called == ["user"]
    assert client.ask("/guarded?checked=yes") == (401, {"detail": "Unauthorized"})
    assert client.ask("/guarded", ("authorization", "token")) == (200, ["token"])


# -- headers and cookies -----------------------------------------------------------------------------------------------


@pytest.mark.case(24)
def test_a_header_parameter_reads_its_hyphenated_name_alone(client_of: Any) -> None:
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


@pytest.mark.case(24)
def test_a_header_that_is_not_ascii_counts_as_missing(client_of: Any) -> None:
    async def show(x_name: Annotated[str, Header()]) -> str:
        return x_name

    client = client_of(show)
    for value in (b"caf\xc3\xa9", b"\xff", b"a\x80"):
        assert client.refusals("/", ("x-name", value)) == [(["header", "x-name"], "missing")]


COOKIES: list[tuple[str, dict[str, str]]] = [
    ("a=1; b=2", {"a": "1", "b": "2"}),
    ("a=1;b=2", {"a": "1", "b": "2"}),
    ("a=1; a=2", {"a": "1"}),
    ("a", {}),
    ("=1", {}),
    ("a=", {"a": ""}),
    ("a=b=c", {"a": "b=c"}),
    ('a="1"', {"a": "1"}),
    ('a="', {"a": '"'}),
    ('a="1\\"2"', {"a": '1\\"2'}),
    ('a="x; b=y"', {"a": '"x', "b": 'y"'}),
    (" a = 1 ;; ; b=2;", {"a": "1", "b": "2"}),
    ("a=1, b=2", {"a": "1, b=2"}),
    ("$Version=1; a=1", {"$Version": "1", "a": "1"}),
    ("a=%41+%", {"a": "%41+%"}),
    ("a b=1; b=2", {"a b": "1", "b": "2"}),
    ("A=1; a=2", {"A": "1", "a": "2"}),
    ("__proto__=1; a=\\x41", {"__proto__": "1", "a": "\\x41"}),
]


@pytest.mark.case(25)
@pytest.mark.parametrize(("text", "found"), COOKIES)
def test_a_cookie_header_is_read_by_one_grammar(text: str, found: dict[str, str], client_of: Any) -> None:
    async def show(
        request: Request, a: Annotated[str | None, Cookie()] = None, b: Annotated[str | None, Cookie()] = None
    ) -> Any:
        return [request.cookies, a, b]

    assert client_of(show).ask("/", ("cookie", text)) == (200, [found, found.get("a"), found.get("b")])


@pytest.mark.case(25)
def test_cookie_lines_are_joined_and_long_ones_take_no_time(client_of: Any, within: Any) -> None:
    async def show(
        a: Annotated[str | None, Cookie()] = None, b: Annotated[str | None, Cookie()] = None
    ) -> Any:
        return [a and a[:3], b and b[:3]]

    client = client_of(show)
    assert client.ask("/", ("cookie", "a=1"), ("cookie", "b=2; a=3")) == (200, ["1", "2"])
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
    assert client.ask("/", ("cookie", f"a=1; {many}; b=2")) == (200, ["1", None])


# -- the path -----------------------------------------------------------------------------------------------------------


@pytest.mark.case(26)
def test_a_path_converter_takes_what_it_means_and_nothing_else_is_found(client_of: Any) -> None:
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


@pytest.mark.case(26)
def test_long_paths_are_matched_in_linear_time(client_of: Any, linear: Any) -> None:
    async def rest(rest: str) -> str:
        return json.dumps(len(rest))

    app = VelociPy(plugins=False)
    app.add_route("/rest/{rest:path}", rest)
    for path in ("/t/{a}/{b}/x", "/t/{a:int}/{b}/y", "/t/{a}.{b}/z", "/t/v{a:int}/{rest*}"):
        holes = [hole.partition("}")[0].strip("*").partition(":")[0] for hole in path.split("{")[1:]]

        async def show(request: Request) -> list[str]:
            return sorted(request.path_params)

        show.__annotations__.update(dict.fromkeys(holes, str))
        app.add_route(path, show)
    client = client_of(app)
    assert client.ask("/rest/" + "a/" * 5_000 + "a") == (200, 10_001)
    assert client.ask("/t/" + "1/" * 5_000)[0] == 404
    linear(lambda n: client.ask("/rest/" + "a/" * n + "a"), 5_000)
    linear(lambda n: client.ask("/t/" + "1/" * n), 5_000)
    linear(lambda n: client.ask("/t/" + "." * n + "/q"), 5_000)
    linear(lambda n: client.ask("/none/" + "%41" * n), 5_000)
