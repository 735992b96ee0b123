"""OAuth2 and OpenID Connect: how they describe themselves, the form for a token, scopes, and the refusals of RFC 6750."""

from typing import Annotated, Any

import pytest

from velocipy import APIRouter, Depends, Response, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.handlers.schemes import SecurityScheme
from velocipy.security import (
    HTTPBearer,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OAuth2PasswordRequestFormStrict,
    OpenIdConnect,
    Security,
    SecurityScopes,
)
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

FORM = {"grant_type": "password", "username": "ada", "password": "secret"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}


def token_app() -> VelociPy:
    app = VelociPy()

    @app.post("/token")
    async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Any:
        assert form.password not in repr(form)
        return {
            "user": form.username,
            "scopes": form.scopes,
            "client": form.client_id,
            "type": form.grant_type,
        }

    @app.post("/strict")
    async def strict(form: Annotated[OAuth2PasswordRequestFormStrict, Depends()]) -> Any:
        return {"user": form.username, "password": form.password}

    return app


@pytest.mark.case(82)
@both
def test_the_form_for_a_token_is_read(interface: Any) -> None:
    client = TestClient(token_app(), interface=interface)
    answer = client.post("/token", data={**FORM, "scope": "items:read  items:write", "client_id": "cli"})
    assert answer.json() == {
        "user": "ada",
        "scopes": ["items:read", "items:write"],
        "client": "cli",
        "type": "password",
    }
    lenient = {"username": "ada", "password": "zq9"}
    assert client.post("/token", data=lenient).json()["scopes"] == []
    assert client.post("/strict", data=FORM).json() == {"user": "ada", "password": "secret"}


@pytest.mark.case(82)
@both
@pytest.mark.parametrize(
    ("path", "body", "places"),
    [
        ("/token", "", ["username", "password"]),
        ("/token", "username=ada", ["password"]),
        ("/token", "username=&password=x", ["username"]),
        ("/token", "username=ada&password=x&password=y", ["password"]),
        ("/token", "username=ada&username=ada&password=x", ["username"]),
        ("/token", "username=ada&password=x&scope=a&scope=b", ["scope"]),
        ("/token", "username=ada&password=x&scope=a%22b", ["scope"]),
        ("/token", "username=ada&password=x&scope=a%0Ab", ["scope"]),
        ("/token", "username=ada&password=x&grant_type=implicit", ["grant_type"]),
        ("/strict", "username=ada&password=x", ["grant_type"]),
        ("/strict", "username=ada&password=x&grant_type=Password", ["grant_type"]),
    ],
)
def test_a_form_that_lacks_or_repeats_something_is_a_422(
    interface: Any, path: str, body: str, places: list[str]
) -> None:
    answer = TestClient(token_app(), interface=interface).post(path, content=body, headers=URLENCODED)
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [["form", place] for place in places]
    assert "ada" not in answer.text


@pytest.mark.case(82)
@both
def test_a_body_of_another_type_is_a_415(interface: Any) -> None:
    client = TestClient(token_app(), interface=interface)
    multipart = {name: (None, value.encode()) for name, value in FORM.items()}
    for answer in (
        client.post("/token", json=FORM),
        client.post("/token", content="username=ada&password=x"),
        client.post("/token", content="username=ada&password=x", headers={"content-type": "text/plain"}),
        client.post("/token", files=multipart),
    ):
        assert answer.status_code == 415, answer.text


@pytest.mark.case(83)
@pytest.mark.parametrize(
    ("scheme", "described"),
    [
        (
            OAuth2PasswordBearer("token", scopes={"items": "All items"}, refreshUrl="/refresh"),
            {
                "type": "oauth2",
                "flows": {
                    "password": {
                        "tokenUrl": "token",
                        "refreshUrl": "/refresh",
                        "scopes": {"items": "All items"},
                    }
                },
            },
        ),
        (
            OAuth2AuthorizationCodeBearer("https://a.example/authorize", "http://localhost:8080/token"),
            {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://a.example/authorize",
                        "tokenUrl": "http://localhost:8080/token",
                        "scopes": {},
                    }
                },
            },
        ),
        (
            OpenIdConnect("https://a.example/.well-known/openid-configuration", description="d"),
            {
                "type": "openIdConnect",
                "openIdConnectUrl": "https://a.example/.well-known/openid-configuration",
                "description": "d",
            },
        ),
    ],
)
def test_flows_describe_themselves_for_openapi(scheme: Any, described: Any) -> None:
    assert isinstance(scheme, SecurityScheme) and dict(scheme.scheme) == described


@both
@pytest.mark.parametrize(
    "scheme", [OAuth2AuthorizationCodeBearer("/authorize", "/token"), OpenIdConnect("/.well-known/openid")]
)
def test_every_flow_gives_the_token(interface: Any, scheme: Any) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(token: Annotated[str, Depends(scheme)]) -> str:
        return token

    client = TestClient(app, interface=interface)
    assert client.get("/", headers={"authorization": "Bearer abc"}).text == "abc"
    assert client.get("/").headers["www-authenticate"] == "Bearer"


oauth2 = OAuth2PasswordBearer("/token", scopes={"me": "Yourself", "items": "Items", "admin": "All"})
GRANTS = {"t-me": ["me"], "t-all": ["me", "items", "admin"]}


async def current_user(asked: SecurityScopes, token: Annotated[str, Depends(oauth2)]) -> str:
    if token not in GRANTS:
        raise oauth2.invalid_token('the "token" is\r\nunknown')
    if asked.missing(GRANTS[token]):
        raise oauth2.insufficient_scope(asked.scopes)
    return f"{token} for {asked.scope_str}"


async def active_user(user: Annotated[str, Security(current_user, scopes=["me"])]) -> str:
    return user


def scoped_app() -> VelociPy:
    app = VelociPy()
    router = APIRouter(dependencies=[Security(current_user, scopes=["items"])])

    @app.get("/me")
    async def me(user: Annotated[str, Security(active_user, scopes=["me"])], page: int = 1) -> str:
        return user

    @app.get("/both")
    async def two(
        user: Annotated[str, Security(active_user, scopes=["admin"])],
        other: Annotated[str, Depends(current_user)],
    ) -> list[str]:
        return [user, other]

    @router.get("/items")
    async def items(user: Annotated[str, Security(current_user, scopes=["admin"])]) -> str:
        return user

    app.include_router(router)
    return app


@both
def test_scopes_gather_from_the_route_inwards(interface: Any) -> None:
    client = TestClient(scoped_app(), interface=interface)
    every = {"authorization": "Bearer t-all"}
    assert client.get("/me", headers={"authorization": "Bearer t-me"}).text == "t-me for me"
    assert client.get("/both", headers=every).json() == ["t-all for admin me", "t-all for "]
    assert client.get("/items", headers=every).text == "t-all for admin"


@both
def test_who_lacks_a_scope_gets_403_and_who_has_no_good_token_401_before_anything_is_read(
    interface: Any,
) -> None:
    client = TestClient(scoped_app(), interface=interface)
    few = client.get("/items", headers={"authorization": "Bearer t-me"})
    assert (few.status_code, few.json()) == (403, {"detail": "Not enough permissions"})
    assert few.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="items"'
    bad = client.get("/me?page=x", headers={"authorization": "Bearer nonsense"})
    assert bad.status_code == 401
    described = 'error_description="the ?token? is??unknown"'
    assert bad.headers["www-authenticate"] == f'Bearer error="invalid_token", {described}'
    assert client.get("/me?page=x").headers["www-authenticate"] == "Bearer"


@both
def test_a_dependency_that_looks_at_no_scopes_is_called_once_whatever_is_asked_for(interface: Any) -> None:
    calls = []

    async def account(token: Annotated[str, Depends(oauth2)]) -> str:
        calls.append(token)
        return token

    app = VelociPy(dependencies=[Security(account, scopes=["me"])])

    @app.get("/")
    async def endpoint(one: Annotated[str, Security(account, scopes=["items"])]) -> str:
        return one

    assert TestClient(app, interface=interface).get("/", headers={"authorization": "Bearer a"}).text == "a"
    assert calls == ["a"]


@both
def test_security_is_a_guard_whatever_it_depends_on(interface: Any) -> None:
    async def even(number: int) -> int:
        return number

    app = VelociPy()

    @app.post("/{number}")
    async def endpoint(item: dict[str, Any], number: Annotated[int, Security(even)]) -> int:
        return number

    answer = TestClient(app, interface=interface).post("/x", content=b"{")
    assert [error["loc"] for error in answer.json()["detail"]] == [["path", "number"]]  # and not a 415


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Security(oauth2, scopes="items me"), r"write \['items', 'me'\]"),
        (lambda: Security(oauth2, scopes=["a b"]), "no scope"),
        (lambda: Security(oauth2, scopes=['a"']), "no scope"),
        (lambda: Security(oauth2, scopes=[""]), "no scope"),
        (lambda: Security("current_user"), "needs a function or class"),  # type: ignore[call-overload]
    ],
)
def test_scopes_that_cannot_be_written_are_refused(make: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        make()


@both
def test_a_token_endpoint_says_that_its_answer_is_not_to_be_stored(interface: Any) -> None:
    """The recipe of the page: no-store by the Response that an endpoint asks for."""
    app = VelociPy()

    @app.post("/token")
    async def token(
        form: Annotated[OAuth2PasswordRequestForm, Depends()], response: Response
    ) -> dict[str, str]:
        response.headers["cache-control"] = "no-store"
        return {"access_token": form.username, "token_type": "bearer"}

    answer = TestClient(app, interface=interface).post("/token", data=FORM)
    assert answer.headers["cache-control"] == "no-store"


def test_the_refusals_of_a_realm_name_it() -> None:
    bearer = HTTPBearer(realm="api")
    for exc in (
        bearer.refusal("Not authenticated"),
        bearer.invalid_token("old"),
        bearer.insufficient_scope(["a", "b"]),
    ):
        assert dict(exc.headers or {})["www-authenticate"].startswith('Bearer realm="api"')
