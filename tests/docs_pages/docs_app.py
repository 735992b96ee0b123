"""An app whose pages browsers look at: each kind of page, each way of authorisation. Knows nothing of who looks.

Started with AUTHORITY, the URL of an authorisation server, and TOKEN, which it gives out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

from velocipy import Body, Depends, Form, HTTPException, Path, Request, UploadFile, VelociPy, guard
from velocipy.openapi import OpenAPI, SwaggerUI
from velocipy.openapi_ui import ReDoc, Scalar

AUTHORITY = os.environ["AUTHORITY"]
TOKEN = os.environ["TOKEN"]
SCALAR = {
    "theme": "moon",
    "authentication": {
        "preferredSecurityScheme": "Code",
        "securitySchemes": {"Code": {"flows": {"authorizationCode": {"x-scalar-client-id": "docs"}}}},
    },
}


class Key:
    scheme_name = "ApiKey"
    scheme = {"type": "apiKey", "in": "header", "name": "x-key"}
    auto_error = True

    async def __call__(self, request: Request) -> None:
        if request.header("x-key") != "sesame":
            raise HTTPException(401)


class Bearer:
    auto_error = True

    def __init__(self, name: str, flow: str, **urls: str) -> None:
        self.scheme_name = name
        flows = {flow: {**urls, "scopes": {"read": "Read what there is"}}}
        self.scheme = {"type": "oauth2", "flows": flows}

    async def __call__(self, request: Request) -> None:
        if request.header("authorization") != f"Bearer {TOKEN}":
            raise HTTPException(401)


password = Bearer("Password", "password", tokenUrl="token")
code = Bearer(
    "Code",
    "authorizationCode",
    authorizationUrl=f"{AUTHORITY}/authorize",
    tokenUrl=f"{AUTHORITY}/token",
)
app = VelociPy(
    "Try <b>me</b>",
    openapi=OpenAPI(
        description="What we *sell*.\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        ui=SwaggerUI(oauth2={"clientId": "docs"}),
        pages={"/help/redoc": ReDoc(), "/scalar": Scalar(SCALAR)},
    ),
)


@dataclass
class Item:
    """A thing on the shelf."""

    name: str
    price: Annotated[float, Body(ge=0, description="In *euro*.")] = 1.0


@app.get("/items/{id}", tags=["shelf"])
async def read(id: Annotated[int, Path(description="Its *number*.")], q: str = "x") -> dict[str, str]:
    """One item.

    With its text.
    """
    return {"id": str(id), "q": q}


@app.post("/items", tags=["shelf"], status_code=201)
async def add(item: Item) -> Item:
    return item


@app.post("/upload")
async def upload(file: UploadFile) -> int:
    return file.size or 0


@app.get("/key", dependencies=[Depends(guard(Key()))])
async def key() -> str:
    return "in"


@app.get("/me", dependencies=[Depends(guard(password))])
async def me() -> str:
    return "me"


@app.get("/orders", dependencies=[Depends(guard(code))])
async def orders() -> str:
    return "orders"


@app.post("/token")
async def token(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, str]:
    return {"access_token": TOKEN if password == "secret" else "", "token_type": "bearer"}
