"""An app in debug, for browsers: one endpoint that fails with what a page must not take for its own, and routes to miss."""

from __future__ import annotations

from velocipy import VelociPy

app = VelociPy(debug=True)
PRICES = {"mug": 450}


@app.get("/prices")
async def price(sku: str) -> int:
    password = "sesame-opens"
    return price_of(sku, password)


def price_of(sku: str, password: str) -> int:
    """What the client sent stands in the message, and in the values."""
    if sku not in PRICES:
        raise LookupError(f"no price of {sku}")
    return PRICES[sku]


@app.get("/baskets/{basket_id:int}")
async def read_basket(basket_id: int) -> int:
    return basket_id
