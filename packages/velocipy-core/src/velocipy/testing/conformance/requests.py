"""Cases: what of a request reaches the app, and what is refused before it does. Each stands below the endpoints that it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from velocipy.handlers.markers import Cookie, Header, Query
from velocipy.http.request import Request
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.case import case, holds, json_of, plain, same
from velocipy.testing.conformance.target import HOST, METHOD_CASE, RawRequest, ask, header, request, send

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Target

router: APIRouter = APIRouter()

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

BAD_HOSTS = (
    "a b",
    "a@evil.test",
    "example.com/abc?bar=",
    "[",
    "a:99999",
    "a:b",
    "x" * 300,
    "a,b",
    "%61.test",
)


@router.route("/mirror/{rest*}", methods=METHODS)
async def mirror(rest: str, request: Request) -> dict[str, Any]:
    """What the adapter's connection object says of the request line."""
    return {
        "method": request.method,
        "path": request.path,
        "rest": rest,
        "query": request.query_string,
        "fields": list(request.query_params.items()),
    }


@router.get("/typed/{count:int}/{name}")
async def typed(
    count: int,
    name: str,
    ratio: Annotated[float, Query(ge=0)],
    flag: bool = False,
    x_id: Annotated[str | None, Header()] = None,
    session: Annotated[str | None, Cookie()] = None,
) -> list[Any]:
    """What the adapter's expressions read, without a Request being made."""
    return [count, name, ratio, flag, x_id, session]


@router.get("/fields/{name}")
async def fields(name: str, request: Request) -> dict[str, Any]:
    """One header in every way that it can be asked for."""
    headers = request.headers
    return {
        "first": headers.get(name),
        "all": headers.get_all(name),
        "items": [pair for pair in headers.items() if pair[0] == name],
        "there": name in headers,
    }


@router.get("/plain-field")
async def plain_field(x_name: Annotated[str, Header()] = "default") -> str:
    """One header, read by the adapter's expression."""
    return x_name


@router.get("/cookies")
async def cookies(
    request: Request, a: Annotated[str, Cookie()] = "-", b: Annotated[str, Cookie()] = "-"
) -> list[Any]:
    """Cookies, by parameter and by Request."""
    return [a, b, request.cookies]


@router.get("/url")
async def url(request: Request) -> dict[str, str]:
    """The URL that an app would put into a link."""
    return {"url": str(request.url), "path": request.url.path, "host": request.host}


@case()
async def methods_and_paths_arrive(target: Target) -> None:
    """The method, the path with its letters' case and percent escapes decoded once, reach the endpoint."""
    for method in METHODS:
        seen = json_of(method, await ask(target, method, "/mirror/Some/pA%20th%2525/%C3%A9"))
        same("method", seen["method"], method)
        same("path", seen["path"], "/mirror/Some/pA th%25/é")
        same("what the catch-all took", seen["rest"], "Some/pA th%25/é")


@case()
async def an_escaped_slash_is_a_slash(target: Target) -> None:
    """Paths match percent-decoded: `%2F` is `/`, since RSGI servers do not say which it was."""
    same("path", json_of("mirror", await ask(target, "GET", "/mirror/a%2Fb"))["rest"], "a/b")


@case()
async def an_undecodable_path_is_404(target: Target) -> None:
    """A path whose bytes are not UTF-8 is nobody's, since servers make different URLs equal there."""
    for path in ("/mirror/%FF", "/mirror/a%C3", "/mirror/%ED%A0%80"):
        plain(path, await ask(target, "GET", path), 404, b'{"detail":"Not Found"}', "application/json")


@case()
async def the_query_arrives(target: Target) -> None:
    """The query reaches the endpoint as raw text and as fields, in order, with duplicates and empty values."""
    seen = json_of("mirror", await ask(target, "GET", "/mirror/q?b=2&a=1&a=%20x&c=+y&d=&e"))
    same("raw query", seen["query"], "b=2&a=1&a=%20x&c=+y&d=&e")
    wanted = [["b", "2"], ["a", "1"], ["a", " x"], ["c", " y"], ["d", ""], ["e", ""]]
    same("fields", seen["fields"], wanted)
    same("no query", json_of("mirror", await ask(target, "GET", "/mirror/q"))["query"], "")


@case()
async def typed_parameters_are_converted(target: Target) -> None:
    """Path, query, header and cookie parameters come converted, and missing ones have their defaults."""
    reply = await ask(
        target, "GET", "/typed/7/Bob%20B?ratio=0.5&flag=yes", ("x-id", "abc"), ("cookie", "session=s1")
    )
    same("all given", json_of("typed", reply), [7, "Bob B", 0.5, True, "abc", "s1"])
    same(
        "defaults",
        json_of("typed", await ask(target, "GET", "/typed/7/x?ratio=1")),
        [7, "x", 1.0, False, None, None],
    )


@case()
async def all_wrong_parameters_are_reported(target: Target) -> None:
    """Wrong and missing parameters answer one 422 that names them all; a path that does not convert is a 404."""
    wrong = json_of("typed", await ask(target, "GET", "/typed/7/x?ratio=-1&flag=perhaps"), 422)
    same("places", [item["loc"] for item in wrong["detail"]], [["query", "ratio"], ["query", "flag"]])
    missing = json_of("typed", await ask(target, "GET", "/typed/7/x"), 422)
    same("missing", [item["loc"] for item in missing["detail"]], [["query", "ratio"]])
    same("path that does not convert", (await ask(target, "GET", "/typed/seven/x?ratio=1")).status, 404)


@case()
async def duplicate_headers_are_kept(target: Target) -> None:
    """Request headers are looked up in any case, duplicates stay in order, and `get` gives the first."""
    pairs = (("X-Many", "one"), ("x-other", "2"), ("x-MANY", "three, four"))
    seen = json_of("fields", await ask(target, "GET", "/fields/x-many", *pairs))
    same("get", seen["first"], "one")
    same("get_all", seen["all"], ["one", "three, four"])
    same("items", seen["items"], [["x-many", "one"], ["x-many", "three, four"]])


@case()
async def a_non_ascii_header_counts_as_missing(target: Target) -> None:
    """A value that is not visible ASCII is missing everywhere, since RSGI servers do not pass it on."""
    bad = RawRequest("GET", b"/fields/x-name", (HOST, (b"x-name", b"caf\xe9")))
    seen = json_of("fields", await send(target, bad))
    same("by Request", seen, {"first": None, "all": [], "items": [], "there": False})
    parameter = await send(target, RawRequest("GET", b"/plain-field", bad.headers))
    same("by parameter", (parameter.status, parameter.body), (200, b"default"))


@case()
async def cookie_lines_are_joined(target: Target) -> None:
    """Cookies in two lines, as HTTP/2 clients send them, all arrive; of two with one name the first counts."""
    reply = await ask(target, "GET", "/cookies", ("cookie", "a=1; c=3"), ("cookie", "b=2; a=9"))
    same("cookies", json_of("cookies", reply), ["1", "2", {"a": "1", "b": "2", "c": "3"}])


@case()
async def a_bad_host_is_refused(target: Target) -> None:
    """A Host that is no host answers 400 and never reaches an endpoint."""
    for host in BAD_HOSTS:
        bad = RawRequest("GET", b"/plain-field", ((b"host", host.encode()),))
        same(f"Host: {host[:40]!r}", (await send(target, bad)).status, 400)


@case()
async def two_hosts_are_refused(target: Target) -> None:
    """Two Host lines answer 400, equal ones too (RFC 9112 section 3.2)."""
    for second in (b"evil.test", b"conformance.test"):
        bad = RawRequest("GET", b"/plain-field", (HOST, (b"host", second)))
        same("two Host lines", (await send(target, bad)).status, 400)


@case()
async def the_url_is_made_of_its_parts(target: Target) -> None:
    """`request.url` joins scheme, Host and the routed path and query, whatever they hold."""
    good = RawRequest("GET", b"/url?q=1", ((b"host", b"Example.test:8080"),))
    seen = json_of("url", await send(target, good))
    same("url", seen["url"], "http://example.test:8080/url?q=1")
    same("path and host", (seen["path"], seen["host"]), ("/url", "example.test"))


@case()
async def unknown_paths_and_methods_are_told(target: Target) -> None:
    """No route is 404, a wrong method is 405 with Allow, OPTIONS is 204 with Allow; never the endpoint."""
    plain("404", await ask(target, "GET", "/nowhere"), 404, b'{"detail":"Not Found"}', "application/json")
    wrong = await ask(target, "DELETE", "/url")
    plain("405", wrong, 405, b'{"detail":"Method Not Allowed"}', "application/json")
    same("Allow of 405", header(wrong, "allow"), ["GET, HEAD, OPTIONS"])
    options = await ask(target, "OPTIONS", "/url")
    same("OPTIONS", (options.status, options.body), (204, b""))
    same("Allow of OPTIONS", header(options, "allow"), ["GET, HEAD, OPTIONS"])


@case()
async def unknown_methods_are_refused(target: Target) -> None:
    """A method that no route has is 405, or a 400 of a server that knows none; nothing is looked up by its name."""
    for method in ("__class__", "FOO", "TRACE"):
        await refuses(target, method)


@case(METHOD_CASE)
async def methods_are_case_sensitive(target: Target) -> None:
    """`get` is not GET (RFC 9110 section 9.1)."""
    await refuses(target, "get")


async def refuses(target: Target, method: str) -> None:
    """405 with Allow, or a server's own refusal."""
    reply = await send(target, request(method, "/url"))
    holds(f"{method} answered {reply.status}", reply.status in (400, 405, 501))
    if reply.status == 405:
        same(f"Allow for {method}", header(reply, "allow"), ["GET, HEAD, OPTIONS"])
