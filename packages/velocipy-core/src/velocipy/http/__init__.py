"""HTTP without a server: requests, responses and their parts, as `from velocipy.http import StreamingResponse`."""

from velocipy.http.files import FileResponse
from velocipy.http.headers import Headers, ResponseHeaders
from velocipy.http.query import Query
from velocipy.http.request import Request
from velocipy.http.response import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from velocipy.http.streaming import StreamingResponse
from velocipy.http.url import URL

__all__ = [
    "URL",
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
]
