"""The workloads in FastAPI, as its documentation writes them."""

from typing import Annotated

from armor import ARMOR
from by_hand import BINARY, FILE, TEXT, chunks, kibibytes
from fastapi import Depends, FastAPI, Path, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.routing import Route

app = FastAPI()


class Item(BaseModel):
    name: str
    price: float
    tags: list[str] = []


@app.get("/", response_class=PlainTextResponse)
async def plain() -> str:
    return "Hello, World!"


@app.get("/json")
async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/items/{item_id}")
async def item(
    item_id: Annotated[int, Path()],
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
    q: str | None = None,
) -> dict[str, int | str | None]:
    return {"item_id": item_id, "q": q, "page": page, "size": size}


@app.post("/body")
async def body(item: Item) -> Item:
    return item


@app.post("/pydantic")
async def model(item: Item) -> Item:
    return item


ROWS = [Item(name=f"raptor {number}", price=number / 4, tags=["claw"]) for number in range(1_000)]


@app.get("/rows")
async def rows() -> list[Item]:
    return ROWS


async def tenant(level: Annotated[int, Query(ge=0)] = 1) -> dict[str, int]:
    return {"level": level}


async def user(of: Annotated[dict, Depends(tenant)]) -> dict:
    return {"name": "raptor", "tenant": of}


async def session(of: Annotated[dict, Depends(user)]) -> dict:
    return {"id": 7, "user": of}


@app.get("/deps")
async def deps(of: Annotated[dict, Depends(session)]) -> dict:
    return of


@app.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(chunks(), media_type=TEXT)


@app.get("/chunks")
async def long_stream() -> StreamingResponse:
    return StreamingResponse(kibibytes(), media_type=TEXT)


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(FILE, media_type=BINARY)


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


@app.delete("/empty", status_code=204)
async def empty() -> None:
    return None


# FastAPI has middleware for a whole app alone: this one has the same route beside those without.
armored = FastAPI(middleware=ARMOR)


@armored.get("/armored")
async def armored_message() -> dict[str, str]:
    return {"message": "Hello, World!"}


app.router.routes.append(Route("/armored", armored))
