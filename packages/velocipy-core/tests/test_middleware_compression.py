"""CompressionMiddleware: who gets which coding of what, and that every answer stays true; on both protocols."""

import asyncio
import importlib.util
import sys
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import (
    EventSourceResponse,
    FileResponse,
    JSONResponse,
    NDJSONResponse,
    Response,
    StaticFiles,
    StreamingResponse,
    VelociPy,
)
from velocipy.encoded import WHOLE
from velocipy.exceptions import ConfigurationError
from velocipy.http.negotiation import preferred_codings, refuses_identity
from velocipy.middleware import CompressionMiddleware, GZipMiddleware, compression
from velocipy.testing import TestClient

_spec = importlib.util.spec_from_file_location(
    "velocipy_codings_tests", Path(__file__).with_name("test_codings.py")
)
assert _spec is not None and _spec.loader is not None
codings: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(codings)

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

TEXT = "some words, again and again; " * 200


class Raw:
    """A client whose answers are not decoded: what is on the wire."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        named = {
            "accept-encoding": "gzip",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with self._client.stream(method, path, headers=named) as answer:
            return answer.status_code, dict(answer.headers), b"".join(answer.iter_raw())


def serve(*middleware: Any) -> VelociPy:
    app = VelociPy(middleware=middleware or [CompressionMiddleware()])

    @app.get("/text")
    async def text() -> str:
        return TEXT

    @app.get("/json")
    async def json() -> dict[str, str]:
        return {"text": TEXT}

    @app.get("/small")
    async def small() -> str:
        return "small"

    @app.get("/bytes")
    async def octets() -> bytes:
        return TEXT.encode()

    return app


# -- who gets which ----------------------------------------------------------------------------------------------------

ACCEPTED = {
    "gzip": "gzip",
    "GZIP": "gzip",
    "x-gzip": "gzip",
    "br": "br",
    "zstd": "zstd",
    "gzip, deflate, br, zstd": "zstd",
    "gzip, br": "br",
    "gzip;q=1, br;q=0.5": "gzip",
    "gzip;q=0": None,
    "gzip; q=0.000, br; q=0.001": "br",
    "identity;q=1, gzip;q=0.5": None,
    "identity;q=0.5, gzip;q=0.5": "gzip",
    "*": "zstd",
    "*;q=0": None,
    "zstd;q=0, *": "br",
    "*;q=0.1, gzip;q=0.2": "gzip",
    "deflate": None,
    "identity": None,
    "": None,
    "gzip;q=2": None,
    "gzip;q=abc": None,
    ",,;;q=1": None,
    "zstd, " + "x" * 5_000: "zstd",
    "x" * 5_000 + ", zstd": None,
}


@both
@pytest.mark.case(93)
def test_the_coding_is_the_one_that_a_client_likes_best(interface: str) -> None:
    with TestClient(serve(), interface=interface) as client:
        raw = Raw(client)
        for accepted, coding in ACCEPTED.items():
            for path, wanted in (("/text", TEXT.encode()), ("/json", b'{"text":"%s"}' % TEXT.encode())):
                status, headers, body = raw.get(path, accept_encoding=accepted)
                assert (status, headers.get("content-encoding")) == (200, coding), accepted
                assert (codings.DECODERS[coding](body) if coding else body) == wanted
                assert headers["content-length"] == str(len(body))
                assert headers["vary"] == "Accept-Encoding"


@both
def test_a_client_that_takes_nothing_as_it_is_gets_all_types_encoded_that_are_long_enough(
    interface: str,
) -> None:
    with TestClient(serve(), interface=interface) as client:
        raw = Raw(client)
        for accepted in ("gzip, identity;q=0", "gzip, *;q=0"):
            _, headers, body = raw.get("/bytes", accept_encoding=accepted)
            assert headers["content-encoding"] == "gzip"
            assert codings.ungzip(body) == TEXT.encode()
        for path, accepted in (("/small", "gzip, identity;q=0"), ("/bytes", "identity;q=0")):
            assert "content-encoding" not in raw.get(path, accept_encoding=accepted)[1]


@both
def test_several_lines_of_accept_encoding_are_one_list(interface: str) -> None:
    app = serve()
    with TestClient(app, interface=interface) as client:
        lines = [("accept-encoding", "gzip;q=0.1"), ("accept-encoding", "br")]
        assert client.get("/text", headers=lines).headers["content-encoding"] == "br"


weights = st.sampled_from(["", ";q=0", ";q=0.0", ";q=0.5", ";q=1", "; q=1.000", ";q=7", ";x=1"])
names = st.sampled_from(["gzip", "br", "zstd", "identity", "*", "deflate", "GZip", "x-gzip", ""])


@pytest.mark.case(93)
@given(st.lists(st.tuples(names, weights), max_size=6))
def test_what_is_chosen_is_never_refused_and_nothing_is_liked_more(members: list[tuple[str, str]]) -> None:
    text = ", ".join(name + weight for name, weight in members)
    offers = ("zstd", "br", "gzip")
    chosen = preferred_codings(text, offers)

    def quality(coding: str) -> float:
        """By the book (RFC 9110 section 12.5.3): the member's, else that of *; a bad weight makes no member."""
        found: dict[str, float] = {}
        for name, weight in members:
            value = weight.partition("q=")[2]
            known = 1.0 if not value else float(value)
            if name and known <= 1:
                found.setdefault(name.lower().removeprefix("x-"), known)
        default = 0.0 if coding != "identity" else None
        return found.get(coding, found.get("*", default if default is not None else -1.0))

    liked = {coding: quality(coding) for coding in offers}
    assert all(liked[coding] > 0 for coding in chosen)
    assert [liked[coding] for coding in chosen] == sorted((liked[coding] for coding in chosen), reverse=True)
    left = set(offers) - set(chosen)
    identity = quality("identity")
    assert all(liked[coding] == 0 or liked[coding] < identity for coding in left)
    assert refuses_identity(text) == (identity == 0)


# -- of what -----------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(93)
def test_answers_that_must_stay_as_they_are_do(interface: str) -> None:
    app = serve()
    table: dict[str, Response] = {
        "encoded": Response(TEXT, headers={"content-encoding": "br"}, media_type="text/plain"),
        "part": Response(TEXT, 206, {"content-range": "bytes 0-9/10"}, "text/plain"),
        "fixed": Response(TEXT, headers={"cache-control": "private, No-Transform"}, media_type="text/plain"),
        "digest": Response(TEXT, headers={"content-digest": "sha-256=:a:"}, media_type="text/plain"),
        "image": Response(TEXT, media_type="image/png"),
        "untyped": Response(TEXT),
        "events": Response(TEXT, media_type="text/event-stream"),
        "random": Response(Random(1).randbytes(600), media_type="text/plain"),
        "empty": Response(None, 204),
        "reset": Response(None, 205),
    }
    compressed: dict[str, Response] = {
        "problem": JSONResponse({"detail": TEXT}, 500, media_type="application/problem+json"),
        "svg": Response(TEXT, media_type="image/svg+xml"),
        "html": Response(TEXT, media_type="Text/HTML; charset=utf-8"),
        "cookie": Response(
            TEXT, headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")], media_type="text/plain"
        ),
    }

    @app.get("/{kind}")
    async def answer(kind: str) -> Response:
        return {**table, **compressed}[kind]

    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        for kind, response in table.items():
            status, headers, body = raw.get(f"/{kind}")
            assert (status, body) == (response.status_code, response.body), kind
            assert headers.get("content-encoding") == response.headers.get("content-encoding")
            assert headers["vary"] == "Accept-Encoding"
        for kind, response in compressed.items():
            for _ in range(2):  # the endpoint's own response is not changed
                status, headers, body = raw.get(f"/{kind}")
                assert (status, codings.ungzip(body)) == (response.status_code, response.body), kind
                assert headers["content-length"] == str(len(body))
        with client.stream("GET", "/cookie", headers={"accept-encoding": "gzip"}) as answered:
            assert answered.headers.get_list("set-cookie") == ["a=1", "b=2"]


@both
@pytest.mark.case(93)
def test_the_size_from_which_on_is_exact(interface: str) -> None:
    app = VelociPy(middleware=[CompressionMiddleware(minimum_size=100)])

    @app.get("/text/{size:int}")
    async def text(size: int) -> str:
        return "a" * size

    @app.get("/response/{size:int}")
    async def response(size: int) -> Response:
        return Response("a" * size, media_type="text/plain")

    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        for path in ("text", "response"):
            assert "content-encoding" not in raw.get(f"/{path}/99")[1]
            assert raw.get(f"/{path}/100")[1]["content-encoding"] == "gzip"


@both
@pytest.mark.case(93)
def test_a_strong_etag_becomes_weak_in_the_answer_and_in_its_304(interface: str) -> None:
    app = serve()

    @app.get("/tagged")
    async def tagged(etag: str, status: int = 200) -> Response:
        content = TEXT if status == 200 else None
        return Response(content, status, {"etag": etag, "accept-ranges": "bytes"}, "text/plain")

    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        for status in ("200", "304"):
            for etag in ('"a"', 'W/"a"'):
                _, headers, _ = raw.get(f"/tagged?etag={etag}&status={status}")
                assert headers["etag"] == 'W/"a"'
                _, headers, _ = raw.get(f"/tagged?etag={etag}&status={status}", accept_encoding="identity")
                assert headers["etag"] == etag
        assert "accept-ranges" not in raw.get('/tagged?etag="a"')[1]


@both
@pytest.mark.case(93)
def test_head_says_what_get_would(interface: str) -> None:
    app = serve()
    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        for path in ("/text", "/json", "/small"):
            got, asked = raw.get(path), raw.get(path, "HEAD")
            assert (asked[0], asked[2]) == (200, b"")
            assert asked[1] == got[1]


@both
def test_a_declared_length_is_replaced(interface: str) -> None:
    app = serve()

    @app.get("/declared")
    async def declared() -> Response:
        return Response(TEXT, headers={"content-length": str(len(TEXT))}, media_type="text/plain")

    with TestClient(app, interface=interface) as client:
        _, headers, body = Raw(client).get("/declared")
        assert (headers["content-length"], codings.ungzip(body)) == (str(len(body)), TEXT.encode())


@both
def test_errors_and_constants_are_compressed_where_they_are_long_enough(interface: str) -> None:
    app = serve(CompressionMiddleware(minimum_size=1, types=["application/json"]))
    with TestClient(app, interface=interface) as client:
        status, headers, body = Raw(client).get("/nowhere", accept_encoding="gzip, identity;q=0")
        assert (status, headers["content-encoding"]) == (404, "gzip")
        assert codings.ungzip(body) == b'{"detail":"Not Found"}'


@both
def test_background_work_of_a_compressed_answer_is_done(interface: str) -> None:
    from velocipy.background import BackgroundTask

    app, done = serve(), list[str]()

    async def rows() -> AsyncIterator[str]:
        yield TEXT

    @app.get("/later/{kind}")
    async def later(kind: str) -> Response:
        response = Response(TEXT, media_type="text/plain") if kind == "body" else StreamingResponse(rows())
        response.background = BackgroundTask(done.append, kind)
        return response

    with TestClient(app, interface=interface) as client:
        for kind in ("body", "stream"):
            assert Raw(client).get(f"/later/{kind}")[1]["content-encoding"] == "gzip"
    assert done == ["body", "stream"]


@both
@pytest.mark.case(93)
def test_long_bodies_are_compressed_in_a_thread_and_short_ones_are_not(interface: str) -> None:
    app = VelociPy(middleware=[CompressionMiddleware(codings=["gzip"])])
    threads: list[int] = []
    (coding,) = codings.find_codings(["gzip"])

    def noted(body: bytes) -> bytes:
        threads.append(threading.get_ident())
        return bytes(coding.compress(body))

    from dataclasses import replace

    app.layer.middleware[0]._codings["gzip"] = replace(coding, compress=noted)

    @app.get("/{size:int}")
    async def text(size: int) -> str:
        threads.append(threading.get_ident())
        return "a" * size

    with TestClient(app, interface=interface) as client:
        for size, in_thread in ((10_000, False), (10_000_000, True)):
            threads.clear()
            _, headers, body = Raw(client).get(f"/{size}")
            assert len(codings.ungzip(body)) == size
            assert (threads[0] != threads[1]) is in_thread


# -- streams -----------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(93)
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_streams_arrive_piece_by_piece(interface: str, coding: str) -> None:
    app = serve()

    async def rows() -> AsyncIterator[Any]:
        yield {"row": 1}
        await asyncio.sleep(0)
        yield {"row": 2, "more": "x" * 100_000}

    app.get("/rows")(lambda: NDJSONResponse(rows()))
    app.get("/sync")(lambda: StreamingResponse(iter(["a", "", "b", TEXT]), headers={"etag": '"e"'}))
    app.get("/bulk")(lambda: StreamingResponse(iter([TEXT] * 100), bulk=True))
    sized = StreamingResponse(iter([TEXT]), headers={"content-length": str(len(TEXT))})
    app.get("/sized")(lambda: sized.fresh())
    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        with client.stream("GET", "/rows", headers={"accept-encoding": coding}) as answer:
            decode = codings.Partial(coding)
            pieces = [piece for chunk in answer.iter_raw() if (piece := decode(chunk))]
            assert (pieces[0], len(b"".join(pieces))) == (b'{"row":1}\n', 100_030)
            assert answer.headers["content-encoding"] == coding
        _, headers, body = raw.get("/sync", accept_encoding=coding)
        assert codings.DECODERS[coding](body) == b"ab" + TEXT.encode()
        assert headers["etag"] == 'W/"e"'
        _, headers, body = raw.get("/bulk", accept_encoding=coding)
        assert codings.DECODERS[coding](body) == TEXT.encode() * 100
        assert len(body) < len(TEXT)
        _, headers, body = raw.get("/sized", accept_encoding=coding)
        assert codings.DECODERS[coding](body) == TEXT.encode()
        assert "content-length" not in headers


@both
@pytest.mark.case(93)
def test_events_are_compressed_only_where_they_are_named_and_then_one_by_one(interface: str) -> None:
    async def events() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    for middleware, coding in (
        (CompressionMiddleware(), None),
        (CompressionMiddleware(types=["text/*"]), None),
        (CompressionMiddleware(types=["text/event-stream"]), "gzip"),
    ):
        app = serve(middleware)
        app.get("/events")(lambda: EventSourceResponse(events()))
        with (
            TestClient(app, interface=interface) as client,
            client.stream("GET", "/events", headers={"accept-encoding": "gzip"}) as answer,
        ):
            assert answer.headers.get("content-encoding") == coding
            decode = codings.Partial("gzip") if coding else bytes
            events_seen = [seen for chunk in answer.iter_raw() if (seen := decode(chunk))]
            assert b"".join(events_seen).startswith(b"data: one\n\ndata: two\n\n")
            if coding:
                assert events_seen[0] == b"data: one\n\n"


@both
@pytest.mark.case(93)
def test_head_of_a_stream_starts_nothing_and_says_the_same(interface: str) -> None:
    app, started = serve(), list[int]()

    async def rows() -> AsyncIterator[str]:
        started.append(1)
        yield TEXT

    app.get("/rows")(lambda: StreamingResponse(rows()))
    with TestClient(app, interface=interface) as client:
        status, headers, body = Raw(client).get("/rows", "HEAD")
        assert (status, headers["content-encoding"], body, started) == (200, "gzip", b"", [])
        assert "content-length" not in headers


@both
def test_a_stream_that_breaks_has_no_end_of_its_coding(interface: str) -> None:
    app = serve()

    async def rows() -> AsyncIterator[str]:
        yield TEXT
        raise RuntimeError("in the stream")

    app.get("/rows")(lambda: StreamingResponse(rows()))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        decoder = zlib.decompressobj(31)
        seen = b""
        try:
            with client.stream("GET", "/rows", headers={"accept-encoding": "gzip"}) as answer:
                for chunk in answer.iter_raw():
                    seen += decoder.decompress(chunk)
        except Exception as exc:
            assert "TestClient" not in str(exc)
        assert not decoder.eof


# -- files -------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(93)
def test_files_are_compressed_whole_and_sent_in_parts_as_they_are(interface: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "long.txt").write_text(TEXT * (2 * WHOLE // len(TEXT)))
    (tmp_path / "a.png").write_bytes(TEXT.encode())
    (tmp_path / "small.txt").write_text("small")
    app = serve()
    app.mount("/files", StaticFiles(tmp_path))
    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        status, headers, body = raw.get("/files/a.txt")
        assert (status, headers["content-encoding"], codings.ungzip(body)) == (200, "gzip", TEXT.encode())
        assert headers["content-length"] == str(len(body))
        assert headers["etag"].startswith('W/"') and "accept-ranges" not in headers
        assert headers["last-modified"] and headers["x-content-type-options"] == "nosniff"
        head = raw.get("/files/a.txt", "HEAD")
        assert (head[0], head[2], head[1]["content-encoding"]) == (200, b"", "gzip")
        assert "content-length" not in head[1]
        etag = headers["etag"]
        for tag in (etag, etag.removeprefix("W/")):
            status, headers, body = raw.get("/files/a.txt", if_none_match=tag)
            assert (status, body, headers["etag"], headers["vary"]) == (304, b"", etag, "Accept-Encoding")
        status, headers, body = raw.get("/files/a.txt", range="bytes=0-3")
        assert (status, body, headers["etag"]) == (206, b"some", etag.removeprefix("W/"))
        assert "content-encoding" not in headers
        status, headers, body = raw.get("/files/a.txt", range="bytes=0-3", if_range=etag)
        assert (status, headers["content-encoding"], codings.ungzip(body)) == (200, "gzip", TEXT.encode())
        status, headers, body = raw.get("/files/a.txt", range="bytes=999999-")
        assert (status, headers.get("content-encoding")) == (416, None)
        status, headers, body = raw.get("/files/a.txt", if_match='"other"')
        assert (status, headers.get("content-encoding")) == (412, None)
        status, headers, body = raw.get("/files/a.txt", "HEAD", if_match='"other"')
        assert (status, headers.get("content-encoding"), body) == (412, None, b"")
        status, headers, body = raw.get("/files/long.txt")
        assert codings.ungzip(body) == (tmp_path / "long.txt").read_bytes()
        assert (headers["content-encoding"], "content-length" in headers) == ("gzip", False)
        for name in ("a.png", "small.txt"):
            _, headers, body = raw.get(f"/files/{name}")
            assert (body, headers.get("content-encoding")) == ((tmp_path / name).read_bytes(), None)
            assert headers["accept-ranges"] == "bytes"


@both
def test_files_that_are_compressed_already_or_very_long_keep_their_ranges(
    interface: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "MAX_FILE", 10_000)
    (tmp_path / "a.css").write_text(TEXT)
    (tmp_path / "a.css.gz").write_bytes(b"made before")
    (tmp_path / "long.css").write_text(TEXT * 3)
    app = serve()
    app.mount("/files", StaticFiles(tmp_path, precompressed=True))
    with TestClient(app, interface=interface) as client:
        raw = Raw(client)
        _, headers, body = raw.get("/files/a.css")
        assert (headers["content-encoding"], body) == ("gzip", b"made before")
        assert headers["vary"] == "Accept-Encoding"
        _, headers, body = raw.get("/files/long.css")
        assert (headers.get("content-encoding"), headers["accept-ranges"]) == (None, "bytes")


@both
def test_a_file_that_has_gone_by_then_is_no_half_answer(
    interface: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for size in (5_000, 3 * WHOLE):
        path = tmp_path / "gone.txt"
        path.write_text("a" * size)
        app = serve()

        @app.get("/gone")
        async def gone(path: str = str(path)) -> Response:
            response = FileResponse(path)
            Path(path).unlink()
            return response

        with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
            assert Raw(client).get("/gone")[0] == 500


# -- foreign and nested ------------------------------------------------------------------------------------------------


@both
def test_answers_of_mounted_apps_are_compressed_once(interface: str) -> None:
    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(TEXT)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = len(TEXT) // 2
        more = scope["path"].endswith("parts")
        await send(
            {"type": "http.response.body", "body": TEXT[: half if more else None].encode(), "more_body": more}
        )
        if more:
            await send({"type": "http.response.body", "body": TEXT[half:].encode()})

    app = serve(CompressionMiddleware(), GZipMiddleware())
    app.mount("/foreign", foreign)
    with TestClient(app, interface=interface) as client:
        for path in ("/foreign/whole", "/foreign/parts", "/text"):
            _, headers, body = Raw(client).get(path)
            assert (headers["content-encoding"], codings.ungzip(body)) == ("gzip", TEXT.encode()), path


@both
def test_the_streams_of_two_middlewares_are_compressed_once(interface: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    app = serve(CompressionMiddleware(), GZipMiddleware())
    app.get("/stream")(lambda: StreamingResponse(iter([TEXT])))
    app.mount("/files", StaticFiles(tmp_path))
    with TestClient(app, interface=interface) as client:
        for path in ("/stream", "/files/a.txt"):
            _, headers, body = Raw(client).get(path, accept_encoding="gzip, br")
            assert (headers["content-encoding"], codings.ungzip(body)) == ("gzip", TEXT.encode()), path


@both
def test_gzip_alone_stands_under_the_name_it_has_elsewhere(interface: str) -> None:
    app = serve(GZipMiddleware(minimum_size=10))
    with TestClient(app, interface=interface) as client:
        assert Raw(client).get("/text", accept_encoding="br, zstd")[1].get("content-encoding") is None
        assert Raw(client).get("/text", accept_encoding="br, gzip;q=0.1")[1]["content-encoding"] == "gzip"


@both
def test_a_middleware_of_one_route_compresses_that_alone(interface: str) -> None:
    app = VelociPy()

    async def text() -> str:
        return TEXT

    app.get("/compressed", middleware=[CompressionMiddleware()])(text)
    app.get("/plain")(text)
    with TestClient(app, interface=interface) as client:
        assert Raw(client).get("/compressed")[1]["content-encoding"] == "gzip"
        assert "content-encoding" not in Raw(client).get("/plain")[1]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"minimum_size": -1}, "minimum_size"),
        ({"minimum_size": "1"}, "minimum_size"),
        ({"codings": ["deflate"]}, "codings"),
        ({"levels": {"gzip": 0}}, "level of gzip"),
        ({"types": "text/*"}, "list"),
        ({"types": []}, "leave the middleware out"),
        ({"types": ["text"]}, "is no media type"),
        ({"types": ["*/*"]}, "is no media type"),
        ({"types": ["text/html; charset=utf-8"]}, "is no media type"),
        ({"types": ["te*/html"]}, "is no media type"),
        ({"types": [None]}, "is no media type"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        CompressionMiddleware(**settings)


def test_nothing_optional_is_imported_for_gzip_alone() -> None:
    import subprocess

    script = (
        "from velocipy.middleware import GZipMiddleware; GZipMiddleware()\n"
        "import sys; assert not {'brotli', 'backports.zstd', 'compression.zstd'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@both
def test_a_response_of_ones_own_sees_the_connection_through_the_coding(interface: str) -> None:
    seen: list[Any] = []

    class Asking(StreamingResponse):
        async def send(self, connection: Any) -> None:
            seen.append(connection.started)
            seen.append(await connection.read_body(100))
            seen.append(connection.leaving is not None)
            leaving = asyncio.ensure_future(connection.disconnected())
            await asyncio.sleep(0)
            seen.append(leaving.cancel())
            await super().send(connection)
            connection.complete()
            seen.append(connection.started)

    app = VelociPy(plugins=False, middleware=[CompressionMiddleware(minimum_size=1)])

    @app.post("/")
    async def endpoint() -> Response:
        return Asking(iter([b"x" * 500, b"", b"y" * 500]))

    with TestClient(app, interface=interface) as client:
        answer = client.post("/", content=b"body", headers={"accept-encoding": "gzip"})
        assert (answer.headers["content-encoding"], answer.content) == ("gzip", b"x" * 500 + b"y" * 500)
    assert seen == [False, b"body", True, True, True]


@both
def test_a_response_of_ones_own_that_has_its_body_at_once_is_compressed_too(interface: str) -> None:
    class Upper(Response):
        streams = True

        async def send(self, connection: Any) -> None:
            body = b"".join([chunk.upper() async for chunk in connection.read_chunks(10_000)])
            await connection.send(200, self.headers.raw, body)

    app = VelociPy(plugins=False, middleware=[CompressionMiddleware(minimum_size=1)])

    @app.post("/")
    async def endpoint() -> Response:
        return Upper(media_type="text/plain")

    with TestClient(app, interface=interface) as client:
        answer = client.post("/", content=b"words " * 500, headers={"accept-encoding": "gzip"})
        assert (answer.headers["content-encoding"], answer.content) == ("gzip", b"WORDS " * 500)
        assert int(answer.headers["content-length"]) < 3_000


@both
def test_a_stream_of_an_app_with_problem_details_is_compressed(interface: str) -> None:
    app = VelociPy(plugins=False, problem_details=True, middleware=[CompressionMiddleware()])

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(iter([TEXT, TEXT]), media_type="text/plain")

    with TestClient(app, interface=interface) as client:
        answer = client.get("/", headers={"accept-encoding": "gzip"})
        assert (answer.headers["content-encoding"], answer.text) == ("gzip", TEXT + TEXT)
