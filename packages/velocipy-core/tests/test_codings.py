"""Content codings: what goes in comes out of a decoder, whole and piece by piece, at every level; and which are there."""

import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import plugins
from velocipy.codings.base import LEVELS, ON_LOOP, ON_LOOP_SLOWLY, find_codings
from velocipy.exceptions import ConfigurationError, MissingAdapterError

brotli = pytest.importorskip("brotli")
zstd: Any
if sys.version_info >= (3, 14):
    from compression import zstd
else:
    zstd = pytest.importorskip("backports.zstd")


def ungzip(data: bytes) -> bytes:
    decoder = zlib.decompressobj(31)
    return decoder.decompress(data) + decoder.flush()


DECODERS = {"gzip": ungzip, "br": brotli.decompress, "zstd": zstd.decompress}


class Partial:
    """A decoder that shows what is known so far."""

    def __init__(self, name: str) -> None:
        self._decode = {
            "gzip": lambda: zlib.decompressobj(31).decompress,
            "br": lambda: brotli.Decompressor().process,
            "zstd": lambda: zstd.ZstdDecompressor().decompress,
        }[name]()

    def __call__(self, data: bytes) -> bytes:
        return bytes(self._decode(data))


@pytest.mark.parametrize("name", LEVELS)
@given(body=st.binary(max_size=3_000), level=st.integers(0, 12))
def test_a_body_survives_every_level(name: str, body: bytes, level: int) -> None:
    least, _, most = LEVELS[name]
    (coding,) = find_codings([name], {name: min(max(level, least), most)})
    assert (coding.name, DECODERS[name](coding.compress(body))) == (name, body)
    assert coding.compress(body) == coding.compress(body)


@pytest.mark.parametrize("name", LEVELS)
@given(chunks=st.lists(st.binary(max_size=500), max_size=8), flushed=st.booleans())
def test_a_stream_can_be_read_as_far_as_it_was_flushed(name: str, chunks: list[bytes], flushed: bool) -> None:
    (coding,) = find_codings([name])
    coder, decode, seen, sent = coding.coder(), Partial(name), b"", b""
    for chunk in chunks:
        sent += chunk
        data = coder.compress(chunk)
        if flushed:
            data += coder.flush()
        seen += decode(data) if data else b""
        assert seen == sent if flushed else sent.startswith(seen)
    assert seen + decode(coder.finish()) == sent


@pytest.mark.parametrize("name", LEVELS)
def test_a_long_body_is_compressed_too(name: str) -> None:
    (coding,) = find_codings([name])
    body = b'{"id": 12345, "name": "some name"}' * 20_000
    assert DECODERS[name](coding.compress(body)) == body
    assert len(coding.compress(body)) < len(body) / 50


def test_the_order_is_zstd_brotli_gzip_unless_told_otherwise() -> None:
    assert [coding.name for coding in find_codings(None)] == ["zstd", "br", "gzip"]
    assert [coding.name for coding in find_codings(["gzip", "br"])] == ["gzip", "br"]


def test_levels_above_the_usual_leave_the_loop_sooner() -> None:
    (usual,), (slow,) = find_codings(["gzip"]), find_codings(["gzip"], {"gzip": 9})
    assert (usual.on_loop, slow.on_loop) == (ON_LOOP, ON_LOOP_SLOWLY)


@pytest.mark.parametrize(
    ("names", "levels"),
    [
        (["deflate"], None),
        ([], None),
        ("gzip", None),
        (["gzip", "gzip"], None),
        (["gzip"], {"gzip": 0}),
        (["gzip"], {"gzip": 10}),
        (["gzip"], {"gzip": True}),
        (["br"], {"br": 11}),
        (["zstd"], {"zstd": 19}),
        (["gzip"], {"br": 4}),
    ],
)
def test_names_and_levels_that_are_none_are_refused(names: Any, levels: Any) -> None:
    with pytest.raises(ConfigurationError):
        find_codings(names, levels)


def test_a_library_that_is_missing_is_named_where_its_coding_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, library in (("brotli", "brotli"), ("zstd", "backports.zstd")):
        monkeypatch.delitem(sys.modules, f"velocipy.codings.{module}", raising=False)
        monkeypatch.setitem(sys.modules, library, None)
    assert [coding.name for coding in find_codings(None)] == ["gzip"]
    with pytest.raises(MissingAdapterError, match="pip install brotli"):
        find_codings(["br"])
    with pytest.raises(MissingAdapterError, match="pip install backports.zstd"):
        find_codings(None, {"zstd": 5})


def test_all_codings_are_found_by_the_name_of_their_entry_point() -> None:
    assert plugins.names("velocipy.codings") == ["brotli", "gzip", "zstd"]
