"""HTTP without a server: requests, responses and their parts, as `from velocipy.http import StreamingResponse`."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.http.files import FileResponse
    from velocipy.http.headers import Headers, ResponseHeaders
    from velocipy.http.query import Query
    from velocipy.http.request import Request
    from velocipy.http.response import (
        HTMLResponse,
        JSONResponse,
        PlainTextResponse,
        RedirectResponse,
        Response,
    )
    from velocipy.http.streaming import StreamingResponse
    from velocipy.http.url import URL

__all__ = [
    "FileResponse",
    "HTMLResponse",
    "Headers",
    "JSONResponse",
    "PlainTextResponse",
    "Query",
    "RedirectResponse",
    "Request",
    "Response",
    "ResponseHeaders",
    "StreamingResponse",
    "URL",
]

_HOMES = {
    "files": ("FileResponse",),
    "headers": (
        "Headers",
        "ResponseHeaders",
    ),
    "query": ("Query",),
    "request": ("Request",),
    "response": (
        "HTMLResponse",
        "JSONResponse",
        "PlainTextResponse",
        "RedirectResponse",
        "Response",
    ),
    "streaming": ("StreamingResponse",),
    "url": ("URL",),
}

__getattr__, __dir__ = lazy(__name__, _HOMES)
