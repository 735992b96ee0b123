"""`velocipy check`: what it says of an app's safety, and how it is told that something is meant."""

import json
from typing import Any

import pytest

from velocipy.cli import checking
from velocipy.cli.checking import RULES
from velocipy.cli.posture import POSTURE

HEAD = """
from velocipy import Depends, SessionMiddleware, VelociPy
from velocipy.middleware import *
from velocipy.openapi import OpenAPI
from velocipy.security import CSRF, APIKeyHeader, CrossOriginCheck

KEY = "kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe"
hosts = TrustedHostMiddleware(["shop.example"])
https = HTTPSRedirectMiddleware()
hsts = SecurityHeadersMiddleware(hsts=True)
session = SessionMiddleware(KEY)
key = APIKeyHeader("x-key", keys=[KEY])
for_sites = SessionMiddleware(KEY, same_site="none")


async def endpoint(): ...


def served(*middleware, method="GET", **keywords):
    app = VelociPy(middleware=middleware, **{"plugins": False, **keywords})
    app.route("/", [method])(endpoint)
    app.route("/again", ["GET"])(endpoint)
    return app


"""

SAID = {
    "no session": ("served()", []),
    "a session": ("served(session)", ["sessions-without-hosts", "sessions-without-https"]),
    "hosts": ("served(hosts, session)", ["sessions-without-https"]),
    "https": ("served(https, session)", ["sessions-without-hosts"]),
    "all is well": ("served(hosts, https, session)", []),
    "HSTS will do": ("served(hosts, hsts, session)", []),
    "other headers will not": (
        "served(hosts, SecurityHeadersMiddleware(), session)",
        ["sessions-without-https"],
    ),
    "http": ("served(hosts, hsts, SessionMiddleware(KEY, https_only=False))", ["insecure-cookies"]),
    "other sites, reading": ("served(hosts, hsts, for_sites)", []),
    "other sites, writing": ("served(hosts, hsts, for_sites, method='POST')", ["sessions-without-csrf"]),
    "other sites, checked": ("served(hosts, hsts, CSRF(KEY), for_sites, method='POST')", []),
    "other sites, guarded": (
        "served(hosts, hsts, for_sites, method='POST', dependencies=[Depends(CrossOriginCheck())])",
        [],
    ),
    "other sites, compressed": ("served(hosts, hsts, GZipMiddleware(), for_sites)", ["compressed-secrets"]),
    "one site, compressed": ("served(hosts, hsts, GZipMiddleware(), session)", []),
    "docs": ("served(plugins=True)", ["public-docs"]),
    "no docs": ("served(plugins=True, openapi_url=None)", []),
    "docs of a guarded app": ("served(plugins=True, dependencies=[Depends(key)])", []),
    "docs that other sites may read": (
        "served(plugins=True, dependencies=[Depends(CrossOriginCheck())])",
        ["public-docs"],
    ),
    "guarded docs": ("served(plugins=True, openapi=OpenAPI(dependencies=[Depends(key)]))", []),
    "any proxy": ("served(proxy_headers='*')", ["believes-everybody"]),
    "some proxies": ("served(proxy_headers=['10.0.0.0/8'])", []),
}


@pytest.fixture
def said(project: Any) -> Any:
    def check(text: str, *arguments: str) -> list[dict[str, str]]:
        project.write("main.py", HEAD + text)
        outcome = project.run("check", "--json", *arguments)
        assert outcome.status == 0, outcome.err
        found: list[dict[str, str]] = json.loads(outcome.out)
        return found

    return check


@pytest.mark.parametrize(("app", "rules"), SAID.values(), ids=SAID.keys())
def test_what_is_unsafe_is_said_and_nothing_else(said: Any, app: str, rules: list[str]) -> None:
    assert [finding["rule"] for finding in said(f"app = {app}")] == rules


def test_sockets_that_every_page_may_open_are_named(said: Any) -> None:
    text = """
app = VelociPy(plugins=False)

@app.websocket("/open", allowed_origins="*", allow_credentials=True)
async def everybody(websocket): ...

@app.websocket("/listed", allowed_origins=["https://app.example"])
async def some(websocket): ...

@app.websocket("/strangers", allowed_origins="*")
async def strangers(websocket): ...
"""
    (finding,) = said(text)
    assert finding["rule"] == "sockets-for-everybody"
    assert finding["where"].startswith("WEBSOCKET /open (main.py:")


def test_asgi_middleware_of_another_project_counts_by_its_name(said: Any) -> None:
    text = """
class TrustedHostMiddleware:
    def __init__(self, app): self.app = app

app = served(https, session)
app.add_asgi_middleware(TrustedHostMiddleware)
"""
    assert said(text) == []


def test_a_warning_says_what_where_and_what_to_do_once_for_all_routes(said: Any) -> None:
    (finding,) = said("app = served(hosts, session)")
    assert finding["level"] == "warning"
    assert "nothing leads visitors there" in finding["what"]
    assert finding["where"].startswith("GET / (main.py:")
    assert finding["where"].endswith(", and 1 more")
    assert "add HTTPSRedirectMiddleware()" in finding["fix"]


def test_what_is_meant_is_ignored_by_option_or_by_pyproject(said: Any, project: Any) -> None:
    both = "app = served(session)"
    assert [each["rule"] for each in said(both, "--ignore", "sessions-without-hosts")] == [
        "sessions-without-https"
    ]
    project.write("pyproject.toml", '[tool.velocipy]\nignore = ["sessions-without-https"]')
    assert [each["rule"] for each in said(both)] == ["sessions-without-hosts"]
    assert said(both, "--ignore", "sessions-without-hosts", "--strict") == []


def test_a_rule_that_is_none_is_an_error_that_lists_them(project: Any) -> None:
    project.write("main.py")
    outcome = project.run("check", "--ignore", "docs")
    assert outcome.status == 2
    assert "'docs' is no rule of velocipy check; there are routes-compile, " in outcome.err
    project.write("pyproject.toml", '[tool.velocipy]\nignore = "public-docs"')
    outcome = project.run("check")
    assert outcome.status == 2
    assert 'ignore is a list of rules, as ["public-docs"]' in outcome.err


def test_an_error_cannot_be_ignored(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "installed_protocols", list)
    project.write("main.py")
    outcome = project.run("check", *(part for rule in RULES for part in ("--ignore", rule)))
    assert outcome.status == 1
    assert outcome.out.endswith(", errors: 1, warnings: 0\n")


def test_every_rule_is_on_the_page_of_the_command() -> None:
    from pathlib import Path

    page = Path(__file__).parents[3] / "docs" / "command-line.md"
    text = page.read_text("utf-8")
    assert [name for name in RULES if f"`{name}`" not in text] == []
    assert POSTURE.keys() <= RULES.keys()
