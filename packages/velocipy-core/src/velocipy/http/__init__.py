"""HTTP without a server: requests, responses and their parts, as `from velocipy.http import StreamingResponse`."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.http.files import FileResponse
    from velocipy.http.forms import FormData, FormLimits
    from velocipy.http.headers import Headers, ResponseHeaders
    from velocipy.http.multipart import Part
    from velocipy.http.query import Query
    from velocipy.http.request import Request
    from velocipy.http.response import (
        HTMLResponse,
        JSONResponse,
        PlainTextResponse,
        RedirectResponse,
        Response,
    )
    from velocipy.http.sse import EventBuffer, EventSourceResponse, ServerSentEvent
    from velocipy.http.streaming import NDJSONResponse, StreamingResponse
    from velocipy.http.uploads import UploadFile, safe_name
    from velocipy.http.url import URL

__all__ = [
    "EventBuffer",
    "EventSourceResponse",
    "FileResponse",
    "FormData",
    "FormLimits",
    "HTMLResponse",
    "Headers",
    "JSONResponse",
    "NDJSONResponse",
    "Part",
    "PlainTextResponse",
    "Query",
    "RedirectResponse",
    "Request",
    "Response",
    "ResponseHeaders",
    "ServerSentEvent",
    "StreamingResponse",
    "URL",
    "UploadFile",
    "safe_name",
]

_HOMES = {
    "files": ("FileResponse",),
    "forms": ("FormData", "FormLimits"),
    "headers": (
        "Headers",
        "ResponseHeaders",
    ),
    "multipart": ("Part",),
    "query": ("Query",),
    "request": ("Request",),
    "response": (
        "HTMLResponse",
        "JSONResponse",
        "PlainTextResponse",
        "RedirectResponse",
        "Response",
    ),
    "sse": ("EventBuffer", "EventSourceResponse", "ServerSentEvent"),
    "streaming": ("NDJSONResponse", "StreamingResponse"),
    "uploads": ("UploadFile", "safe_name"),
    "url": ("URL",),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
