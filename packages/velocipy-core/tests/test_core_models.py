"""Model backends: which are found, what is theirs, and how msgspec's errors become entries of a 422."""

import subprocess
import sys
from typing import Any, Optional

import msgspec
import pytest

from velocipy.exceptions import BadRequest, ErrorItem
from velocipy.models import find_backends
from velocipy.models.msgspec import MsgspecBackend


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Shape(msgspec.Struct, rename="camel"):
    outer_points: list[Point]
    by_name: dict[str, Point] = {}
    label: str | None = None


def decode(annotation: Any, body: bytes) -> tuple[Any, list[ErrorItem]]:
    errors: list[ErrorItem] = []
    return MsgspecBackend().decoder(annotation)(body, errors), errors


@pytest.mark.parametrize(
    ("annotation", "theirs"),
    [
        (Point, True),
        (list[Point], True),
        (dict[str, Point], True),
        (Point | None, True),
        (Optional[Point], True),  # noqa: UP045  # the old spelling is meant
        (tuple[Point, ...], True),
        (int, False),
        (list[int], False),
        (dict, False),
        (str | None, False),
        (Any, False),
        (object, False),
    ],
)
def test_a_struct_and_what_holds_one_is_msgspec_s(annotation: Any, theirs: bool) -> None:
    assert MsgspecBackend().matches(annotation) is theirs


def test_bytes_become_a_model_in_one_step() -> None:
    assert decode(Point, b'{"x":1}') == (Point(1), [])
    assert decode(list[Point], b'[{"x":1,"y":2}]') == ([Point(1, 2)], [])


@pytest.mark.parametrize(
    ("annotation", "body", "loc", "kind"),
    [
        (Point, b'{"x":"a"}', ["body", "x"], "type_error"),
        (Point, b"{}", ["body", "x"], "missing"),
        (Point, b"3", ["body"], "type_error"),
        (Point, b"null", ["body"], "type_error"),
        (list[Point], b'[{"x":1},{"x":null}]', ["body", 1, "x"], "type_error"),
        (Shape, b'{"outerPoints":[{"x":1},{}]}', ["body", "outerPoints", 1, "x"], "missing"),
        (Shape, b'{"outerPoints":[],"label":3}', ["body", "label"], "type_error"),
        (
            Shape,
            b'{"outerPoints":[],"byName":{"a.b[0]":{"x":"y"}}}',
            ["body", "byName", "...", "x"],
            "type_error",
        ),
        (dict[str, Point], b'{"a":{"x":"y"}}', ["body", "...", "x"], "type_error"),
        (dict[int, Point], b'{"a":{"x":1}}', ["body", "[key]"], "type_error"),
        (dict[str, dict[int, Point]], b'{"a":{"b":{"x":1}}}', ["body", "...", "[key]"], "type_error"),
    ],
)
def test_an_error_of_msgspec_is_an_entry_with_its_place(
    annotation: Any, body: bytes, loc: Any, kind: str
) -> None:
    value, errors = decode(annotation, body)
    assert value is None
    (error,) = errors
    assert (error["loc"], error["type"]) == (loc, kind)
    assert "`" not in error["msg"]
    assert "$" not in error["msg"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"x":}', b"\xff", b'{"x":1} x', b'"x', b'{"z":' * 100_000])
def test_what_is_not_json_is_400(body: bytes) -> None:
    with pytest.raises(BadRequest, match="Invalid JSON body"):
        decode(Point, body)


def test_the_backend_of_msgspec_is_found_once_msgspec_is_there() -> None:
    assert [backend.name for backend in find_backends()] == ["msgspec"]


def test_without_msgspec_no_backend_imports_it_and_raw_bodies_work() -> None:
    script = """
import sys
sys.modules["msgspec"] = None
from velocipy import VelociPy
from velocipy.models import find_backends
from velocipy.testing import TestClient
assert find_backends() == [], find_backends()
app = VelociPy()
@app.post("/")
async def echo(data: dict) -> dict:
    return data
with TestClient(app, interface="rsgi") as client:
    assert client.post("/", json={"a": 1}).json() == {"a": 1}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
