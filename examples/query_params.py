"""Query parameters: defaults, bounds, lists, enums, unions, and a model that is read field by field.

granian query_params:app --interface rsgi
curl 'http://127.0.0.1:8000/search?q=mug&page=2&tags=red&tags=large'
curl 'http://127.0.0.1:8000/search?page=0'                 # 422, with every error
curl 'http://127.0.0.1:8000/ids?ids=1,2,3'
curl 'http://127.0.0.1:8000/items?min_price=5&order=price'
curl 'http://127.0.0.1:8000/items?min_prize=5'             # 422: a typing error is not ignored
"""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Literal

from velocipy import Query, VelociPy

app = VelociPy(title="Query parameters")


class Size(Enum):
    """A closed list of values; clients send the values, endpoints get the members."""

    SMALL = "small"
    LARGE = "large"


@app.get("/search")
async def search(
    q: str,
    page: Annotated[int, Query(ge=1, description="Counted from 1")] = 1,
    tags: Annotated[list[str], Query(max_length=10)] = [],  # noqa: B006  # defaults are never changed
    size: Size | None = None,
    since: date | None = None,
) -> dict[str, object]:
    """No marker is needed for a scalar or a list of scalars; bounds stand in one."""
    return {"q": q, "page": page, "tags": tags, "size": size, "since": since}


@app.get("/ids")
async def by_ids(ids: Annotated[list[int], Query(explode=False)]) -> list[int]:
    """A list in one parameter, `?ids=1,2,3`."""
    return ids


@app.get("/versions/latest")
async def version(of: int | Literal["all"] = "all") -> dict[str, object]:
    """A union is the first member that fits, and text last."""
    return {"of": of, "type": type(of).__name__}


@dataclass
class Filters:
    """Parameters that several endpoints share, as a model. Structs and pydantic models do as well."""

    min_price: Annotated[float, Query(ge=0)] = 0.0
    max_price: float | None = None
    order: Literal["name", "price"] = "name"


@app.get("/items")
async def items(filters: Annotated[Filters, Query(extra="forbid")]) -> Filters:
    """With `extra="forbid"` a parameter that nobody reads is an error."""
    return filters
