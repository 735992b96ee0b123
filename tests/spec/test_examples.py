"""Every example answers as its header says, on both protocols. Knows the examples; does not know how they are served."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from velocipy.config import ConfigError
from velocipy.testing import TestClient

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> Any:
    """A fresh copy of an example's module, so that no test sees what another one left."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["rsgi", "asgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def basic(interface: Any) -> Iterator[TestClient]:
    with TestClient(load("basic").app, interface=interface) as client:
        yield client


@pytest.fixture
def routing(interface: Any) -> Iterator[TestClient]:
    with TestClient(load("routing").app, interface=interface) as client:
        yield client


def test_basic_answers_the_quick_start(basic: TestClient) -> None:
    response = basic.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.content == b'{"message":"Hello, VelociPy!"}'


def test_basic_reads_query_header_and_state(basic: TestClient) -> None:
    response = basic.get("/items?page=2&size=2", headers={"X-Request-ID": "r-1"})
    assert response.json() == {"items": [{"name": "sticker"}], "page": 2, "size": 2, "request_id": "r-1"}


def test_basic_tells_every_error_at_once(basic: TestClient) -> None:
    response = basic.get("/items?page=0&size=x")
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [["query", "page"], ["query", "size"]]


def test_basic_validates_what_is_added(basic: TestClient) -> None:
    assert basic.post("/items", json={"name": "cap", "price": 12.5}).json() == {
        "name": "cap",
        "price": 12.5,
        "tags": [],
    }
    assert {"name": "cap"} in basic.get("/items").json()["items"]
    answer = basic.post("/items", json={"price": -1, "tags": [1]})
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["body", "name"],
        ["body", "price"],
        ["body", "tags", 0],
    ]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/users/me", {"user": "me"}),
        ("/users/ada", {"user": "ada"}),
        ("/users/me/posts", {"posts_of": "me"}),
        ("/days/2026-11-23", {"weekday": "Monday"}),
        (
            "/orders/0f8fad5b-d9cb-469f-a165-70867728950e",
            {"order": "0f8fad5b-d9cb-469f-a165-70867728950e"},
        ),
        ("/images/cat.tar.gz", {"name": "cat.tar", "suffix": "gz"}),
        ("/files/css/site.css", {"path": "css/site.css"}),
        ("/shop/items/42", {"id": 42, "next": "/shop/items/43"}),
        ("/shop/items/42/", {"id": 42, "next": "/shop/items/43"}),
    ],
)
def test_routing_finds(routing: TestClient, path: str, answer: dict[str, object]) -> None:
    response = routing.get(path)
    assert response.status_code == 200, response.text
    assert response.json() == answer


@pytest.mark.parametrize(
    "path", ["/days/monday", "/orders/1", "/shop/items/x", "//users/me", "/users//posts"]
)
def test_routing_does_not_find(routing: TestClient, path: str) -> None:
    response = routing.get(path)
    assert response.status_code == 404
    assert response.json() == {"detail": "Not Found"}


def test_routing_says_which_methods_would_do(routing: TestClient) -> None:
    response = routing.put("/users/me")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_routing_takes_a_route_that_was_added_by_a_call(routing: TestClient) -> None:
    assert routing.post("/shop/items", json={"name": "mug"}).json() == {"created": {"name": "mug"}}


def client_of(name: str, interface: Any, base_url: str = "http://testserver") -> TestClient:
    """A client of an example's app, its lifespan running only in a `with`."""
    return TestClient(load(name).app, interface=interface, base_url=base_url)


def places(answer: Any) -> list[list[Any]]:
    """Where the errors of a 422 are."""
    assert answer.status_code == 422, answer.text
    return [error["loc"] for error in answer.json()["detail"]]


def test_query_params_are_read_as_they_are_declared(interface: Any) -> None:
    client = client_of("query_params", interface)
    answer = client.get("/search?q=mug&page=2&tags=red&tags=large&size=small&since=2026-01-31")
    assert answer.json() == {
        "q": "mug",
        "page": 2,
        "tags": ["red", "large"],
        "size": "small",
        "since": "2026-01-31",
    }
    assert places(client.get("/search?page=0&size=tiny")) == [
        ["query", "q"],
        ["query", "page"],
        ["query", "size"],
    ]
    assert client.get("/ids?ids=1,2,3").json() == [1, 2, 3]
    assert client.get("/versions/latest?of=3").json() == {"of": 3, "type": "int"}
    assert client.get("/versions/latest").json() == {"of": "all", "type": "str"}
    assert client.get("/items?min_price=5&order=price").json() == {
        "min_price": 5.0,
        "max_price": None,
        "order": "price",
    }
    assert places(client.get("/items?min_prize=5")) == [["query", "min_prize"]]


def test_dependencies_open_commit_guard_and_are_overridden(interface: Any) -> None:
    module = load("dependencies")
    bearer = {"authorization": "Bearer secret"}
    with TestClient(module.app, interface=interface) as client:
        assert client.get("/users/x").status_code == 401
        assert places(client.get("/users/x", headers=bearer)) == [["path", "user_id"]]
        assert client.get("/users/1", headers=bearer).json() == {"name": "ada", "is_me": True}
        assert client.get("/users/9", headers=bearer).json() == {"detail": "no such user"}
        assert client.get("/users?page=2&size=1", headers=bearer).json() == ["grace"]
        with module.app.override({module.current_user: lambda: "grace"}):
            assert client.get("/users/2").json() == {"name": "grace", "is_me": True}
        assert client.get("/users/2").status_code == 401


def test_headers_and_cookies_go_in_and_out(interface: Any) -> None:
    client = client_of("headers_cookies", interface)
    headers = {
        "x-request-id": "r-1",
        "accept-language": "de, en;q=0.5",
        "cookie": "theme=dark",
        "user-agent": "test",
    }
    assert client.get("/", headers=headers).json() == {
        "request_id": "r-1",
        "languages": ["de", "en;q=0.5"],
        "theme": "dark",
        "agent": "test",
    }
    assert places(client.get("/", headers={"cookie": "theme=blue"})) == [["cookie", "theme"]]
    assert client.get("/trace", headers={"traceparent": "00-1"}).json() == {
        "traceparent": "00-1",
        "tracestate": None,
    }
    answer = client.post("/theme?name=light")
    assert answer.json() == {"theme": "light"} and answer.headers["x-theme"] == "light"
    assert answer.headers["set-cookie"].startswith("theme=light; ")


def test_form_parameters_are_read_from_both_encodings(interface: Any) -> None:
    client = client_of("form_parameters", interface)
    assert client.post("/login", data={"name": "ada", "password": "x", "remember": "on"}).json() == {
        "name": "ada",
        "remember": True,
    }
    assert places(client.post("/login", data={"name": ""})) == [["form", "name"], ["form", "password"]]
    form = {"name": "ada", "age": "36", "languages": ["en", "fr"]}
    parts = [("name", "ada"), ("age", "36"), ("languages", "en"), ("languages", "fr")]
    multipart = [(name, (None, text.encode())) for name, text in parts]
    for answer in (client.post("/profile", data=form), client.post("/profile", files=multipart)):
        assert answer.json() == {"name": "ada", "age": 36, "languages": ["en", "fr"]}
    assert places(client.post("/profile", data={"name": "ada", "age": "-1"})) == [["form", "age"]]
    assert places(client.post("/profile", data={**form, "admin": "1"})) == [["form", "admin"]]


def test_uploads_are_kept_counted_and_streamed(interface: Any) -> None:
    client = client_of("uploads", interface)
    answer = client.post("/avatar", files={"avatar": ("me.png", b"123", "image/png")}, data={"title": "me"})
    assert answer.json() | {"sha256": ""} == {
        "title": "me",
        "filename": "me.png",
        "content_type": "image/png",
        "size": 3,
        "sha256": "",
    }
    files = [("files", ("a.txt", b"1")), ("files", ("b.txt", b"22"))]
    assert client.post("/documents", files=files).json() == [
        {"filename": "a.txt", "size": 1},
        {"filename": "b.txt", "size": 2},
    ]
    assert places(client.post("/documents", files={"other": b"1"})) == [["form", "files"]]
    assert client.post("/sizes", files={"any": b"x" * 2_000_000}).json() == {"any": 2_000_000}


def test_json_encoder_is_the_one_that_was_chosen(interface: Any) -> None:
    client = client_of("json_encoder", interface)
    assert client.get("/").json() == {
        "encoder": "stdlib",
        "time": "2026-01-31T12:30:00Z",
        "price": "1.10",
        "nan": None,
    }
    assert client.get("/sorted").content == b'{"a":2,"b":1}'


@pytest.mark.parametrize("backend", ["dataclass", "struct", "pydantic", "attrs"])
def test_model_backends_read_write_and_refuse_alike(backend: str, interface: Any) -> None:
    client = client_of("model_backends", interface)
    assert client.post(f"/{backend}", json={"name": "mug"}).json() == {"name": "mug", "price": 0.0}
    assert places(client.post(f"/{backend}", json={})) == [["body", "name"]]
    assert sorted(places(client.post(f"/{backend}", json={"price": "x"})), key=str) == [
        ["body", "name"],
        ["body", "price"],
    ]


def test_templates_are_pages_fragments_forms_and_streams(interface: Any) -> None:
    client = client_of("templates", interface)
    page = client.get("/?q=<b>").text
    assert '<a href="/login">' in page and "<title>Shop</title>" in page and "Raptor &amp; Sons" in page
    assert "nothing is called &lt;b&gt;" in page and "<b>" not in page
    fragment = client.get("/?q=small", headers={"hx-request": "true"})
    assert fragment.text.strip() == "<tr><td>sticker &lt;small&gt;</td><td>1.00</td></tr>"
    assert fragment.headers["vary"] == "HX-Request, Cookie"
    assert client.get("/catalogue").text.count("<li>") == 100_000


def csrf_of(page: Any) -> str:
    """The token in the form of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def test_templates_log_in_with_session_token_and_flash(interface: Any) -> None:
    client = client_of("templates", interface, base_url="https://testserver")
    page = client.get("/login")
    nonce = re.search(r"style-src 'self' 'nonce-([^']+)'", page.headers["content-security-policy"])
    assert nonce is not None and f'<style nonce="{nonce[1]}">' in page.text
    ada = {"name": "ada", "password": "lovelace"}
    assert client.post("/login", data=ada).status_code == 403
    token = {"csrf_token": csrf_of(page)}
    refused = client.post("/login", data={"name": '">', "password": "x", **token})
    assert refused.status_code == 401 and 'value="&#34;&gt;"' in refused.text
    assert "<strong>Name and password do not belong together.</strong>" in refused.text
    assert places(client.post("/login", data={"name": "ada", **token})) == [["form", "password"]]
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert client.post("/login", data={**ada, **token}, headers=elsewhere).status_code == 403
    entered = client.post("/login", data={**ada, **token}, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    home = client.get("/")
    assert "Welcome, ada" in home.text and "Log out ada" in home.text
    assert "Welcome, ada" not in client.get("/").text  # shown once
    left = client.post("/logout", data={"csrf_token": csrf_of(home)}, follow_redirects=True)
    assert "Good bye" in left.text and "Log out" not in left.text


def test_config_comes_from_the_environment_and_shows_no_secret(
    interface: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("APP_GREETING=file\nAPP_DB_POOL=9\n")
    monkeypatch.setenv("APP_GREETING", "Hi")
    monkeypatch.setenv("APP_WORDS", "a, b")
    monkeypatch.setenv("SECRET_KEY", "hunter2" * 8)
    answer = client_of("config", interface).get("/").json()
    assert answer["greeting"] == "Hi" and answer["words"] == ["a", "b"] and answer["pool"] == 9
    assert "secret_key=Secret('***')" in answer["repr"]
    monkeypatch.setenv("APP_PORT", "many")
    monkeypatch.setenv("APP_DB_POOL", "0")
    with pytest.raises(ConfigError) as caught:
        load("config")
    problems = {str(problem) for problem in caught.value.problems}
    assert problems == {
        "APP_PORT (the environment): not a valid integer",
        "APP_DB_POOL (the environment): must be at least 1",
    }


def test_sessions_log_in_fill_a_cart_and_log_out(interface: Any) -> None:
    client = client_of("sessions", interface)
    assert client.get("/account").json() == {"detail": "log in first"}
    client.post("/cart/mug")
    assert client.post("/cart/pen").json() == ["mug", "pen"]
    before = client.cookies["__Host-session"]
    assert client.post("/login?name=zoe").status_code == 204
    assert client.cookies["__Host-session"] != before
    assert client.get("/").json() == {"user": "zoe", "cart": ["mug", "pen"], "messages": ["Hello, zoe"]}
    assert client.get("/").json()["messages"] == []
    assert client.get("/account").json() == {"user": "zoe"}
    assert "vary" not in client.get("/health").headers
    client.post("/logout")
    assert client.get("/").json() == {"user": None, "cart": [], "messages": ["Good bye"]}
    assert dict(client.cookies) == {}


def test_security_takes_keys_and_tokens_and_refuses_other_sites(interface: Any) -> None:
    client = client_of("security", interface)
    assert client.get("/reports").status_code == 401
    assert client.get("/reports", headers={"x-api-key": "demo-key-of-the-example"}).json()[0] == "2026-10"
    wrong = client.post("/token", data={"username": "ada", "password": "x"})
    assert (wrong.status_code, wrong.json()["detail"]) == (400, "Wrong name or password")
    assert client.post("/token", data={"username": "eve", "password": "x"}).text == wrong.text
    login = {"username": "ada", "password": "lovelace", "scope": "notes:read admin"}
    answer = client.post("/token", data=login)
    assert answer.json()["scope"] == "notes:read" and answer.headers["cache-control"] == "no-store"
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert client.get("/notes", headers=bearer).json() == ["buy bananas"]
    few = client.post("/notes", data={"text": "x"}, headers=bearer)
    assert few.status_code == 403 and 'error="insufficient_scope"' in few.headers["www-authenticate"]
    page = client.get("/guestbook").text
    token = page.split('value="')[1].split('"')[0]
    assert client.post("/guestbook", data={"line": "hi", "csrf_token": token}).text == "signed: hi"
    assert client.post("/guestbook", data={"line": "hi"}).status_code == 403
