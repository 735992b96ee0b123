"""HTTP Digest as RFC 7616 has it: challenge, answer, what does not fit, and how long a nonce is good."""

import hashlib
from typing import Annotated, Any

import httpx2
import pytest

from velocipy import Depends, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.security import HTTPDigest, HTTPDigestCredentials, digest_ha1
from velocipy.testing import Clock, TestClient
from velocipy.testing.errors import WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

SECRET = "e9c1a6f0-4d7b-49f3-8d2a-7c5b3f1e0a64"
HA1 = {"ada": digest_ha1("ada", "ops", "secret"), "jäsøn": digest_ha1("jäsøn", "ops", "密码")}


def digest_app(scheme: HTTPDigest) -> VelociPy:
    app = VelociPy()

    async def user(given: Annotated[HTTPDigestCredentials | None, Depends(scheme)]) -> str:
        if given is None:
            return "nobody"
        if not given.matches_ha1(HA1.get(given.username, "")):
            raise scheme.refusal()
        return given.username

    @app.route("/some thing/{number}", methods={"GET", "POST"})
    async def endpoint(number: int, user: Annotated[str, Depends(user)], q: str = "") -> str:
        return f"{user} {number} {q}"

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, user: Annotated[str, Depends(user)]) -> None:
        await websocket.accept()
        await websocket.send_text(user)

    return app


def client_of(interface: Any, **options: Any) -> TestClient:
    return TestClient(digest_app(HTTPDigest(SECRET, realm="ops", **options)), interface=interface)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def nonce_of(answer: Any) -> str:
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Digest realm="ops", qop="auth", algorithm=SHA-256, nonce="')
    return str(challenge.split('nonce="')[1].split('"')[0])


def answer_to(nonce: str, uri: str, method: str = "GET", /, **changed: Any) -> str:
    """The Authorization of ada for one request, or one that is wrong in one thing."""
    parts = {
        "username": '"ada"',
        "realm": '"ops"',
        "nonce": f'"{nonce}"',
        "uri": f'"{uri}"',
        "qop": "auth",
        "nc": "00000001",
        "cnonce": '"xyz"',
        "algorithm": "SHA-256",
    }
    response = sha(f"{HA1['ada']}:{nonce}:00000001:xyz:auth:{sha(f'{method}:{uri}')}")
    parts |= {"response": f'"{response}"', **changed}
    return "Digest " + ", ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


@both
def test_a_client_that_knows_digest_comes_in(interface: Any) -> None:
    """Another implementation, the one of httpx2, answers the challenge."""
    client = client_of(interface)
    known = httpx2.DigestAuth("ada", "secret")
    assert client.get("/some%20thing/7?q=a%20b", auth=known).text == "ada 7 a b"
    assert client.post("/some%20thing/7", auth=known).text == "ada 7 "
    assert client.get("/some%20thing/7", auth=httpx2.DigestAuth("ada", "wrong")).status_code == 401
    assert client.get("/some%20thing/7", auth=httpx2.DigestAuth("eve", "secret")).status_code == 401


@both
def test_an_answer_by_hand_comes_in_however_it_is_written(interface: Any) -> None:
    client = client_of(interface)
    uri = "/some%20thing/7?q=x"
    nonce = nonce_of(client.get(uri))
    good = answer_to(nonce, uri)
    for line in (
        good,
        good.replace("Digest", "digest"),
        good.replace(", ", ","),
        good.replace(", ", " ,\t,"),
    ):
        assert client.get(uri, headers={"authorization": line}).text == "ada 7 x"
    name = "UTF-8''j%C3%A4s%C3%B8n"
    response = sha(f"{HA1['jäsøn']}:{nonce}:00000001:xyz:auth:{sha(f'GET:{uri}')}")
    extended = answer_to(nonce, uri, username=None, **{"username*": name, "response": f'"{response}"'})
    assert client.get(uri, headers={"authorization": extended}).text == "jäsøn 7 x"


@pytest.mark.case(80)
@both
@pytest.mark.parametrize(
    "changed",
    [
        *({name: None} for name in ("username", "realm", "nonce", "uri", "qop", "nc", "cnonce", "response")),
        {"algorithm": None},  # would be MD5
        {"algorithm": "MD5"},
        {"algorithm": "SHA-256-sess"},
        {"realm": '"other"'},
        {"qop": "auth-int"},
        {"nc": "1"},
        {"nc": "0000000g"},
        {"nonce": '"AAAAAAAAAAAA.1790000000.' + "A" * 43 + '"'},
        {"nonce": '"x"'},
        {"uri": '"/some%20thing/8?q=x"'},
        {"uri": '"/some%20thing/7"'},
        {"uri": '"http://[::1"'},
        {"userhash": "true"},
        {"response": '"' + "0" * 64 + '"'},
        {"response": '""'},
        {"username": '"eve"'},
        {"username*": "UTF-8''ada"},
        {"username": None, "username*": "latin1''ada"},
        {"username": None, "username*": "UTF-8''%FF"},
        {"USERNAME": '"ada"'},
        {"x": '"unclosed'},
        {"x": ""},
        {f"x{number}": "1" for number in range(30)},
    ],
)
def test_an_answer_that_does_not_fit_is_a_401_with_a_new_challenge(interface: Any, changed: Any) -> None:
    client = client_of(interface)
    uri = "/some%20thing/7?q=x"
    line = answer_to(nonce_of(client.get(uri)), uri, **changed)
    answer = client.get(uri, headers={"authorization": line})
    assert answer.status_code == 401
    assert "stale" not in answer.headers["www-authenticate"] and nonce_of(answer)


@both
def test_an_answer_to_another_request_or_in_two_lines_is_refused(interface: Any) -> None:
    client = client_of(interface)
    uri = "/some%20thing/7?q=x"
    line = answer_to(nonce_of(client.get(uri)), uri)
    assert client.get(uri, headers={"authorization": line}).status_code == 200
    assert client.post(uri, headers={"authorization": line}).status_code == 401
    assert client.get("/some%20thing/8?q=x", headers={"authorization": line}).status_code == 401
    assert client.get(uri, headers=[("authorization", line), ("authorization", line)]).status_code == 401
    for broken in (
        "Digest",
        "Digest =",
        "Digest a",
        "Digest " + 'a="' * 5_000,
        "Digest " + "," * 16_000,
        "Basic YTpi",
    ):
        assert client.get(uri, headers={"authorization": broken}).status_code == 401


@both
def test_a_nonce_grows_old_and_the_client_is_told_to_try_again(interface: Any) -> None:
    client = client_of(interface, nonce_age=60)
    uri = "/some%20thing/7"
    with Clock() as clock:
        line = answer_to(nonce_of(client.get(uri)), uri)
        for seconds, status in ((59, 200), (3, 401)):
            clock.move(seconds)
            answer = client.get(uri, headers={"authorization": line})
            assert answer.status_code == status, seconds
        assert answer.headers["www-authenticate"].endswith(", stale=true")
        clock.move(3600)
        line = answer_to(nonce_of(client.get(uri)), uri)
    answer = client.get(uri, headers={"authorization": line})  # of a clock that is an hour ahead
    assert answer.status_code == 401


@both
def test_workers_with_one_secret_take_each_others_nonces(interface: Any) -> None:
    uri = "/some%20thing/7"
    line = answer_to(nonce_of(client_of(interface).get(uri)), uri)
    assert client_of(interface).get(uri, headers={"authorization": line}).status_code == 200
    other = TestClient(digest_app(HTTPDigest("another-" + SECRET, realm="ops")), interface=interface)
    assert other.get(uri, headers={"authorization": line}).status_code == 401


@both
def test_a_websocket_is_guarded_too(interface: Any) -> None:
    client = client_of(interface)
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws"):
        pass
    assert denied.value.status_code == 401
    headers = {
        "authorization": answer_to(nonce_of(client.get("/some%20thing/7")), "/ws"),
        "origin": "http://testserver",
    }
    with client.websocket_connect("/ws", headers=headers) as ws:
        assert ws.receive_text() == "ada"


@both
def test_without_auto_error_the_endpoint_decides(interface: Any) -> None:
    client = client_of(interface, auto_error=False)
    for line in (None, "Basic YTpi", "Digest x", answer_to("n", "/")):
        headers = {} if line is None else {"authorization": line}
        assert client.get("/some%20thing/7", headers=headers).text == "nobody 7 "


def test_it_describes_itself_and_hides_what_was_sent() -> None:
    scheme = HTTPDigest(SECRET)
    assert dict(scheme.scheme) == {"type": "http", "scheme": "digest"} and SECRET not in repr(scheme)
    given = HTTPDigestCredentials("ada", "ops", "GET", "/", "n", "00000001", "c", "hunter2")
    assert "hunter2" not in repr(given) and not given.matches("") and not given.matches_ha1("")


def test_the_example_of_the_rfc_is_computed_as_there() -> None:
    """RFC 7616 section 3.9.1, the SHA-256 answer."""
    given = HTTPDigestCredentials(
        "Mufasa",
        "http-auth@example.org",
        "GET",
        "/dir/index.html",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "00000001",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    )
    assert given.matches("Circle of Life") and not given.matches("Circle of life")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: HTTPDigest("short"), "needs 32 or more"),
        (lambda: HTTPDigest(SECRET, nonce_age=0), "1 to 3600"),
        (lambda: HTTPDigest(SECRET, nonce_age=86_400), "1 to 3600"),
        (lambda: HTTPDigest(SECRET, realm='"'), "without quotes"),
    ],
)
def test_unsafe_settings_are_refused(make: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        make()


def test_below_the_prefix_of_a_proxy_the_target_is_what_the_client_asked_for() -> None:
    """The proxy takes the prefix off, Uvicorn puts it back, and the client has signed all of it."""
    client = TestClient(digest_app(HTTPDigest(SECRET, realm="ops")), root_path="/api")
    nonce = nonce_of(client.get("/some thing/3"))
    for uri, status in (("/api/some%20thing/3", 200), ("/some%20thing/3", 401)):
        answer = client.get("/some thing/3", headers={"authorization": answer_to(nonce, uri)})
        assert answer.status_code == status
