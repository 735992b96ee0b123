"""The nest as its users meet it, on both protocols; every test has a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from nest import accounts
from nest.main import create_app
from nest.settings import Settings

from velocipy import Config
from velocipy.config import Secret
from velocipy.limiter.storage import MemoryStorage
from velocipy.testing import TestClient

PASSWORD = "sickle claws"


@pytest.fixture(params=["rsgi", "asgi"])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A browser at a nest that is empty, and not limited by what other tests have asked."""
    monkeypatch.setattr(accounts.limiter, "storage", MemoryStorage())
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "hasher", quick)
    monkeypatch.setattr(accounts, "NOBODY", quick.hash("nobody's"))
    url = Secret(f"sqlite+aiosqlite:///{tmp_path / 'nest.db'}")
    with Config.override(Settings(database_url=url, hosts=["nest.example"])):
        app = create_app()
        with TestClient(app, interface=request.param, base_url="https://nest.example") as client:
            yield client


def sign_up(client: TestClient, name: str = "ada") -> None:
    answer = client.post("/signup", data={"name": name, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_who_is_not_signed_in_is_sent_to_the_login(client: TestClient) -> None:
    assert client.get("/").headers["location"] == "/login"
    refused = client.post("/chores", data={"title": "hunt"}, headers={"hx-request": "true"})
    assert (refused.status_code, refused.headers["hx-redirect"]) == (401, "/login")
    assert "Who are you?" in client.get("/login").text


def test_an_account_is_made_left_and_entered_again(client: TestClient) -> None:
    sign_up(client)
    assert "Welcome, ada" in client.get("/").text
    assert "Welcome" not in client.get("/").text  # a message is shown once
    client.post("/logout")
    assert client.get("/").status_code == 303
    assert client.post("/login", data={"name": "ada", "password": "wrong"}).status_code == 401
    assert client.post("/login", data={"name": "eve", "password": PASSWORD}).status_code == 401
    assert client.post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 303
    assert client.get("/").status_code == 200


def test_names_are_taken_once_and_passwords_have_a_length(client: TestClient) -> None:
    sign_up(client)
    assert "is taken" in client.post("/signup", data={"name": "ada", "password": PASSWORD}).text
    short = client.post("/signup", data={"name": "bea", "password": "short"})
    assert (short.status_code, 'value="bea"' in short.text) == (400, True)
    assert client.post("/signup", data={"name": "<b>", "password": PASSWORD}).status_code == 422


def test_a_chore_is_added_done_and_deleted_without_scripts(client: TestClient) -> None:
    sign_up(client)
    assert client.post("/chores", data={"title": "hunt <now>"}).headers["location"] == "/"
    assert "hunt &lt;now&gt;" in client.get("/").text
    client.post("/chores/1/done")
    assert 'class="done"' in client.get("/").text
    client.post("/chores/1/delete")
    assert "hunt" not in client.get("/").text


def test_htmx_gets_the_row_alone(client: TestClient) -> None:
    sign_up(client)
    client.headers["hx-request"] = "true"
    row = client.post("/chores", data={"title": "hunt"}).text
    assert row.startswith('<li class="open">') and "<html" not in row
    assert client.post("/chores/1/done").text.startswith('<li class="done">')
    assert (client.post("/chores/1/delete").text, client.post("/chores/1/delete").status_code) == ("", 404)


def test_nobody_sees_the_chores_of_others(client: TestClient) -> None:
    sign_up(client)
    client.post("/chores", data={"title": "a secret"})
    client.post("/logout")
    sign_up(client, "eve")
    assert "a secret" not in client.get("/").text
    assert client.post("/chores/1/done").status_code == 404


def test_other_sites_cannot_act_and_guessing_is_slow(client: TestClient) -> None:
    sign_up(client)
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/chores", data={"title": "x"}, headers=foreign).status_code == 403
    guesses = [client.post("/login", data={"name": "ada", "password": str(n)}) for n in range(12)]
    assert guesses[0].status_code == 401
    assert any(guess.status_code == 429 and guess.headers["retry-after"] for guess in guesses)


def test_what_fails_leaves_nothing_behind(client: TestClient) -> None:
    sign_up(client)
    assert client.post("/chores", data={"title": "x" * 201}).status_code == 422
    assert 'class="open"' not in client.get("/").text
    assert client.get("/static/style.css").headers["content-type"] == "text/css; charset=utf-8"
