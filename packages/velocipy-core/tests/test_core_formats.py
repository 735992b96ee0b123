"""Answers and bodies in JSON or MessagePack, as the client asks for and sends them."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pydantic
import pytest

from velocipy import Request, Response, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
MESSAGEPACK = "application/vnd.msgpack"


@dataclass
class Plain:
    name: str
    at: datetime | None = None


class Struct(msgspec.Struct):
    name: str
    at: datetime | None = None


class Model(pydantic.BaseModel):
    name: str
    at: datetime | None = None


MODELS = [Plain, Struct, Model]


def packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


def unpacked(answer: Any) -> Any:
    assert answer.headers["content-type"] == MESSAGEPACK
    return msgspec.msgpack.decode(answer.content)


@both
@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_read_and_written_in_the_form_that_was_sent_and_asked_for(
    model: Any, interface: Any
) -> None:
    app = VelociPy(plugins=False, formats=("json", "msgpack"))

    async def endpoint(item: Any) -> Any:
        return item

    endpoint.__annotations__ |= {"item": model, "return": model}
    app.add_route("/", endpoint, ["POST"])
    client = TestClient(app, interface=interface)
    sent = {"name": "a", "at": "2026-01-31T12:30:00Z"}
    for kind, body in [
        ("application/json", msgspec.json.encode(sent)),
        ("application/msgpack", packed(sent)),
    ]:
        head = {"content-type": kind}
        answer = client.post("/", content=body, headers=head)
        assert answer.json() == sent and answer.headers["vary"] == "accept"
        assert answer.headers["content-type"] == "application/json"
        answer = client.post("/", content=body, headers={**head, "accept": "application/x-msgpack"})
        assert unpacked(answer) == sent and answer.headers["vary"] == "accept"


@both
def test_what_is_wrong_with_a_body_is_told_in_json_whatever_its_form(interface: Any) -> None:
    app = VelociPy(plugins=False)

    @app.post("/", formats=["json", "msgpack"])
    async def endpoint(item: Struct, count: int = 0) -> Struct:
        return item

    client = TestClient(app, interface=interface)
    head = {"content-type": MESSAGEPACK, "accept": MESSAGEPACK}
    answer = client.post("/", content=packed({"name": 3}), headers=head)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"] == "Invalid field 'name': expected a string, got an integer"
    assert answer.headers["vary"] == "accept"
    broken = client.post("/", content=b"\xc1", headers=head)
    assert (broken.status_code, broken.json()) == (400, {"detail": "Invalid MessagePack body"})
    extended = client.post("/", content=packed({"name": msgspec.msgpack.Ext(5, b"x")}), headers=head)
    assert (extended.status_code, extended.json()) == (400, {"detail": "Invalid MessagePack body"})
    other = client.post("/", content=b"x", headers={"content-type": "text/plain"})
    assert (other.status_code, other.json()) == (
        415,
        {"detail": "the body must be application/json or application/vnd.msgpack"},
    )
    assert client.post("/", content=b"{}", headers={"content-type": "application/x+json"}).status_code == 422


@both
def test_values_without_a_model_and_several_bodies(interface: Any) -> None:
    app = VelociPy(plugins=False, formats=["json", "msgpack"])

    @app.post("/")
    async def endpoint(item: dict[str, Any], other: Struct | None = None) -> Any:
        return {"item": item, "other": other, "at": datetime(2026, 1, 31, tzinfo=UTC)}

    answer = TestClient(app, interface=interface).post(
        "/",
        content=packed({"item": {"a": 1}, "other": {"name": "b"}}),
        headers={"content-type": MESSAGEPACK, "accept": MESSAGEPACK},
    )
    assert unpacked(answer) == {
        "item": {"a": 1},
        "other": {"name": "b", "at": None},
        "at": "2026-01-31T00:00:00Z",
    }


@both
def test_text_responses_and_the_long_way_through_middleware(interface: Any) -> None:
    app = VelociPy(plugins=False, formats=["msgpack", "json"])

    async def passing(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    @app.get("/text")
    async def text() -> str:
        return "text"

    @app.get("/value")
    async def value(response: Response) -> dict[str, int]:
        response.headers["x-set"] = "1"
        return {"a": 1}

    for _ in range(2):
        client = TestClient(app, interface=interface)
        assert client.get("/text").text == "text"
        assert unpacked(client.get("/value")) == {"a": 1}
        assert client.get("/value", headers={"accept": "application/json"}).json() == {"a": 1}
        app.add_middleware(passing)


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (["jsn"], "'jsn' is no format; did you mean 'json'\\?"),
        ([], "formats names no format"),
        ("xml", "'xml' is no format"),
    ],
)
def test_a_format_that_is_none_is_refused(formats: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        VelociPy(formats=formats)


def test_without_msgspec_the_dist_to_install_is_named() -> None:
    script = """
import sys
sys.modules["msgspec"] = None
from velocipy import VelociPy
from velocipy.exceptions import MissingAdapterError
try:
    VelociPy(formats=["json", "msgpack"])
except MissingAdapterError as exc:
    print(exc)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "msgspec is not installed: pip install msgspec\n", done.stderr
