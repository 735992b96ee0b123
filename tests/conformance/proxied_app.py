"""An app that names the local host as its proxy, with an app and a foreign one mounted in it; for the test beside this file."""

from __future__ import annotations

from typing import Any

from velocipy import Request, VelociPy, WebSocket
from velocipy.http.request import Exchange

app = VelociPy(plugins=False, proxy_headers=["127.0.0.0/8", "::1"])
inner = VelociPy(plugins=False)


def shown(exchange: Exchange) -> dict[str, Any]:
    return {
        "client": None if exchange.client is None else exchange.client[0],
        "scheme": exchange.scheme,
        "host": exchange.host,
        "url": str(exchange.url),
        "root": exchange.root_path,
        "link": exchange.url_for("show"),
    }


@app.get("/show", name="show")
@inner.get("/show", name="show")
async def show(request: Request) -> dict[str, Any]:
    return shown(request)


@app.websocket("/ws")
@inner.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(shown(websocket))


@app.websocket("/same")
async def same_origin(websocket: WebSocket) -> None:
    """Cookies and an Origin: the page has to be of the host that the client named."""
    await websocket.accept()
    await websocket.send_text("accepted")


async def foreign(scope: Any, receive: Any, send: Any) -> None:
    names = ("scheme", "root_path", "path")
    hosts = (
        [value.decode() for name, value in scope["headers"] if name == b"host"] if "headers" in scope else []
    )
    if scope["type"] == "lifespan":
        raise RuntimeError("there is none")
    said = " ".join([scope["client"][0], *hosts, *(scope[name] for name in names)])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": said})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said.encode()})


app.mount("/in", inner, name="in")
app.mount("/foreign", foreign)
