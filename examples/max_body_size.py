"""How long a body may be: for the app, for a route, for a mount. Beyond it the answer is 413 Payload Too Large.

granian max_body_size:app --interface rsgi
curl -i http://127.0.0.1:8000/echo -d 'short enough'
curl -i http://127.0.0.1:8000/echo -d "$(head -c 2000 /dev/zero | tr '\\0' x)"      # 413, before a byte is read
curl -i http://127.0.0.1:8000/echo -H 'transfer-encoding: chunked' -d "$(head -c 2000 /dev/zero | tr '\\0' x)"
curl -i http://127.0.0.1:8000/large --data-binary @big.bin
"""

from velocipy import Request, VelociPy

app = VelociPy(title="Body size", max_content_length=1_000)


@app.post("/echo")
async def echo(request: Request) -> str:
    """At most 1,000 bytes, counted as they arrive, whatever Content-Length says."""
    return await request.text()


@app.post("/large", max_content_length=100 * 1024 * 1024)
async def large(request: Request) -> dict[str, int]:
    """A route may take more; read as a stream, a body takes no memory."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"bytes": size}


@app.post("/nothing", max_content_length=0)
async def nothing() -> None:
    """No body at all, for who reads one; this endpoint does not even look."""
