"""A small OAuth2 authorisation server: the code flow with PKCE (RFC 6749 section 4.1, RFC 7636), for one client and one token.

    with Authority() as authority:
        authority.url, authority.token, authority.said

Whoever is sent to it is asked once, and may allow or refuse. Knows HTTP; knows nothing of who uses it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT = "docs"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code was given out for."""

    redirect_uri: str
    challenge: str


class Authority:
    """The server, on a free port while it is entered; `said` are its refusals and what it gave out, in order."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self.said: list[str] = []
        self.grants: dict[str, Grant] = {}
        handler = type("Handler", (_Handler,), {"authority": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def ask(self, query: dict[str, str]) -> str:
        """The page that asks. Raises ValueError for a request that is not that of the code flow with PKCE."""
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        for name, value in wanted.items():
            if query.get(name) != value:
                raise ValueError(f"{name} is {query.get(name)!r} instead of {value!r}")
        if (
            not query.get("state")
            or not query.get("redirect_uri")
            or len(query.get("code_challenge", "")) != 43
        ):
            raise ValueError("state, redirect_uri or code_challenge is not there")
        code = secrets.token_urlsafe(8)
        self.grants[code] = Grant(query["redirect_uri"], query["code_challenge"])
        links = {
            "Allow": {"code": code, "state": query["state"]},
            "Refuse": {"error": "access_denied", "state": query["state"]},
        }
        back = {word: f"{query['redirect_uri']}?{urlencode(answer)}" for word, answer in links.items()}
        return "".join(f'<p><a href="{escape(link)}">{word}</a>' for word, link in back.items())

    def give(self, form: dict[str, str]) -> dict[str, Any]:
        """The token for a code, which is good for once. Raises ValueError where the grant says otherwise."""
        grant = self.grants.pop(form.get("code", ""), None)
        if form.get("grant_type") != "authorization_code" or grant is None:
            raise ValueError("there is no such grant")
        if form.get("redirect_uri") != grant.redirect_uri:
            raise ValueError("the redirect_uri is another")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
            raise ValueError("the code_verifier is none of the challenge")
        self.said.append("token")
        return {"access_token": self.token, "token_type": "bearer", "expires_in": 60}


class _Handler(BaseHTTPRequestHandler):
    authority: Authority

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/authorize":
            self._send(404, "", "text/plain")
            return
        try:
            self._send(200, self.authority.ask(_flat(parts.query)), "text/html")
        except ValueError as exc:
            self._refuse(exc)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        try:
            self._send(200, json.dumps(self.authority.give(_flat(body))), "application/json")
        except ValueError as exc:
            self._refuse(exc)

    def do_OPTIONS(self) -> None:
        self._send(204, "", "text/plain")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what matters is in `said`."""

    def _refuse(self, exc: ValueError) -> None:
        self.authority.said.append(str(exc))
        self._send(400, json.dumps({"error": "invalid_request"}), "application/json")

    def _send(self, status: int, text: str, media_type: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-headers", "*, authorization")
        self.end_headers()
        self.wfile.write(body)


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
