"""Routes: static and typed paths, parts of a segment, the rest of a path, nested routers, and URLs by name.

granian routing:app --interface rsgi
curl http://127.0.0.1:8000/users/me
curl http://127.0.0.1:8000/shop/items/42
curl http://127.0.0.1:8000/files/css/site.css
curl -i -X PUT http://127.0.0.1:8000/users/me        # 405, and Allow says what would do
"""

from datetime import date
from uuid import UUID

from velocipy import APIRouter, HTTPException, Request, VelociPy

app = VelociPy(title="Routing")


@app.get("/users/me")
async def me() -> dict[str, str]:
    """A static path comes before a hole, wherever it was declared."""
    return {"user": "me"}


@app.get("/users/{name}")
async def user(name: str) -> dict[str, str]:
    """A hole takes one segment."""
    return {"user": name}


@app.get("/users/{name}/posts")
async def posts(name: str) -> dict[str, str]:
    """`/users/me/posts` gets here: `/users/me` does not hide it."""
    return {"posts_of": name}


@app.get("/days/{day:date}")
async def on_day(day: date) -> dict[str, str]:
    """A typed hole: text that is no date is a 404."""
    return {"weekday": f"{day:%A}"}


@app.get("/orders/{order:uuid}")
async def order(order: UUID) -> dict[str, UUID]:
    """Converted before the endpoint is called."""
    return {"order": order}


@app.get("/images/{name}.{suffix}")
async def image(name: str, suffix: str) -> dict[str, str]:
    """Two holes in one segment, with text between them."""
    return {"name": name, "suffix": suffix}


@app.get("/files/{path*}")
async def file(path: str) -> dict[str, str]:
    """The rest of the path, slashes included."""
    return {"path": path}


items = APIRouter("/items", tags=["items"])


@items.get("/{item_id:int}", name="item")
async def item(request: Request, item_id: int) -> dict[str, object]:
    """Routers nest; a name finds the way back to the whole path."""
    if item_id < 1:
        raise HTTPException(404, "no such item")
    return {"id": item_id, "next": request.url_for("item", item_id=item_id + 1)}


async def create_item(request: Request) -> dict[str, object]:
    """An endpoint that is added by a call instead of a decorator."""
    return {"created": await request.json()}


items.add_route("/", create_item, methods=["POST"])

shop = APIRouter("/shop")
shop.include_router(items)
app.include_router(shop)
