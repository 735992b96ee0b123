"""Templates: pages with a layout, a fragment for htmx, a form that comes back with its errors, and a page that is streamed.

granian templates:app --interface rsgi
open http://127.0.0.1:8000/                                   # the template files are in templates/
curl 'http://127.0.0.1:8000/?q=<b>'                           # what users write is escaped
curl -i -H 'hx-request: true' 'http://127.0.0.1:8000/?q=mug'  # the rows alone
curl -i -d 'name=ada&password=wrong' http://127.0.0.1:8000/login        # 401, and the form again
curl -i -d 'name=ada&password=lovelace' http://127.0.0.1:8000/login
curl -N http://127.0.0.1:8000/catalogue                       # 100,000 rows, sent as they are rendered
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from velocipy import Form, Header, Request, Response, TemplateResponse, Templates, VelociPy

USERS = {"ada": "lovelace"}


@dataclass
class Item:
    name: str
    price: float


ITEMS = [Item("mug", 9.5), Item("hoodie", 49.99), Item("sticker <small>", 1)]

# A context processor gives names to every page that is rendered for a request.
templates = Templates(
    Path(__file__).parent / "templates", context_processors=[lambda request: {"shop": request.app.title}]
)
templates.check()  # a fault of syntax is said now, with its file and line
app = VelociPy(title="Raptor & Sons")


@app.get("/", name="home")
async def home(
    request: Request, q: str = "", hx_request: Annotated[bool, Header()] = False
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
async def login(request: Request) -> TemplateResponse:
    """A form; with a CSRF middleware it would hold its token, see templates/forms.html."""
    return templates.TemplateResponse("login.html", {"name": "", "error": None}, request=request)


@app.post("/login", name="log_in")
async def log_in(
    request: Request, name: Annotated[str, Form()], password: Annotated[str, Form()]
) -> TemplateResponse:
    """A page for who knows the password, and the form with an error for everybody else."""
    known = USERS.get(name, "")
    if known and hmac.compare_digest(known.encode(), password.encode()):
        return templates.TemplateResponse("welcome.html", {"name": name}, request=request)
    context = {"name": name, "error": "Name and password do not belong together."}
    return templates.TemplateResponse("login.html", context, request=request, status_code=401)


def many_items() -> Iterator[Item]:
    """More rows than a page should hold in memory; a database's cursor looks the same to the template."""
    for number in range(100_000):
        yield Item(f"item {number}", number)


@app.get("/catalogue", name="catalogue")
async def catalogue(request: Request) -> Response:
    """A stream: the rows are taken, rendered and sent in chunks, in a thread."""
    return templates.stream("catalogue.html", {"items": many_items()}, request=request)
