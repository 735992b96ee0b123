"""The quick start: one app, served by Granian (RSGI) or by Uvicorn and Hypercorn (ASGI).

granian basic:app --interface rsgi --reload
uvicorn basic:app --reload
curl http://127.0.0.1:8000/
curl 'http://127.0.0.1:8000/items?page=2'
curl http://127.0.0.1:8000/items -H 'content-type: application/json' -d '{"name": "cap", "price": 12.5}'
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from velocipy import Body, Depends, Header, Query, Request, VelociPy


@dataclass
class Item:
    """A model: what a body must be, and an answer may be. Structs and pydantic models do as well."""

    name: str
    price: Annotated[float, Body(ge=0)]
    tags: list[str] = field(default_factory=list[str])


@asynccontextmanager
async def lifespan(app: VelociPy) -> AsyncGenerator[dict[str, object]]:
    """What is set up before the first request; what it yields is found in `app.state`."""
    yield {"catalogue": ["hoodie", "mug", "sticker"]}


app = VelociPy(title="Basic", lifespan=lifespan)


@app.get("/")
async def hello() -> dict[str, str]:
    """The answer of the front page's quick start."""
    return {"message": "Hello, VelociPy!"}


async def page_params(
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, int]:
    """A dependency: two query parameters that several endpoints share."""
    return {"page": page, "size": size}


@app.get("/items", tags=["items"])
async def list_items(
    request: Request,
    params: Annotated[dict[str, int], Depends(page_params)],
    x_request_id: Annotated[str | None, Header()] = None,
) -> dict[str, object]:
    """One page of the catalogue. `?page=0` answers 422 and says why."""
    start = (params["page"] - 1) * params["size"]
    names = request.app.state.catalogue[start : start + params["size"]]
    return {"items": [{"name": name} for name in names], **params, "request_id": x_request_id}


@app.post("/items", status_code=201, tags=["items"])
async def add_item(request: Request, item: Item) -> Item:
    """Validated before this is called; `{"price": -1}` answers 422 with every mistake."""
    request.app.state.catalogue.append(item.name)
    return item
