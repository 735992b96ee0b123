"""The pages of an app in debug: who sees them, what stands on them and what never does, on both protocols."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from velocipy import APIRouter, HTTPException, Request, Response, VelociPy
from velocipy.config import Secret
from velocipy.debugging.frames import MAX_CAUSES, MAX_FRAMES
from velocipy.debugging.pages import loading_failed
from velocipy.middleware import RequestIDMiddleware
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
BARE = b'{"detail":"Internal Server Error"}'
NOWHERE = b'{"detail":"Not Found"}'


def client_of(app: VelociPy, interface: str, **options: Any) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False, **options)


def failing(**options: Any) -> VelociPy:
    app = VelociPy(debug=True, **options)

    @app.get("/price/{sku}")
    async def price(sku: str) -> float:
        prices = {"mug": 4.5}
        return prices[sku]

    return app


@both
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/plain; charset=utf-8"),
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
    ],
)
def test_an_exception_is_shown_as_it_is_asked_for(interface: str, accept: str, kind: str) -> None:
    with client_of(failing(), interface) as client:
        answer = client.get("/price/cup", headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (500, kind)
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "accept")
        for part in ("KeyError", "cup", "return prices[sku]", __file__, "GET /price/{sku}", "4.5"):
            assert part in answer.text, part


@both
def test_a_program_reads_the_users_frames_and_the_answer_that_it_knows(interface: str) -> None:
    with client_of(failing(problem_details=True), interface) as client:
        answer = client.get("/price/cup", headers={"accept": "application/json"})
        assert answer.headers["content-type"] == "application/problem+json"
        content = answer.json()
        assert (content["status"], content["title"]) == (500, "Internal Server Error")
        (raised,) = content["debug"]["exceptions"]
        (frame,) = raised["frames"]
        assert (raised["type"], raised["message"]) == ("KeyError", "'cup'")
        assert (frame["file"], frame["code"]) == (__file__, "return prices[sku]")
        assert frame["locals"] == {"sku": "'cup'", "prices": "{'mug': 4.5}"}


@both
def test_nobody_sees_anything_where_debug_is_off(interface: str) -> None:
    app = failing()
    app.debug = False
    with client_of(app, interface) as client:
        assert client.get("/price/cup").content == BARE
        assert client.get("/nowhere").content == NOWHERE


@both
@pytest.mark.parametrize(
    ("peer", "headers", "is_shown"),
    [
        ("127.0.0.1", {}, True),
        ("127.9.9.9", {"host": "127.0.0.1:8000"}, True),
        ("::1", {"host": "[::1]:8000"}, True),
        ("::ffff:127.0.0.1", {"host": "app.localhost"}, True),
        ("192.168.1.7", {}, False),
        ("2001:db8::1", {}, False),
        ("127.0.0.1", {"host": "rebound.example"}, False),
        ("127.0.0.1", {"host": "10.1.1.1"}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, False),
        ("127.0.0.1", {"via": "1.1 proxy"}, False),
        ("127.0.0.1", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, False),
        ("127.0.0.1", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
        ("127.0.0.1", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, True),
    ],
)
def test_only_who_sits_at_this_machine_sees_them(
    interface: str, peer: str, headers: dict[str, str], is_shown: bool
) -> None:
    with client_of(failing(), interface, client=(peer, 5)) as client:
        assert (client.get("/price/cup", headers=headers).content != BARE) is is_shown
        assert (client.get("/nowhere", headers=headers).content != NOWHERE) is is_shown


@both
def test_a_host_that_is_none_sees_nothing_of_what_fails_before_it_is_refused(interface: str) -> None:
    class Failing:
        def before(self) -> None:
            raise KeyError

    with client_of(failing(middleware=[Failing()]), interface) as client:
        assert "KeyError" in client.get("/price/cup").text
        assert client.get("/price/cup", headers={"host": "not a host"}).content == BARE


@both
def test_a_trusted_proxy_makes_no_stranger_a_neighbour(interface: str) -> None:
    app = failing(proxy_headers=["127.0.0.1"])
    with client_of(app, interface) as client:
        assert client.get("/price/cup", headers={"x-forwarded-for": "127.0.0.1"}).content == BARE


@both
def test_everything_on_the_page_is_escaped_and_its_policy_lets_nothing_else_run(interface: str) -> None:
    app = VelociPy(debug=True)

    @app.get("/{rest*}")
    async def bad(rest: str, request: Request) -> None:
        evil = "</textarea><script>alert(1)</script>"
        raise ValueError(f"{evil}<img src=x>{request.header('x-evil')}")

    with client_of(app, interface) as client:
        headers = {"accept": "text/html", "x-evil": '"><script>'}
        answer = client.get("/%3Cscript%3E?<script>", headers=headers)
        assert answer.text.count("<script") == 1  # our own
        assert answer.text.count("</textarea>") == 1
        assert "<img" not in answer.text
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"].startswith("'sha256-")
        assert "unsafe" not in str(policy)
        for directive, tag in (("style-src", "style"), ("script-src", "script")):
            (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert policy[directive] == f"'sha256-{digest}'"


SECRETS = [
    *("hunter2hunter2", "to-k-en-1234", "cookie-value-77"),
    *("sesame-open", "query secret", "mail-pass-99", "reset-token-5"),
]


@both
def test_secrets_are_masked_wherever_they_turn_up(interface: str) -> None:
    app = VelociPy(debug=True)

    @app.get("/x/{reset_token}")
    async def x(request: Request, reset_token: str) -> None:
        db_password = SECRETS[0]
        bearer = (request.header("authorization") or "").removeprefix("Bearer ")  # noqa: F841
        jar = dict(request.cookies)
        settings = {"url": f"postgres://ada:{SECRETS[3]}@db/shop", "api_key": SECRETS[0], "size": 3}  # noqa: F841
        smtp = Secret(SECRETS[5])  # noqa: F841
        found = defaultdict(str, {"asked": request.query_params["token"], "api_token": SECRETS[0]})  # noqa: F841
        raise RuntimeError(f"{db_password} refused: {jar['sid']} at https://ada:{SECRETS[3]}@host/")

    with client_of(app, interface) as client:
        for accept in ("*/*", "text/html", "application/json"):
            headers = {
                "accept": accept,
                "authorization": f"Bearer {SECRETS[1]}",
                "cookie": f"sid={SECRETS[2]}; theme=dark",
            }
            answer = client.get(f"/x/{SECRETS[6]}?token=query%20secret&page=2", headers=headers)
            assert answer.status_code == 500
            assert [text for text in SECRETS if text in answer.text] == []
            assert "page=2" in answer.text
            assert "***" in answer.text


@both
def test_what_the_app_words_itself_stays_so(interface: str) -> None:
    app = failing()

    @app.get("/gone")
    async def gone() -> None:
        raise HTTPException(404, "no such thing")

    @app.exception_handler(KeyError)
    async def worded(request: Request, exc: Exception) -> Response:
        return Response("worded", 500)

    with client_of(app, interface) as client:
        assert client.get("/price/cup").text == "worded"
        assert client.get("/gone").json() == {"detail": "no such thing"}

    @app.exception_handler(404)
    async def missing(request: Request, exc: Exception) -> Response:
        return Response("mine", 404)

    with client_of(app, interface) as client:
        assert client.get("/nowhere").text == "mine"


@both
def test_a_path_that_leads_nowhere_names_the_nearest_routes_and_why_they_are_not_it(interface: str) -> None:
    app = VelociPy(debug=True, plugins=False, trailing_slash="strict")
    inner = VelociPy(plugins=False)

    async def x() -> None: ...

    @app.get("/raptors/{raptor_id:int}")
    async def raptor(raptor_id: int) -> None: ...

    @app.get("/thumbnails/of/{name}.{size:int}")
    async def name(name: str, size: int) -> None: ...

    for path in ("/raptors", "/About", "/books/", "/far/away"):
        app.get(path)(x)
    inner.get("/leaf")(x)
    app.mount("/inner", inner)

    def near(client: TestClient, path: str) -> tuple[str, list[str]]:
        debug = client.get(path, headers={"accept": "application/json"}).json()["debug"]
        return debug["hint"], [name for name, _ in debug.get("did_you_mean", [])]

    with client_of(app, interface) as client:
        assert near(client, "/raptor") == ("No route takes '/raptor'.", ["GET /raptors"])
        hint, routes = near(client, "/raptors/rex")
        assert "'rex' does not fit {raptor_id:int} of '/raptors/{raptor_id:int}'." in hint
        assert routes[0] == "GET /raptors/{raptor_id:int}"
        hint, routes = near(client, "/thumbnails/of/rex.big")
        assert "'rex.big' does not fit {name}.{size:int} of '/thumbnails/of/{name}.{size:int}'." in hint
        hint, routes = near(client, "/thumbnails/of/%FF.3")  # fits, and no template matches it
        assert (hint, routes[0]) == (
            "No route takes '/thumbnails/of/\ufffd.3'.",
            "GET /thumbnails/of/{name}.{size:int}",
        )
        assert "'/About' is spelled with other capitals." in near(client, "/about")[0]
        assert "'/books/' has a slash at its end" in near(client, "/books")[0]
        assert near(client, "/inner/laef")[1] == ["GET /inner/leaf"]
        assert near(client, "/zzzzzzzz")[1] == []
        assert near(client, "/" + "a" * 5_000)[1] == []
        page = client.get("/raptor", headers={"accept": "text/html"})
        assert (page.status_code, "<h2>Did you mean</h2>" in page.text) == (404, True)


@both
def test_the_app_that_is_served_says_whether_pages_are_shown(interface: str) -> None:
    outer = VelociPy(plugins=False)
    outer.mount("/inner", failing(plugins=False))
    with client_of(outer, interface) as client:
        assert client.get("/inner/price/cup").content == BARE
    outer = VelociPy(plugins=False, debug=True)
    inner = failing(plugins=False)
    inner.debug = False
    outer.mount("/inner", inner)
    with client_of(outer, interface) as client:
        assert b"KeyError" in client.get("/inner/price/cup").content


@both
def test_causes_groups_and_deep_recursion_are_shown_in_bounds(interface: str) -> None:
    app = VelociPy(debug=True)

    @app.get("/caused")
    async def caused() -> None:
        try:
            int("x")
        except ValueError as exc:
            raise RuntimeError("no number") from exc

    @app.get("/meanwhile")
    async def meanwhile() -> None:
        try:
            int("x")
        except ValueError:
            raise KeyError("no name")  # noqa: B904

    @app.get("/group")
    async def group() -> None:
        raise ExceptionGroup("several", [KeyError(n) for n in range(50)])

    @app.get("/twice")
    async def twice() -> None:
        once = KeyError("once")
        raise ExceptionGroup("pair", [once, once]) from once

    @app.get("/deep")
    async def deep() -> int:
        def down(n: int) -> int:
            return down(n + 1)

        return down(0)

    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    @app.get("/odd")
    async def odd() -> None:
        big = "x" * 10**6  # noqa: F841
        exc = Odd()
        exc.add_note("a note")
        raise exc

    def raised(client: TestClient, path: str) -> list[Any]:
        answer = client.get(path, headers={"accept": "application/json"})
        assert len(answer.content) < 200_000
        return list(answer.json()["debug"]["exceptions"])

    with client_of(app, interface) as client:
        assert [each["type"] for each in raised(client, "/caused")] == ["RuntimeError", "ValueError"]
        assert [each.get("how") for each in raised(client, "/meanwhile")] == [
            None,
            "raised while this was handled",
        ]
        assert len(raised(client, "/group")) == MAX_CAUSES
        assert [each["type"] for each in raised(client, "/twice")] == ["ExceptionGroup", "KeyError"]
        page = client.get("/caused", headers={"accept": "text/html"}).text
        assert "<h2>caused by: ValueError</h2>" in page
        assert len(raised(client, "/deep")[0]["frames"]) <= MAX_FRAMES
        (each,) = raised(client, "/odd")
        assert "its message cannot be made: ValueError" in each["message"]
        assert "a note" in each["message"]
        assert len(each["frames"][0]["locals"]["big"]) < 400


@both
def test_values_whose_repr_fails_or_is_endless_do_not_stop_the_page(interface: str) -> None:
    app = VelociPy(debug=True)

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no session")

    @app.get("/x")
    async def x() -> None:
        broken = Broken()
        loop: list[Any] = [broken]
        loop.append(loop)
        raise KeyError

    with client_of(app, interface) as client:
        text = client.get("/x").text
        assert "broken = <test_values_whose_repr_fails" in text
        assert "whose repr raises RuntimeError>" in text


@both
def test_values_of_all_kinds_are_shown_as_who_wrote_them_would_write_them(interface: str) -> None:
    app = VelociPy(debug=True)

    @dataclass
    class Order:
        sku: str
        api_key: str
        note: str = field(default="", repr=False)

    @app.get("/x")
    async def x() -> None:
        body = b"\xff\x00"  # noqa: F841
        order = Order("mug", "hunter2hunter2", "not shown")  # noqa: F841
        kind = Order  # noqa: F841
        deep = [[[Order("cup", "k")]]]  # noqa: F841
        raise KeyError

    with client_of(app, interface) as client:
        answer = client.get("/x", headers={"accept": "application/json"})
        (raised,) = answer.json()["debug"]["exceptions"]
        shown = raised["frames"][0]["locals"]
        assert shown["body"] == repr(b"\xff\x00")
        assert shown["order"].endswith("Order(sku='mug', api_key=***)")
        assert shown["kind"] == repr(Order)
        assert shown["deep"] == "[[[...]]]"


@both
def test_a_frame_whose_source_is_not_there_and_a_line_that_is_no_python_are_shown(interface: str) -> None:
    app = VelociPy(debug=True)

    @app.get("/run")
    async def run() -> None:
        eval("1 / 0")

    @app.get("/parse")
    async def parse() -> None:
        compile("x =", "<rules>", "exec")

    with client_of(app, interface) as client:
        for accept in ("text/plain", "text/html"):
            text = client.get("/run", headers={"accept": accept}).text
            assert "ZeroDivisionError" in text
            assert "&lt;string&gt;" in text or "<string>:1 in <module>" in text
        answer = client.get("/parse", headers={"accept": "application/json"})
        frames = answer.json()["debug"]["exceptions"][0]["frames"]
        assert ("<rules>", 1) in [(frame["file"], frame["line"]) for frame in frames]


@both
def test_a_request_without_any_header_has_no_table_of_them(interface: str) -> None:
    with client_of(failing(), interface) as client:
        page = client.exchange("GET", "/price/cup", headers=[], http_version="1.0").reply().body.decode()
        assert "KeyError" in page
        assert "\nRequest\n" in page
        assert "\nHeaders\n" not in page


@both
def test_a_page_that_cannot_be_made_leaves_the_answer_that_it_would_replace(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = VelociPy(debug=True)

    class Note:
        def __str__(self) -> str:
            raise LookupError("no note")

    @app.get("/x")
    async def x() -> None:
        exc = KeyError()
        exc.__notes__ = [Note()]  # type: ignore[list-item]
        raise exc

    with client_of(app, interface) as client:
        answer = client.get("/x")
        assert (answer.status_code, answer.content) == (500, BARE)
    assert "the page of debug could not be made" in caplog.text


@both
def test_an_app_that_cannot_be_loaded_is_shown_with_what_is_behind_it_or_alone(interface: str) -> None:
    bare = Response(b'{"detail":"no app"}', 500)

    def opened(exc: BaseException | None) -> TestClient:
        app = VelociPy(plugins=False)

        @app.get("/")
        async def tell(request: Request) -> Response:
            return loading_failed(request, "main.py has no app\nbut 'ap'", exc, bare)

        return client_of(app, interface)

    for exc, title in (
        (None, "500 The app cannot be loaded"),
        (SyntaxError("invalid syntax", (__file__, 1, 1, "x")), "SyntaxError: invalid syntax"),
    ):
        with opened(exc) as client:
            page = client.get("/", headers={"accept": "text/html"}).text
            assert f"<title>{title}" in page
            assert "main.py has no app" in page
            assert ("data-waits" in page, " of libraries and of VelociPy" in page) == (True, False)
            assert client.get("/", headers={"accept": "text/html", "via": "1.1 x"}).content == bare.body


@both
def test_an_exception_handler_that_fails_is_shown_too(interface: str) -> None:
    app = failing()

    @app.exception_handler(KeyError)
    async def fails(request: Request, exc: Exception) -> Response:
        raise LookupError("in the exception handler")

    with client_of(app, interface) as client:
        assert "LookupError: in the exception handler" in client.get("/price/cup").text


@both
def test_pages_go_through_the_middleware(interface: str) -> None:
    app = failing(middleware=[RequestIDMiddleware()])
    with client_of(app, interface) as client:
        answer = client.get("/price/cup")
        assert ["Request", "id", repr(answer.headers["x-request-id"])] in map(
            str.split, answer.text.splitlines()
        )


def test_debug_costs_nothing_where_it_is_off() -> None:
    script = """
import sys
from velocipy import VelociPy
from velocipy.testing import TestClient
app = VelociPy()
@app.get("/")
async def x() -> None:
    raise KeyError
client = TestClient(app, raise_server_exceptions=False)
assert [client.get(path).status_code for path in ("/", "/y")] == [500, 404]
print([name for name in sys.modules if name.startswith("velocipy.debugging")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_debug_is_a_switch() -> None:
    with pytest.raises(ValueError, match="debug is True or False, not 'yes'"):
        VelociPy(debug="yes")  # type: ignore[arg-type]


def test_a_name_that_an_app_does_not_have_is_said_with_the_one_that_was_meant() -> None:
    app: Any = VelociPy()
    with pytest.raises(
        AttributeError, match="'VelociPy' object has no attribute 'gett'; did you mean 'get'?"
    ):
        app.gett("/")
    router: Any = APIRouter()
    with pytest.raises(AttributeError, match="'APIRouter' object has no attribute '_x'$"):
        router._x  # noqa: B018
    assert not hasattr(app, "listeners")

    class Own(VelociPy):
        @property
        def broken(self) -> int:
            return len(self.nothing_like_it)  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match="nothing_like_it"):
        Own().broken  # noqa: B018


def test_json_of_a_page_is_json_for_names_of_any_kind() -> None:
    app = VelociPy(debug=True, plugins=False)
    with client_of(app, "asgi") as client:
        answer = client.get("/%F0%9F%A6%96/\u00fc", headers={"accept": "application/json"})
        assert json.loads(answer.content)["debug"]["hint"] == "No route takes '/\U0001f996/\u00fc'."
