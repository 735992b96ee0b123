"""The same app on Uvicorn over ASGI, started from Python.

python uvicorn_server.py
uvicorn uvicorn_server:app --reload
curl http://127.0.0.1:8000/
"""

from velocipy import Request, VelociPy

app = VelociPy(title="On Uvicorn")


@app.get("/")
async def hello(request: Request) -> dict[str, object]:
    """Nothing in an app knows which server runs it; a request knows what it came by."""
    return {"message": "Hello from ASGI", "http": request.http_version, "client": request.client}


def main(port: int = 8000) -> None:
    """Serve until interrupted. Needs `velocipy-asgi[uvicorn]`."""
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
