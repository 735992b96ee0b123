"""Templates: pages with a layout, a fragment for htmx, a login with session, CSRF token and flash messages, and a page that is streamed.

granian templates:app --interface rsgi
open http://localhost:8000/                                   # the template files are in templates/; log in as ada, lovelace
curl 'http://localhost:8000/?q=<b>'                           # what users write is escaped
curl -i -H 'hx-request: true' 'http://localhost:8000/?q=mug'  # the rows alone
curl -i -d 'name=ada&password=lovelace' http://localhost:8000/login     # 403: nobody logs in without the token of our form
curl -N http://localhost:8000/catalogue                       # 100,000 rows, sent as they are rendered

The cookies are Secure, which browsers take from localhost without TLS too.
"""

import hmac
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from velocipy import (
    Depends,
    Form,
    Header,
    RedirectResponse,
    Request,
    Response,
    Session,
    SessionMiddleware,
    TemplateResponse,
    Templates,
    VelociPy,
)
from velocipy.middleware import SecurityHeadersMiddleware
from velocipy.security import CSRF, CSRFToken

USERS = {"ada": "lovelace"}


@dataclass
class Item:
    name: str
    price: float


ITEMS = [Item("mug", 9.5), Item("hoodie", 49.99), Item("sticker <small>", 1)]

# Without a secret in the environment each start makes another one, and all sessions end with it.
SECRET = os.environ.get("SESSION_SECRET") or secrets.token_urlsafe(32)

# A context processor gives names to every page that is rendered for a request.
templates = Templates(
    Path(__file__).parent / "templates",
    context_processors=[lambda request: {"shop": request.app.title, "user": request.session.get("user")}],
)
templates.check()  # a fault of syntax is said now, with its file and line

app = VelociPy(title="Raptor & Sons")
# The pages have one inline style, which the policy lets in by a nonce of its own for each request; no script runs at all.
app.add_middleware(SecurityHeadersMiddleware(csp={"default-src": ["self"], "style-src": ["self", "nonce"]}))
app.add_middleware(SessionMiddleware(SECRET))
csrf = CSRF(SECRET)
app.add_middleware(csrf)


@app.get("/", name="home")
async def home(
    request: Request,
    token: Annotated[CSRFToken, Depends(csrf.token)],
    q: str = "",
    hx_request: Annotated[bool, Header()] = False,
) -> TemplateResponse:
    """The page, or its block `rows` alone for htmx; caches are told that the two differ."""
    return templates.TemplateResponse(
        "home.html",
        {"items": [item for item in ITEMS if q in item.name], "q": q},
        request=request,
        block="rows" if hx_request else None,
        headers={"vary": "HX-Request"},
    )


@app.get("/login", name="login")
async def login(request: Request, token: Annotated[CSRFToken, Depends(csrf.token)]) -> TemplateResponse:
    """A form that holds the token, see templates/forms.html."""
    return templates.TemplateResponse("login.html", {"name": "", "error": None}, request=request)


@app.post("/login", name="log_in")
async def log_in(
    request: Request,
    session: Session,
    token: Annotated[CSRFToken, Depends(csrf.token)],
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> Response:
    """A redirect and a message for who knows the password, and the form with an error for everybody else."""
    known = USERS.get(name, "")
    if known and hmac.compare_digest(known.encode(), password.encode()):
        session.regenerate()  # who knew the cookie of before is not logged in too
        session["user"] = name
        session.flash(f"Welcome, {name}")
        return RedirectResponse(app.url_for("home"), 303)
    context = {"name": name, "error": "Name and password do not belong together."}
    return templates.TemplateResponse("login.html", context, request=request, status_code=401)


@app.post("/logout", name="log_out")
async def log_out(session: Session) -> Response:
    """Everything that was in the session goes, but for the message."""
    session.clear()
    session.flash("Good bye")
    return RedirectResponse(app.url_for("home"), 303)


def many_items() -> Iterator[Item]:
    """More rows than a page should hold in memory; a database's cursor looks the same to the template."""
    for number in range(100_000):
        yield Item(f"item {number}", number)


@app.get("/catalogue", name="catalogue")
async def catalogue(request: Request, token: Annotated[CSRFToken, Depends(csrf.token)]) -> Response:
    """A stream: the rows are taken, rendered and sent in chunks, in a thread."""
    return templates.stream("catalogue.html", {"items": many_items()}, request=request)
