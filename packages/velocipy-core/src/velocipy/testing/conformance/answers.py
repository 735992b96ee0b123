"""Cases: statuses, headers, lengths, files and errors of answers. Each stands below the endpoints that it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from velocipy.exceptions import HTTPException
from velocipy.http.files import FileResponse
from velocipy.http.request import Request
from velocipy.http.response import JSONResponse, RedirectResponse, Response
from velocipy.http.streaming import StreamingResponse
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.case import case, holds, json_of, lines, new_key, notes, plain, same
from velocipy.testing.conformance.notes import note
from velocipy.testing.conformance.target import ask, header, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from velocipy.testing.conformance.target import Reply, Target

STATUSES = (200, 201, 202, 299, 400, 404, 418, 451, 500, 503, 599)
SERVER_ERROR = b'{"detail":"Internal Server Error"}'
FILES = {"empty.bin": b"", "small.txt": b"small\n", "large.bin": bytes(range(251)) * 2_000}
"""Name -> bytes of the files that the app makes at its start; the largest takes several reads of any server."""

router: APIRouter = APIRouter()


@router.get("/statuses/{code:int}")
async def status(code: int) -> Response:
    """A Response with this status."""
    return Response(b"body", code, media_type="text/plain")


@router.get("/repeated")
async def repeated() -> Response:
    """Two lines of one name, and others between them."""
    headers = [
        ("set-cookie", "a=1"),
        ("x-one", "1"),
        ("Set-Cookie", "b=2; Path=/"),
        ("x-two", "2"),
        ("x-one", "3"),
    ]
    return Response(b"", headers=headers)


@router.get("/results/{kind}")
async def result(kind: str) -> Any:
    """An answer without a Response, or with one."""
    results: dict[str, Any] = {
        "json": {"a": [1, "é"]},
        "text": "naïve",
        "bytes": b"\x00\xff",
        "empty-text": "",
        "response": Response("naïve", media_type="text/plain"),
        "json-response": JSONResponse([1, 2], 201),
        "none": None,
    }
    return results[kind]


@router.get("/no-content")
async def no_content() -> None:
    """204 by annotation."""


@router.get("/bodyless/{code:int}")
async def bodyless(code: int) -> Response:
    """A status that never has a body."""
    return Response(None, code, {"etag": '"v1"'})


@router.get("/redirect")
async def redirect() -> Response:
    """A redirect to what needs encoding."""
    return RedirectResponse("/naïve path?q=1")


@router.get("/files/{name}")
async def file(name: str, request: Request) -> Response:
    """One of FILES."""
    return FileResponse(request.app.state.files / name)


@router.get("/lazy/{key}")
async def lazy(key: str) -> Response:
    """A stream that notes that it was started."""

    async def rows() -> AsyncIterator[bytes]:
        note(key, "started")
        yield b"row"

    return StreamingResponse(rows(), headers={"x-kind": "stream"})


@router.get("/refused")
async def refused() -> None:
    """An HTTPException with headers of its own."""
    raise HTTPException(401, {"why": "no key"}, {"www-authenticate": "Bearer"})


@router.get("/unhandled")
async def unhandled() -> None:
    """An error that nobody expects."""
    raise LookupError("secret text of an exception")


@case()
async def statuses_are_sent(target: Target) -> None:
    """Every status from 200 to 599 that may have a body is sent as it is, known or not, with its body."""
    for code in STATUSES:
        plain(f"status {code}", await ask(target, "GET", f"/statuses/{code}"), code, b"body", "text/plain")


@case()
async def header_lines_keep_their_order(target: Target) -> None:
    """Headers of an answer keep duplicates in order, Set-Cookie on lines of its own."""
    reply = await ask(target, "GET", "/repeated")
    wanted = [("set-cookie", ["a=1", "b=2; Path=/"]), ("x-one", ["1", "3"]), ("x-two", ["2"])]
    same("headers", lines(reply, "set-cookie", "x-one", "x-two"), wanted)


@case()
async def lengths_are_those_of_the_bodies(target: Target) -> None:
    """Every answer with a body says its length in bytes, once, whether a Response was made for it or not."""
    text, json = "text/plain; charset=utf-8", "application/json"
    plain("json", await ask(target, "GET", "/results/json"), 200, '{"a":[1,"é"]}'.encode(), json)
    plain("text", await ask(target, "GET", "/results/text"), 200, "naïve".encode(), text)
    plain("bytes", await ask(target, "GET", "/results/bytes"), 200, b"\x00\xff", "application/octet-stream")
    plain("empty text", await ask(target, "GET", "/results/empty-text"), 200, b"", text)
    plain("response", await ask(target, "GET", "/results/response"), 200, "naïve".encode(), "text/plain")
    plain("json response", await ask(target, "GET", "/results/json-response"), 201, b"[1,2]", json)


@case()
async def some_statuses_have_no_body(target: Target) -> None:
    """204, 205 and 304 have no body, 204 no Content-Length either (RFC 9110 section 8.6), and the next answer is in step."""
    paths = ("/no-content", "/results/none", "/bodyless/204", "/bodyless/205", "/bodyless/304")
    wanted = (204, 204, 204, 205, 304)
    for path, code in zip(paths, wanted, strict=True):
        first, second = await target.pipeline(
            [(request("GET", path), b""), (request("GET", "/results/text"), b"")]
        )
        same(f"{path}: status and body", (first.status, first.body), (code, b""))
        if code == 204:
            same(f"{path}: content-length", header(first, "content-length"), [])
        holds(
            f"{path}: a length of {header(first, 'content-length')}",
            header(first, "content-length") in ([], ["0"]),
        )
        same(f"after {path}", second.body, "naïve".encode())


@case()
async def a_redirect_is_encoded(target: Target) -> None:
    """A redirect says its place in ASCII, percent-encoded, with no body."""
    reply = await ask(target, "GET", "/redirect")
    same("redirect", (reply.status, header(reply, "location")), (307, ["/na%C3%AFve%20path?q=1"]))
    same("body", (reply.body, header(reply, "content-length")), (b"", ["0"]))


async def headed(target: Target, path: str, *names: str) -> Reply:
    """HEAD beside GET: equal status and headers, no body, and the next answer on the connection is in step."""
    got = await ask(target, "GET", path)
    head, after = await target.pipeline(
        [(request("HEAD", path), b""), (request("GET", "/results/text"), b"")]
    )
    same(f"HEAD {path}: status and body", (head.status, head.body), (got.status, b""))
    same(f"HEAD {path}: headers", lines(head, *names), lines(got, *names))
    same(f"after HEAD {path}", after.body, "naïve".encode())
    return head


@case()
async def head_has_the_headers_of_get(target: Target) -> None:
    """HEAD follows GET for results, Responses, errors and 404: its headers, Content-Length included, without a body."""
    for path in (
        "/results/json",
        "/results/response",
        "/results/json-response",
        "/refused",
        "/nowhere",
        "/unhandled",
    ):
        await headed(target, path, "content-type", "content-length", "www-authenticate")


@case()
async def head_does_not_start_a_stream(target: Target) -> None:
    """HEAD of a stream answers with its headers, says no length, and never starts the generator."""
    key = new_key()
    head, after = await target.pipeline(
        [(request("HEAD", f"/lazy/{key}"), b""), (request("GET", "/results/text"), b"")]
    )
    same("status, body", (head.status, head.body), (200, b""))
    wanted: list[tuple[str, list[str]]] = [("x-kind", ["stream"]), ("content-length", [])]
    same("headers", lines(head, "x-kind", "content-length"), wanted)
    same("after HEAD", after.body, "naïve".encode())
    same("notes of the generator", await notes(target, key), [])


@case()
async def head_of_a_file_has_its_length(target: Target) -> None:
    """HEAD of a file answers with the headers that GET has, its length and ETag among them."""
    for name in FILES:
        await headed(target, f"/files/{name}", "content-type", "content-length", "etag", "last-modified")


@case()
async def files_are_sent_whole(target: Target) -> None:
    """A FileResponse sends every byte, empty files too, with length, type by suffix, ETag and Last-Modified."""
    types = {"empty.bin": "application/octet-stream", "small.txt": "text/plain; charset=utf-8"}
    for name, data in FILES.items():
        reply = await ask(target, "GET", f"/files/{name}")
        plain(name, reply, 200, data, types.get(name, "application/octet-stream"))
        same(
            f"{name}: ETag and date",
            [len(header(reply, "etag")), len(header(reply, "last-modified"))],
            [1, 1],
        )


@case()
async def errors_have_one_wording(target: Target) -> None:
    """An HTTPException answers `{"detail": ...}` with its headers, byte for byte the same everywhere."""
    reply = await ask(target, "GET", "/refused")
    plain("401", reply, 401, b'{"detail":{"why":"no key"}}', "application/json")
    same("its header", header(reply, "www-authenticate"), ["Bearer"])
    wrong = await ask(target, "POST", "/limited/x", ("content-type", "application/json"), body=b"{")
    plain("broken JSON", wrong, 400, b'{"detail":"Invalid JSON body"}', "application/json")


@case()
async def an_unhandled_exception_is_a_bare_500(target: Target) -> None:
    """An exception that nobody handles answers a 500 that tells nothing, and the connection goes on."""
    first, second = await target.pipeline(
        [(request("GET", "/unhandled"), b""), (request("GET", "/results/json"), b"")]
    )
    plain("500", first, 500, SERVER_ERROR, "application/json")
    same("the next answer", json_of("json", second), {"a": [1, "é"]})
