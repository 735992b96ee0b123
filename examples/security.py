"""Security: API keys, OAuth2 with password and scopes, and forms that no other site can send.

granian security:app --interface rsgi
curl http://127.0.0.1:8000/reports                                         # 401
curl http://127.0.0.1:8000/reports -H 'x-api-key: demo-key-of-the-example'
curl http://127.0.0.1:8000/token -d 'username=ada&password=lovelace&scope=notes:read'
curl http://127.0.0.1:8000/notes -H "authorization: Bearer $TOKEN"         # $TOKEN is the access_token of the line above
curl -X POST http://127.0.0.1:8000/notes -H "authorization: Bearer $TOKEN" # 403: the token is for notes:read alone

Passwords and tokens stand in dicts here. docs/security.md has the recipes for Argon2 and JWT.
"""

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from typing import Annotated

from velocipy import APIRouter, Depends, Form, HTMLResponse, HTTPException, Response, VelociPy
from velocipy.security import (
    CSRF,
    APIKeyHeader,
    CSRFToken,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    Security,
    SecurityScopes,
)

app = VelociPy()

# -- API keys: a guard of a router stands before all that is on it ---------------------------------------------

api_key = APIKeyHeader("X-API-Key", keys=[os.environ.get("API_KEY", "demo-key-of-the-example")])
reports = APIRouter("/reports", dependencies=[Depends(api_key)])


@reports.get("/")
async def list_reports() -> list[str]:
    return ["2026-10", "2026-11"]


# -- OAuth2: a token for name and password, then the token with each request ------------------------------------

oauth2 = OAuth2PasswordBearer("/token", scopes={"notes:read": "Read notes", "notes:write": "Write notes"})
LIFETIME = 900


@dataclass(frozen=True)
class Account:
    """What is known of somebody; never the password itself."""

    name: str
    salt: bytes
    password_hash: bytes
    scopes: frozenset[str]


@dataclass(frozen=True)
class Grant:
    """What a token stands for."""

    name: str
    scopes: frozenset[str]
    expires: float


def hash_password(password: str, salt: bytes) -> bytes:
    """scrypt with the parameters of RFC 7914 section 2 for logging in; takes about 50 ms."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def make_account(name: str, password: str, scopes: set[str]) -> Account:
    """A new account with a salt of its own."""
    salt = secrets.token_bytes(16)
    return Account(name, salt, hash_password(password, salt), frozenset(scopes))


ACCOUNTS = {"ada": make_account("ada", "lovelace", {"notes:read", "notes:write"})}
NOBODY = make_account("", secrets.token_urlsafe(), set())
GRANTS: dict[str, Grant] = {}


@app.post("/token")
def get_token(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], response: Response
) -> dict[str, str | int]:
    """A sync endpoint: hashing runs in a thread. An unknown name takes as long as a wrong password."""
    account = ACCOUNTS.get(form.username, NOBODY)
    given = hash_password(form.password, account.salt)
    if not hmac.compare_digest(given, account.password_hash) or account is NOBODY:
        raise HTTPException(400, "Wrong name or password")  # RFC 6749 section 5.2
    for old in [token for token, grant in GRANTS.items() if grant.expires < time.time()]:
        GRANTS.pop(old, None)
    token = secrets.token_urlsafe(32)
    scopes = account.scopes.intersection(form.scopes)
    GRANTS[token] = Grant(account.name, scopes, time.time() + LIFETIME)
    response.headers["cache-control"] = "no-store"
    return {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": LIFETIME,
        "scope": " ".join(sorted(scopes)),
    }


async def current_user(asked: SecurityScopes, token: Annotated[str, Depends(oauth2)]) -> str:
    """401 for a token that is not good, 403 for one that does not allow what the route asks for."""
    grant = GRANTS.get(token)
    if grant is None or grant.expires < time.time():
        raise oauth2.invalid_token("unknown or expired")
    if asked.missing(grant.scopes):
        raise oauth2.insufficient_scope(asked.scopes)
    return grant.name


notes: list[str] = ["buy bananas"]


@app.get("/notes")
async def read_notes(user: Annotated[str, Security(current_user, scopes=["notes:read"])]) -> list[str]:
    return notes


@app.post("/notes")
async def write_note(
    text: Annotated[str, Form(max_length=200)],
    user: Annotated[str, Security(current_user, scopes=["notes:write"])],
) -> dict[str, str]:
    notes.append(text)
    return {"added": text, "by": user}


# -- Forms: nothing but the own pages has the token ---------------------------------------------------------------

# secure=False, because this is served without TLS; the secret of a real app is not made anew at each start.
csrf = CSRF(os.environ.get("CSRF_SECRET") or secrets.token_urlsafe(32), secure=False)


@app.get("/guestbook")
async def guestbook(token: Annotated[CSRFToken, Depends(csrf.token)]) -> HTMLResponse:
    return HTMLResponse(
        f'<form method="post">{token.input}<input name="line" maxlength="80"><button>Sign</button></form>'
    )


@app.post("/guestbook", dependencies=[Depends(csrf)])
async def sign(line: Annotated[str, Form(max_length=80)]) -> str:
    return f"signed: {line}"


app.include_router(reports)
