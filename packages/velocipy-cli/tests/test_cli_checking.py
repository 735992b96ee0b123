"""`velocipy check`: what it finds, what it says about it, and its exit status."""

import json
import re
from typing import Any

import pytest

from velocipy.cli import checking
from velocipy.cli.checking import ORDER
from velocipy.cli.posture import POSTURE
from velocipy.routing.route import Route

MIDDLEWARE = """
from velocipy import VelociPy


class _Stand:
    async def dispatch(self, request, call_next):
        return await call_next(request)


class {first}(_Stand): ...


class {second}(_Stand): ...


app = VelociPy(middleware=[{first}(), {second}()], plugins=False)


@app.get("/")
async def hello(): ...


@app.get("/again")
async def again(): ...
"""


OTHERS = [part for rule in POSTURE for part in ("--ignore", rule)]
"""Leaves out what is no matter of order."""


def test_an_app_that_is_in_order_passes(project: Any) -> None:
    project.write("main.py")
    outcome = project.run("check", "--strict", "--ignore", "public-docs")
    assert outcome.status == 0
    assert re.fullmatch(r"routes checked: [0-9]+, errors: 0, warnings: 0\n", outcome.out)


@pytest.mark.parametrize(
    ("outer", "inner", "why"), ORDER, ids=lambda part: part if part.endswith("ware") else ""
)
@pytest.mark.case(97)
def test_middleware_that_stands_in_an_unwise_place_is_named(
    project: Any, outer: str, inner: str, why: str
) -> None:
    project.write("main.py", MIDDLEWARE.format(first=inner, second=outer))
    outcome = project.run("check", *OTHERS)
    assert outcome.status == 0
    assert outcome.out == (
        f"warning[middleware-order]: {inner} is added before {outer}, and so stands outside of it\n"
        "  GET / (main.py:19)\n"
        f"  add {outer} first, {why}\n"
        "routes checked: 2, errors: 0, warnings: 1\n"
    )
    assert project.run("check", "--strict", *OTHERS).status == 1


@pytest.mark.parametrize(
    ("outer", "inner", "why"), ORDER, ids=lambda part: part if part.endswith("ware") else ""
)
def test_middleware_that_stands_well_is_not(project: Any, outer: str, inner: str, why: str) -> None:
    project.write("main.py", MIDDLEWARE.format(first=outer, second=inner))
    assert project.run("check", "--strict", *OTHERS).status == 0


def test_the_order_is_of_classes_that_are_there() -> None:
    import velocipy.middleware
    from velocipy.limiter import RateLimitMiddleware
    from velocipy.security import CSRF, CrossOriginCheck

    others = {each.__name__ for each in (RateLimitMiddleware, CSRF, CrossOriginCheck)}
    there = {*vars(velocipy.middleware), *velocipy.middleware.__all__, *others}
    assert {name for outer, inner, _ in ORDER for name in (outer, inner)} <= there


def test_the_built_in_ones_in_the_order_of_their_page_are_well(project: Any) -> None:
    project.write(
        "main.py",
        """
        from velocipy import VelociPy
        from velocipy.middleware import (
            CompressionMiddleware, CORSMiddleware, GZipMiddleware, HTTPSRedirectMiddleware, SecurityHeadersMiddleware,
            TrustedHostMiddleware,
        )

        good = [
            TrustedHostMiddleware(["shop.example"]), HTTPSRedirectMiddleware(), SecurityHeadersMiddleware(),
            CORSMiddleware(["https://app.example"]), CompressionMiddleware(),
        ]
        app = VelociPy(middleware=good, plugins=False)
        upside_down = VelociPy(middleware=good[::-1], plugins=False)
        for each in (app, upside_down):

            @each.get("/")
            async def hello(): ...
        """,
    )
    assert project.run("check", "--strict", "main:app").status == 0
    assert "add TrustedHostMiddleware first" in project.run("check", "main:upside_down").out


def test_a_subclass_is_held_to_the_place_of_its_class(project: Any) -> None:
    text = MIDDLEWARE.format(first="SessionMiddleware", second="CompressionMiddleware")
    project.write(
        "main.py", text.replace("CompressionMiddleware()]", "type('GZip', (CompressionMiddleware,), {})()]")
    )
    assert "SessionMiddleware is added before GZip," in project.run("check").out


def test_the_order_has_no_circle() -> None:
    """Some order of all middleware gives no warning."""
    left = {name for outer, inner, _ in ORDER for name in (outer, inner)}
    while left:
        first = {
            name for name in left if not any(inner == name and outer in left for outer, inner, _ in ORDER)
        }
        assert first, left
        left -= first


def test_an_order_across_layers_is_seen(project: Any) -> None:
    """An app's middleware stands around a route's, whichever was added first."""
    project.write(
        "main.py",
        """
        from velocipy import VelociPy

        class SessionMiddleware:
            async def dispatch(self, request, call_next): ...

        class TrustedHostMiddleware:
            async def dispatch(self, request, call_next): ...

        app = VelociPy(middleware=[SessionMiddleware()])

        @app.get("/", middleware=[TrustedHostMiddleware()])
        async def hello(): ...
        """,
    )
    assert "SessionMiddleware is added before TrustedHostMiddleware" in project.run("check").out


def test_debug_is_a_warning(project: Any) -> None:
    project.write("main.py", "from velocipy import VelociPy\napp = VelociPy(title='shop', debug=True)")
    outcome = project.run("check", "--json")
    assert outcome.status == 0
    assert json.loads(outcome.out) == [
        {
            "level": "warning",
            "what": "debug is on",
            "where": "VelociPy(title='shop')",
            "fix": "leave debug=True out where others can reach the app",
            "rule": "debug",
        }
    ]
    assert project.run("check", "--json", "--strict").status == 1


def test_a_route_that_does_not_compile_is_an_error_once_for_both_protocols(project: Any) -> None:
    project.write(
        "main.py",
        """
        from velocipy import Depends, VelociPy

        app = VelociPy(plugins=False)

        async def settings() -> int: ...

        async def other(a: "Unknown") -> int: ...

        @app.get("/")
        async def hello(value: int = Depends(settings)): ...

        @app.get("/fine")
        async def fine(): ...

        app.dependency_overrides[settings] = other
        """,
    )
    outcome = project.run("check", "--json")
    (finding,) = json.loads(outcome.out)
    assert outcome.status == 1
    assert finding["level"] == "error"
    assert finding["where"] == "GET / (main.py:10)"
    assert "Unknown" in finding["what"]


def test_another_exception_of_a_compilation_is_an_error_with_its_class(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a backend of the user's may raise it."""

    def explain(route: Route, protocol: str) -> str:
        raise LookupError(f"no schema for {protocol}")

    monkeypatch.setattr(Route, "explain", explain)
    project.write("main.py")
    outcome = project.run("check", "--json", *OTHERS)
    assert outcome.status == 1
    assert {finding["what"] for finding in json.loads(outcome.out)} == {
        "LookupError: no schema for asgi",
        "LookupError: no schema for rsgi",
    }


def test_without_a_protocol_nothing_was_checked(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "installed_protocols", list)
    project.write("main.py")
    outcome = project.run("check")
    assert outcome.status == 1
    assert outcome.out.startswith("error[routes-compile]: no protocol is installed")
    assert "pip install 'velocipy-rsgi[granian]' or 'velocipy-asgi[uvicorn]'" in outcome.out


def test_a_route_below_a_mount_answers_before_it(project: Any) -> None:
    project.write(
        "main.py",
        """
        from velocipy import VelociPy

        async def foreign(scope, receive, send): ...

        app = VelociPy()
        app.mount("/admin", foreign)

        @app.get("/admin/users")
        async def users(): ...

        @app.get("/administration")
        async def other(): ...
        """,
    )
    outcome = project.run("check")
    assert outcome.out.count("lies below the mount at '/admin") == 1
    assert "GET /admin/users lies below" in outcome.out


def test_an_app_that_cannot_be_loaded_is_no_finding_but_an_error(project: Any) -> None:
    project.write("main.py", "1 / 0")
    outcome = project.run("check", "--json")
    assert (outcome.status, outcome.out) == (1, "")
    assert "ZeroDivisionError" in outcome.err
