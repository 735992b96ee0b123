"""What a route may say besides its path: status, name, tags, words for the documentation, limits, and what stands around it.

granian route_extras:app --interface rsgi
curl -i -X POST 'http://127.0.0.1:8000/v1/orders?item=mug'
curl -i http://127.0.0.1:8000/v1/orders/1
curl http://127.0.0.1:8000/routes
"""

from dataclasses import dataclass
from typing import Annotated

from velocipy import APIRouter, Depends, Header, HTTPException, Request, Response, VelociPy
from velocipy.middleware import TimingMiddleware

app = VelociPy(title="Route extras", version="1.2.0")


@dataclass
class Order:
    """What is shown of an order."""

    id: int
    item: str


async def api_key(x_api_key: Annotated[str | None, Header()] = None) -> None:
    """Listed by a route: a guard, which runs before anything is read."""
    if x_api_key == "revoked":
        raise HTTPException(401)


orders = APIRouter("/v1/orders", name="orders", tags=["orders"], middleware=[TimingMiddleware()])
stored: dict[int, Order] = {}


@orders.post(
    "/",
    name="create",
    status_code=201,
    summary="Place an order",
    description="The answer's Location is the new order.",
    dependencies=[Depends(api_key)],
    response_model=Order,
    responses={409: {"description": "Sold out"}},
    operation_id="place_order",
)
async def create(item: str, request: Request, response: Response) -> Order:
    """A name is found again by `url_for`, below the name of its router."""
    order = stored[len(stored) + 1] = Order(len(stored) + 1, item)
    response.headers["location"] = request.url_for("orders.read", order=order.id)
    return order


@orders.get("/{order}", name="read", tags=["public"])
async def read(order: int) -> Order:
    """Tags of the router and of the route add up."""
    if order not in stored:
        raise HTTPException(404)
    return stored[order]


@orders.get("/old", deprecated=True, include_in_schema=False)
async def old() -> dict[str, str]:
    """Still answered, and not documented."""
    return {"moved": "/v1/orders"}


app.include_router(orders)


@app.get("/routes")
async def routes(request: Request) -> list[dict[str, object]]:
    """Every route knows what was said of it."""
    return [
        {"methods": route.methods, "path": route.path, "name": route.name, "tags": route.options.tags}
        for route in request.app.routes
    ]
