"""Tests without a server: TestClient and AsyncTestClient, on the protocol of your choice.

python testing.py        # runs the tests below; pytest finds them too
"""

import asyncio
from typing import Annotated

from velocipy import Depends, HTTPException, VelociPy, WebSocket
from velocipy.testing import AsyncTestClient, TestClient

app = VelociPy(title="Testing")


async def current_user() -> str:
    """What a test replaces: in the real app this would ask the session."""
    raise HTTPException(401, "Not authenticated")


@app.get("/whoami")
async def whoami(user: Annotated[str, Depends(current_user)]) -> dict[str, str]:
    """Answers with whoever the dependency finds."""
    return {"user": user}


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Sends back what it receives."""
    await websocket.accept()
    async for message in websocket:
        await websocket.send_text(str(message))


def test_a_stranger_is_refused() -> None:
    with TestClient(app) as client:
        response = client.get("/whoami")
    assert response.status_code == 401
    assert response.json() == {"detail": "Not authenticated"}


def test_a_dependency_can_be_replaced() -> None:
    app.dependency_overrides[current_user] = lambda: "alice"
    try:
        for interface in ("rsgi", "asgi"):
            with TestClient(app, interface=interface) as client:
                assert client.get("/whoami").json() == {"user": "alice"}
    finally:
        app.dependency_overrides.clear()


def test_a_websocket_echoes() -> None:
    with TestClient(app) as client, client.websocket_connect("/echo") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_an_async_client_runs_in_your_own_loop() -> None:
    async def main() -> None:
        async with AsyncTestClient(app) as client:
            response = await client.get("/nowhere")
            assert response.status_code == 404

    asyncio.run(main())


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("passed:", name)
