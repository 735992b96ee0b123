"""Sessions: a login, a cart and messages, in a signed cookie; the cookie of a browser is a jar for curl.

export SESSION_SECRET=$(python -c 'import secrets; print(secrets.token_urlsafe(32))')
granian sessions:app --interface rsgi        # or: uvicorn sessions:app
curl -b jar -c jar -X POST 'http://localhost:8000/cart/mug'
curl -b jar -c jar -X POST 'http://localhost:8000/login?name=zoe'
curl -b jar -c jar http://localhost:8000/
curl -b jar -c jar -X POST http://localhost:8000/logout

The cookie is Secure, which curl and most browsers take from localhost without TLS. For plain HTTP on another host, while you
develop, there is SessionMiddleware(..., https_only=False).
"""

import os
import secrets
from dataclasses import dataclass
from typing import Annotated

from velocipy import Depends, HTTPException, Query, Session, SessionMiddleware, VelociPy

app = VelociPy(title="Sessions")

# Without a secret in the environment each start makes another one, and all sessions end with it.
app.add_middleware(SessionMiddleware(os.environ.get("SESSION_SECRET") or secrets.token_urlsafe(32)))


@dataclass
class Page:
    """What this visitor sees."""

    user: str | None
    cart: list[str]
    messages: list[str]


@app.get("/")
async def home(session: Session) -> Page:
    """Messages are shown once."""
    messages = [flash.message for flash in session.flashes()]
    return Page(session.get("user"), session.get("cart", []), messages)


@app.post("/cart/{item}")
async def add(item: str, session: Session) -> list[str]:
    """Changes inside of a list count too."""
    cart: list[str] = session.setdefault("cart", [])
    cart.append(item)
    return cart


@app.post("/login")
async def login(session: Session, name: Annotated[str, Query(min_length=1, max_length=40)]) -> None:
    """A new session goes on with what was in the old one, so that who knew the old cookie is not logged in too."""
    session.regenerate()
    session["user"] = name
    session.flash(f"Hello, {name}")


@app.post("/logout")
async def logout(session: Session) -> None:
    """Everything goes, the cart too."""
    session.clear()
    session.flash("Good bye")


def current_user(session: Session) -> str:
    """The name of who has logged in, or 401."""
    user: str | None = session.get("user")
    if user is None:
        raise HTTPException(401, "log in first")
    return user


@app.get("/account")
async def account(user: Annotated[str, Depends(current_user)]) -> dict[str, str]:
    """A dependency reads the session as an endpoint does."""
    return {"user": user}


@app.get("/health")
async def health() -> dict[str, bool]:
    """Nobody asks for the session here, so that it is not read, and nothing is sent of it."""
    return {"ok": True}
