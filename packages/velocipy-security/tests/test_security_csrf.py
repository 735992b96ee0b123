"""What another site makes a browser send is refused: by what the browser says of itself, and by a token; guard or middleware."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest

from velocipy import Depends, Form, Request, Response, Templates, UploadFile, VelociPy, WebSocket
from velocipy.config import Secret
from velocipy.exceptions import ConfigurationError
from velocipy.security import CSRF, APIKeyCookie, CrossOriginCheck, CSRFToken
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
ways = pytest.mark.parametrize("way", ["guard", "middleware"])

SECRET = "e9c1a6f0-4d7b-49f3-8d2a-7c5b3f1e0a64"
OLD = "0b7d5c2e-9a41-4f68-b3d0-6e8f1a2c4d59"
SITE = "https://app.example"


def app_with(check: Any, way: str) -> VelociPy:
    app = VelociPy(dependencies=[Depends(check)] if way == "guard" else [])
    if way == "middleware":
        app.add_middleware(check)

    @app.route("/", methods={"GET", "POST", "PUT", "DELETE"})
    async def index() -> str:
        return "done"

    @app.post("/json")
    async def take(item: dict[str, Any]) -> dict[str, Any]:
        return item

    @app.post("/form")
    async def fill(name: Annotated[str, Form()]) -> str:
        return name

    @app.post("/upload")
    async def upload(file: UploadFile) -> str:
        return (await file.read()).decode()

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    if isinstance(check, CSRF):

        @app.get("/page")
        async def page(token: Annotated[CSRFToken, Depends(check.token)]) -> dict[str, str]:
            return {"token": token, "input": token.input}

    return app


def client_of(check: Any, way: str, interface: Any) -> TestClient:
    return TestClient(app_with(check, way), base_url=SITE, interface=interface)


ORIGINS = [
    ({}, 200),  # no browser
    ({"sec-fetch-site": "same-origin"}, 200),
    ({"sec-fetch-site": "none"}, 200),
    ({"sec-fetch-site": "same-origin", "origin": SITE}, 200),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
    ({"sec-fetch-site": "same-site", "origin": SITE}, 403),
    ({"sec-fetch-site": "Same-Origin"}, 403),
    ({"sec-fetch-site": "", "origin": "https://evil.example"}, 403),
    ({"origin": SITE}, 200),
    ({"origin": "HTTPS://APP.EXAMPLE"}, 200),
    ({"origin": f"{SITE}:443"}, 200),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "https://app.example.evil"}, 403),
    ({"origin": "https://evil-app.example"}, 403),
    ({"origin": f"{SITE}:8443"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": ""}, 403),
    ({"origin": "https://app.example@evil.example"}, 403),
    ({"origin": "https://friend.example", "sec-fetch-site": "cross-site"}, 200),
    ({"origin": "https://friend.example"}, 200),
    ({"origin": "http://friend.example", "sec-fetch-site": "cross-site"}, 403),
]


@both
@ways
@pytest.mark.parametrize(("headers", "status"), ORIGINS)
def test_what_changes_something_must_come_from_a_page_of_ones_own(
    interface: Any, way: str, headers: dict[str, str], status: int
) -> None:
    client = client_of(CrossOriginCheck(["https://friend.example"]), way, interface)
    for method in ("POST", "PUT", "DELETE"):
        answer = client.request(method, "/", headers=headers)
        assert answer.status_code == status, method
        assert status == 200 or answer.json() == {"detail": "Cross-origin request refused"}
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.request(method, "/", headers=headers).status_code < 300


@both
def test_two_origins_and_two_words_of_the_browser_are_refused(interface: Any) -> None:
    client = client_of(CrossOriginCheck(), "guard", interface)
    for name, one, two in (
        ("origin", SITE, "https://evil.example"),
        ("sec-fetch-site", "same-origin", "cross-site"),
    ):
        assert client.post("/", headers=[(name, one), (name, two)]).status_code == 403


@both
def test_neither_check_makes_a_request_object_where_no_form_is_read(interface: Any) -> None:
    for check in (CrossOriginCheck(), CSRF(SECRET, field_name=None)):
        for way in ("guard", "middleware"):
            source = app_with(check, way).routes[0].explain(interface)
            before_call = source.split("await index")[0]
            assert "Request(" not in before_call and "connection" not in before_call


def read_page(client: TestClient) -> tuple[str, str]:
    """(the token of a page, the whole Set-Cookie); the client keeps the cookie."""
    answer = client.get("/page")
    assert answer.headers["vary"] == "Cookie"
    return answer.json()["token"], answer.headers.get("set-cookie", "")


@both
@ways
def test_a_token_that_comes_back_in_header_or_form_opens_the_door(interface: Any, way: str) -> None:
    client = client_of(CSRF(SECRET), way, interface)
    for refused in (
        client.post("/"),
        client.post("/json", json={}),
        client.post("/form", data={"name": "x"}),
    ):
        assert (refused.status_code, refused.json()) == (403, {"detail": "CSRF token missing or wrong"})
    token, cookie = read_page(client)
    assert re.fullmatch(r"__Host-csrf=[\w.-]{90,120}; Path=/; Secure; HttpOnly; SameSite=Lax", cookie)
    header = {"x-csrf-token": token}
    assert client.post("/", headers=header).text == "done"
    assert client.delete("/", headers=header).text == "done"
    assert client.post("/json", json={"a": 1}, headers=header).json() == {"a": 1}
    assert client.post("/form", data={"name": "ada", "csrf_token": token}).text == "ada"
    upload = client.post("/upload", files={"file": ("a.txt", b"data")}, data={"csrf_token": token})
    assert upload.text == "data"
    with client.websocket_connect("/ws"):
        pass


@both
@ways
def test_a_token_that_is_wrong_in_any_way_is_refused(interface: Any, way: str) -> None:
    client = client_of(CSRF(SECRET), way, interface)
    token, cookie = read_page(client)
    other, _ = read_page(client_of(CSRF(SECRET), way, interface))
    value = cookie.split(";")[0].partition("=")[2]
    flipped = ("A" if token[0] != "A" else "B") + token[1:]
    for given in ("", token[:-1], token + "A", flipped, other, value, "é" * 86, token[::-1], "A" * 86):
        headers = [("x-csrf-token", given.encode("latin-1"))]
        assert client.post("/", headers=headers).status_code == 403, given  # type: ignore[arg-type]
        assert client.post("/form", data={"name": "a", "csrf_token": given}).status_code == 403, given
    twice = client.post("/", headers=[("x-csrf-token", token), ("x-csrf-token", token)])
    doubled = client.post("/form", data={"name": "a", "csrf_token": [token, token]})
    by_query = client.post(f"/?csrf_token={token}")
    as_json = client.post("/json", json={"csrf_token": token})
    as_file = client.post("/upload", files={"csrf_token": ("a", token.encode()), "file": ("b", b"c")})
    for answer in (twice, doubled, by_query, as_json, as_file):
        assert answer.status_code == 403
    client.cookies.clear()
    assert client.post("/", headers={"x-csrf-token": token}).status_code == 403


@both
def test_a_cookie_that_nobody_signed_counts_as_none(interface: Any) -> None:
    """What a host beside this one, or somebody on the way, sets is no token: a new one takes its place."""
    client = client_of(CSRF(SECRET), "guard", interface)
    token, cookie = read_page(client)
    good = cookie.split(";")[0].partition("=")[2]
    for forged in ("", "x", "A" * 86, good[:-1], "A" + good[1:] if good[0] != "A" else "B" + good[1:]):
        fresh = client_of(CSRF(SECRET), "guard", interface)
        answer = fresh.get("/page", headers={"cookie": f"__Host-csrf={forged}"})
        assert "set-cookie" in answer.headers and answer.headers["cache-control"] == "no-store"
        headers = {"cookie": f"__Host-csrf={forged}", "x-csrf-token": token}
        assert client_of(CSRF(SECRET), "guard", interface).post("/", headers=headers).status_code == 403


@both
def test_each_page_has_another_text_for_one_token_and_all_are_good(interface: Any) -> None:
    client = client_of(CSRF(SECRET), "guard", interface)
    first, cookie = read_page(client)
    second, again = read_page(client)
    assert cookie and not again and first != second
    for token in (first, second):
        assert client.post("/", headers={"x-csrf-token": token}).status_code == 200


@both
def test_a_secret_can_be_changed_while_pages_are_open(interface: Any) -> None:
    client = client_of(CSRF(OLD), "guard", interface)
    token, cookie = read_page(client)
    sent = {"cookie": cookie.split(";")[0], "x-csrf-token": token}
    assert client_of(CSRF([SECRET, OLD]), "guard", interface).post("/", headers=sent).status_code == 200
    assert client_of(CSRF(SECRET), "guard", interface).post("/", headers=sent).status_code == 403


@both
def test_scripts_may_send_the_cookie_itself_back_where_they_can_read_it(interface: Any) -> None:
    client = client_of(CSRF(SECRET, httponly=False), "guard", interface)
    _, cookie = read_page(client)
    assert "HttpOnly" not in cookie
    value = cookie.split(";")[0].partition("=")[2]
    assert client.post("/", headers={"x-csrf-token": value}).status_code == 200
    flipped = ("A" if value[0] != "A" else "B") + value[1:]
    assert client.post("/", headers={"x-csrf-token": flipped}).status_code == 403


@both
def test_a_good_token_does_not_help_a_page_of_another_origin(interface: Any) -> None:
    client = client_of(CSRF(SECRET), "guard", interface)
    token, _ = read_page(client)
    headers = {"x-csrf-token": token, "origin": "https://evil.example"}
    assert client.post("/", headers=headers).json() == {"detail": "Cross-origin request refused"}


@both
def test_without_tls_the_switch_is_explicit_and_the_name_is_another(interface: Any) -> None:
    client = TestClient(app_with(CSRF(SECRET, secure=False), "guard"), interface=interface)
    token, cookie = read_page(client)
    assert cookie.startswith("csrf=") and "Secure" not in cookie
    assert client.post("/", headers={"x-csrf-token": token}).status_code == 200


@both
def test_without_a_field_no_form_is_read(interface: Any) -> None:
    client = client_of(CSRF(SECRET, field_name=None, header_name="X-XSRF-Token"), "guard", interface)
    token, _ = read_page(client)
    assert client.post("/form", data={"name": "ada", "csrf_token": token}).status_code == 403
    assert client.post("/form", data={"name": "ada"}, headers={"x-xsrf-token": token}).text == "ada"


@both
def test_a_form_with_a_field_too_many_or_too_long_is_refused_as_any_other(interface: Any) -> None:
    client = client_of(CSRF(SECRET), "guard", interface)
    read_page(client)
    type_ = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/form", content="a=1&" * 2_000, headers=type_).status_code == 413
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/form", content="--x\r\n", headers=broken).status_code == 400


@both
def test_one_route_alone_can_be_guarded_and_asked_with_a_request(interface: Any) -> None:
    csrf = CSRF(SECRET)
    app = VelociPy()

    @app.post("/pay", dependencies=[Depends(csrf)])
    async def pay(request: Request, amount: Annotated[int, Form()]) -> dict[str, Any]:
        return {"amount": amount, "fields": len((await request.form()).items())}

    @app.get("/page")
    async def page(token: Annotated[CSRFToken, Depends(csrf.token)]) -> Response:
        return Response(token.input, media_type="text/html")

    client = TestClient(app, base_url=SITE, interface=interface)
    answer = client.get("/page")
    assert answer.headers["set-cookie"].startswith("__Host-csrf=")
    field = re.fullmatch(r'<input type="hidden" name="csrf_token" value="([\w-]{86})">', answer.text)
    assert field is not None
    assert client.post("/pay", data={"amount": "5", "csrf_token": field[1]}).json() == {
        "amount": 5,
        "fields": 2,
    }
    assert client.post("/pay", data={"amount": "x"}).status_code == 403  # and no 422


def test_the_input_is_html_that_a_template_engine_takes_as_it_is() -> None:
    token = CSRFToken("a-b")
    token.field_name = '"><script>'
    assert token.input.__html__() == '<input type="hidden" name="&quot;&gt;&lt;script&gt;" value="a-b">'


@pytest.mark.case(84)
@both
def test_a_key_in_a_cookie_and_the_check_go_together(interface: Any) -> None:
    key = "0123456789abcdef"
    app = VelociPy(dependencies=[Depends(CrossOriginCheck()), Depends(APIKeyCookie("k", keys=[key]))])

    @app.post("/")
    async def endpoint() -> str:
        return "done"

    client = TestClient(app, interface=interface)
    cookie = {"cookie": f"k={key}"}
    assert client.post("/").status_code == 401
    assert client.post("/", headers=cookie).text == "done"
    assert client.post("/", headers={**cookie, "sec-fetch-site": "cross-site"}).status_code == 403


@both
def test_a_refusal_of_the_middleware_has_the_headers_of_the_others(interface: Any) -> None:
    class Named:
        response_headers = (("x-served-by", "us"),)

    app = VelociPy()
    app.add_middleware(Named())
    app.add_middleware(CrossOriginCheck())
    answer = TestClient(app, interface=interface).post("/none", headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.headers["x-served-by"]) == (403, "us")


@both
def test_a_template_of_the_page_has_the_token_without_being_given_it(interface: Any, tmp_path: Path) -> None:
    csrf = CSRF(Secret(SECRET))
    (tmp_path / "page.html").write_text("{{ csrf_token.input }}|{{ csrf_token }}")
    templates = Templates(tmp_path)
    app = VelociPy()

    @app.get("/", dependencies=[Depends(csrf.token)])
    async def page(request: Request) -> Response:
        return templates.TemplateResponse("page.html", request=request)

    @app.post("/", dependencies=[Depends(csrf)])
    async def send() -> str:
        return "done"

    client = TestClient(app, base_url=SITE, interface=interface)
    field, _, token = client.get("/").text.partition("|")
    assert field == f'<input type="hidden" name="csrf_token" value="{token}">'
    assert client.post("/", data={"csrf_token": token}).text == "done"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: CSRF(""), "needs 32 or more"),
        (lambda: CSRF("change-me"), "needs 32 or more"),
        (lambda: CSRF("a" * 64), "looks like a placeholder"),
        (lambda: CSRF([]), "secrets are needed"),
        (lambda: CSRF([SECRET, "short"]), "secret 2 has 5 bytes"),
        (lambda: CSRF([None]), "is str or bytes"),  # type: ignore[list-item]
        (lambda: CSRF(SECRET, cookie_name="__Host-x", secure=False), "__Host-"),
        (lambda: CSRF(SECRET, samesite="none", secure=False), "(?i)secure"),
        (lambda: CSRF(SECRET, samesite="loose"), "(?i)samesite"),  # type: ignore[arg-type]
        (lambda: CSRF(SECRET, cookie_name="a b"), "no token|not a token"),
        (lambda: CSRF(SECRET, field_name='"x'), "no name of a field"),
        (lambda: CSRF(SECRET, field_name=""), "no name of a field"),
        (lambda: CSRF(SECRET, header_name="x csrf"), "header_name"),
        (lambda: CSRF(SECRET, trusted_origins=["*"]), "every page there is"),
        (lambda: CrossOriginCheck("*"), "every page there is"),
        (lambda: CrossOriginCheck("https://a.example"), "write \\['https://a.example'\\]"),
        (lambda: CrossOriginCheck(["null"]), "every page there is"),
        (lambda: CrossOriginCheck(["https://a.example/path"]), "is no origin"),
        (lambda: CrossOriginCheck(["https://*.example"]), "is no origin"),
    ],
)
def test_what_would_be_unsafe_or_senseless_is_refused_at_construction(make: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        make()
    assert SECRET not in str(caught.value) and "change-me" not in str(caught.value)
