"""API keys, Basic and Bearer: what comes in, what is refused and how, on both protocols."""

import base64
import hmac
from typing import Annotated, Any

import pytest

from velocipy import Depends, VelociPy
from velocipy.config import Secret
from velocipy.exceptions import ConfigurationError
from velocipy.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    SecurityBase,
    same_secret,
)
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


def shut(interface: Any, scheme: Any) -> TestClient:
    """A client of an app that says who came in: None where the scheme let somebody through without credentials."""
    app = VelociPy()

    @app.get("/")
    async def who(given: Annotated[Any, Depends(scheme)]) -> Any:
        return {"given": given if isinstance(given, str) or given is None else repr(given)}

    return TestClient(app, interface=interface)


def raw(headers: list[tuple[str, str]]) -> Any:
    return {"headers": headers}


def query(*values: str) -> Any:
    return {"params": [("k", value) for value in values]}


HEADER = APIKeyHeader("X-API-Key", keys=[OTHER, KEY])
QUERY = APIKeyQuery("k", keys=[OTHER, KEY])
COOKIE = APIKeyCookie("k", keys=[OTHER, KEY])

MISSING, WRONG = "Not authenticated", "Invalid authentication credentials"


@pytest.mark.case(79)
@both
@pytest.mark.parametrize(
    ("scheme", "request_", "detail"),
    [
        (HEADER, raw([]), MISSING),
        (HEADER, raw([("x-api-key", "")]), MISSING),
        (HEADER, raw([("x-api-key", "   ")]), MISSING),
        (HEADER, raw([("x_api_key", KEY)]), MISSING),
        (HEADER, raw([("x-api-key", KEY[:-1])]), WRONG),
        (HEADER, raw([("x-api-key", KEY + "0")]), WRONG),
        (HEADER, raw([("x-api-key", KEY.upper())]), WRONG),
        (HEADER, raw([("x-api-key", f"{KEY}, {OTHER}")]), WRONG),
        (HEADER, raw([("x-api-key", KEY), ("x-api-key", KEY)]), WRONG),
        (HEADER, raw([("x-api-key", ""), ("x-api-key", KEY)]), WRONG),
        (HEADER, raw([("x-api-key", "a" * 1_000_000)]), WRONG),
        (QUERY, query(), MISSING),
        (QUERY, query(""), MISSING),
        (QUERY, query(" "), MISSING),
        (QUERY, query(KEY[:-1]), WRONG),
        (QUERY, query("é" * 32), WRONG),
        (QUERY, query(KEY, KEY), WRONG),
        (QUERY, query(KEY, ""), WRONG),
        (QUERY, query("a" * 5_000), WRONG),
        (COOKIE, raw([]), MISSING),
        (COOKIE, raw([("cookie", "k=")]), MISSING),
        (COOKIE, raw([("cookie", f"k={KEY[:-1]}")]), WRONG),
        (COOKIE, raw([("cookie", f"k=x; k={KEY}")]), WRONG),
        (COOKIE, raw([("cookie", f"K={KEY}")]), MISSING),
    ],
)
def test_a_key_that_is_not_exactly_one_of_the_accepted_is_a_401(
    interface: str, scheme: Any, request_: Any, detail: str
) -> None:
    answer = shut(interface, scheme).get("/", **request_)
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert answer.headers["www-authenticate"] == scheme.challenge()
    assert KEY not in answer.text


@pytest.mark.case(79)
@both
def test_a_key_of_other_bytes_than_ascii_is_no_key(interface: str) -> None:
    """As a header it counts as missing, since RSGI servers do not pass it on."""
    headers: Any = [(b"x-api-key", b"\xff" * 32)]
    answer = shut(interface, HEADER).get("/", headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, MISSING)
    for escaped in ("%ED%A0%80", "%FF%FE", "%00", "%E2%80%AE"):
        answer = shut(interface, QUERY).get(f"/?k={escaped}")
        assert (answer.status_code, answer.json()["detail"]) == (401, WRONG)


@both
@pytest.mark.parametrize(
    ("scheme", "request_"),
    [
        (HEADER, raw([("X-Api-Key", KEY)])),
        (QUERY, query(KEY)),
        (COOKIE, raw([("cookie", f"a=1; k={KEY}")])),
        (APIKeyHeader("x-key"), raw([("x-key", KEY)])),
        (APIKeyHeader("x-key", keys=[Secret(KEY)]), raw([("x-key", KEY)])),
    ],
)
def test_an_accepted_key_is_given(interface: str, scheme: Any, request_: Any) -> None:
    assert shut(interface, scheme).get("/", **request_).json() == {"given": KEY}


@pytest.mark.case(79)
@both
def test_every_accepted_key_is_compared_in_constant_time(
    interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return bool(real(one, other))

    monkeypatch.setattr(hmac, "compare_digest", spy)
    client = shut(interface, APIKeyHeader("k", keys=[KEY, OTHER]))
    assert client.get("/", headers={"k": KEY}).status_code == 200
    assert compared == [KEY.encode(), OTHER.encode()]  # the second too, though the first was equal


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.case(80)
@both
@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ([], MISSING),
        (["Basic"], MISSING),
        (["Basic   "], MISSING),
        (["Basic !!!!"], WRONG),
        (["Basic YTpi YTpi"], WRONG),
        (["Basic YTp"], WRONG),
        ([basic("nocolon")], WRONG),
        ([basic(":")], WRONG),
        ([basic(b"\xff\xfe:x")], WRONG),
        ([basic("a\0:b")], WRONG),
        ([basic("a:b\n")], WRONG),
        ([basic("a:b"), basic("a:b")], WRONG),
        (["Bearer " + "a" * 20], WRONG),
        (["Basic " + "A" * 1_000_000], WRONG),
        (["Basic\t" + basic("a:b")[6:]], WRONG),
    ],
)
def test_basic_credentials_that_cannot_be_read_are_a_401_with_a_challenge(
    interface: str, lines: list[str], detail: str
) -> None:
    client = shut(interface, HTTPBasic(realm="ops"))
    answer = client.get("/", headers=[("authorization", line) for line in lines])
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert answer.headers["www-authenticate"] == 'Basic realm="ops", charset="UTF-8"'


@pytest.mark.case(80)
@both
@pytest.mark.parametrize(
    ("line", "name", "password"),
    [
        (basic("ada:secret"), "ada", "secret"),
        (basic("ada:a:b:c"), "ada", "a:b:c"),
        (basic("jäsøn:naïve 密码"), "jäsøn", "naïve 密码"),
        (basic(":key"), "", "key"),
        (basic("ada:"), "ada", ""),
        ("basic  " + basic("ada:x")[6:], "ada", "x"),
        ("BASIC " + basic("ada:x")[6:] + "  ", "ada", "x"),
    ],
)
def test_basic_gives_name_and_password(interface: str, line: str, name: str, password: str) -> None:
    seen: list[HTTPBasicCredentials] = []
    app = VelociPy()

    @app.get("/")
    async def endpoint(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
        seen.append(given)

    assert TestClient(app, interface=interface).get("/", headers={"authorization": line}).status_code == 204
    assert seen == [HTTPBasicCredentials(name, password)]
    assert seen[0].matches(name, password) is (password != "")


def test_credentials_match_only_as_a_whole_and_nothing_matches_an_empty_secret() -> None:
    given = HTTPBasicCredentials("ada", "päss")
    assert given.matches("ada", "päss")
    for name, password in (("ada", "x"), ("eve", "päss"), ("eve", "x"), ("ada", "")):
        assert not given.matches(name, password)
    assert not same_secret("", "") and not same_secret(b"", b"") and same_secret("é", "é".encode())


BEARERS = [HTTPBearer(), OAuth2PasswordBearer("/token")]


@pytest.mark.case(81)
@both
@pytest.mark.parametrize("scheme", BEARERS, ids=repr)
@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ([], MISSING),
        (["Bearer"], MISSING),
        (["Bearer "], MISSING),
        (["Bearer      "], MISSING),
        (["Bearer \t"], WRONG),
        (["Bearer\tabc"], WRONG),
        (["Bearer a b"], WRONG),
        (["Bearer a,b"], WRONG),
        (["Bearer a=b"], WRONG),
        (['Bearer "abc"'], WRONG),
        (["Bearerabc"], WRONG),
        (["abc"], WRONG),
        (["Basic YTpi"], WRONG),
        (["Bearer abc", "Bearer abc"], WRONG),
        (["Bearer " + "a" * 1_000_000], WRONG),
    ],
)
def test_a_token_that_is_none_is_a_401_with_a_challenge(
    interface: str, scheme: Any, lines: list[str], detail: str
) -> None:
    answer = shut(interface, scheme).get("/", headers=[("authorization", line) for line in lines])
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    challenge = 'Bearer error="invalid_token"' if detail == WRONG else "Bearer"
    assert answer.headers["www-authenticate"] == challenge  # RFC 6750 section 3.1: no error for no token


@pytest.mark.case(81)
@both
@pytest.mark.parametrize(
    "line", ["Bearer abc.DEF-_~+/==", "bearer abc.DEF-_~+/==", "BEARER   abc.DEF-_~+/== "]
)
def test_a_token_is_given_however_the_word_bearer_is_written(interface: str, line: str) -> None:
    answer = shut(interface, OAuth2PasswordBearer("token")).get("/", headers={"authorization": line})
    assert answer.json() == {"given": "abc.DEF-_~+/=="}


@pytest.mark.case(83)
@both
@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        (APIKeyHeader("k", auto_error=False), {}),
        (APIKeyHeader("k", keys=[KEY], auto_error=False), {"k": OTHER}),
        (APIKeyQuery("k", auto_error=False), {}),
        (APIKeyCookie("k", auto_error=False), {}),
        (HTTPBasic(auto_error=False), {}),
        (HTTPBasic(auto_error=False), {"authorization": "Basic !!!"}),
        (HTTPBearer(auto_error=False), {"authorization": "Basic YTpi"}),
        (OAuth2PasswordBearer("/t", auto_error=False), {}),
    ],
)
def test_without_auto_error_the_endpoint_decides(interface: str, scheme: Any, headers: Any) -> None:
    assert shut(interface, scheme).get("/", headers=headers).json() == {"given": None}


@both
def test_two_schemes_can_be_two_ways_in(interface: str) -> None:
    app = VelociPy()
    token, key = HTTPBearer(auto_error=False), APIKeyHeader("x-api-key", keys=[KEY], auto_error=False)

    async def anybody(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(token)],
        api_key: Annotated[str | None, Depends(key)],
    ) -> str:
        if bearer is None and api_key is None:
            raise token.refusal(MISSING)
        return "token" if bearer else "key"

    @app.get("/")
    async def endpoint(way: Annotated[str, Depends(anybody)]) -> str:
        return way

    client = TestClient(app, interface=interface)
    assert client.get("/").status_code == 401
    assert client.get("/", headers={"authorization": "Bearer abc"}).text == "token"
    assert client.get("/", headers={"x-api-key": KEY}).text == "key"


@pytest.mark.case(83)
@pytest.mark.parametrize(
    ("scheme", "described"),
    [
        (
            APIKeyHeader("X-K", description="d"),
            {"type": "apiKey", "in": "header", "name": "X-K", "description": "d"},
        ),
        (APIKeyQuery("k"), {"type": "apiKey", "in": "query", "name": "k"}),
        (APIKeyCookie("k"), {"type": "apiKey", "in": "cookie", "name": "k"}),
        (HTTPBasic(), {"type": "http", "scheme": "basic"}),
        (HTTPBearer(bearerFormat="JWT"), {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    ],
)
def test_a_scheme_describes_itself_for_openapi(scheme: Any, described: dict[str, str]) -> None:
    assert dict(scheme.scheme) == described
    assert scheme.scheme_name == type(scheme).__name__ and scheme.auto_error


@both
def test_a_scheme_of_ones_own_is_a_guard_like_ours(interface: str) -> None:
    class Door(SecurityBase):
        async def __call__(self, knock: str = "") -> str | None:
            if knock == "twice":
                return "friend"
            self.refuse()
            return None

    door = Door("door", {"type": "apiKey", "in": "query", "name": "knock"})
    app = VelociPy()

    @app.get("/")
    async def endpoint(page: int, who: Annotated[str, Depends(door)]) -> str:
        return who

    client = TestClient(app, interface=interface)
    assert client.get("/?page=x").status_code == 401  # and not 422
    assert client.get("/?page=1&knock=twice").text == "friend"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: APIKeyHeader("x key"), "a key in a header .* is no name"),
        (lambda: APIKeyHeader(""), "visible ASCII"),
        (lambda: APIKeyCookie("a;b"), "a key in a cookie .* is no name"),
        (lambda: APIKeyQuery('a"b'), "without quotes"),
        (lambda: APIKeyHeader("k", keys=[]), "nobody could come in"),
        (lambda: APIKeyHeader("k", keys=[""]), "too easily guessed"),
        (lambda: APIKeyHeader("k", keys=["short"]), "too easily guessed"),
        (lambda: APIKeyHeader("k", keys=["é" * 20]), "visible ASCII"),
        (lambda: APIKeyHeader("k", keys=[None]), "visible ASCII"),  # type: ignore[list-item]
        (lambda: APIKeyHeader("k", keys=KEY), "write \\[key\\]"),
        (lambda: APIKeyHeader("k", scheme_name="my key"), "no key of an OpenAPI document"),
        (lambda: HTTPBasic(realm='a"b'), "without quotes"),
        (lambda: HTTPBearer(realm="a\r\nb"), "without quotes"),
        (lambda: OAuth2PasswordBearer("http://login.example/token"), "neither a path nor https"),
        (lambda: OAuth2PasswordBearer("//login.example/token"), "neither a path nor https"),
        (lambda: OAuth2PasswordBearer("javascript:alert(1)"), "neither a path nor https"),
        (lambda: OAuth2PasswordBearer(""), "visible ASCII"),
        (lambda: OAuth2PasswordBearer("/t", scopes={"a b": "x"}), "no scope"),
    ],
)
def test_what_would_be_unsafe_or_senseless_is_refused_at_construction(make: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        make()
    assert "é" * 20 not in str(caught.value) and "short'" not in str(caught.value)  # keys are not repeated


@pytest.mark.case(86)
def test_no_secret_stands_in_a_repr() -> None:
    for shown in (
        HTTPBasicCredentials("ada", "hunter2"),
        HTTPAuthorizationCredentials("Bearer", "hunter2"),
        APIKeyHeader("k", keys=["hunter2-hunter2-hunter2"]),
    ):
        assert "hunter2" not in repr(shown)
