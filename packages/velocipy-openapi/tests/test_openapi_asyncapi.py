"""The AsyncAPI document: WebSockets and event streams as channels, in the direction in which the app sends and receives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from jsonschema import Draft7Validator

from velocipy import (
    APIRouter,
    Body,
    Depends,
    EventSourceResponse,
    Header,
    NDJSONResponse,
    Query,
    VelociPy,
    WebSocket,
    guard,
)
from velocipy.exceptions import ConfigurationError
from velocipy.openapi import OpenAPI
from velocipy.testing import TestClient


class Say(msgspec.Struct, tag="say"):
    """Words for everybody."""

    text: str


class Leave(msgspec.Struct, tag="leave"):
    pass


@dataclass
class Price:
    cents: Annotated[int, Body(ge=0)]
    pair: tuple[str, int] = ("a", 1)


class Key:
    scheme_name = "Key"
    scheme = {"type": "apiKey", "in": "header", "name": "x-key"}
    auto_error = True

    async def __call__(self, websocket: WebSocket) -> None: ...


class Login:
    scheme_name = "Login"
    scheme = {"type": "oauth2", "flows": {"password": {"tokenUrl": "/token", "scopes": {"a": "All"}}}}
    auto_error = True

    async def __call__(self) -> None: ...


def app_of(**settings: Any) -> VelociPy:
    app = VelociPy(
        "Chat",
        "1.0",
        openapi=OpenAPI(
            servers=[{"url": "https://chat.example.com/v1/", "description": "Live"}, {"url": "/local"}],
            **settings,
        ),
    )

    @app.websocket(
        "/rooms/{room}/{kind}",
        receives=Say | Leave,
        sends=Say | str,
        tags=["chat"],
        dependencies=[Depends(guard(Key()))],
    )
    async def chat(
        websocket: WebSocket,
        room: int,
        kind: Literal["open", "closed"],
        token: Annotated[str, Query(min_length=3)],
        x_trace: Annotated[str | None, Header(description="Comes back.")] = None,
    ) -> None:
        """Talk in a room.

        As long as it takes.
        """

    @app.get("/prices", sends=Price, dependencies=[Depends(guard(Login()))])
    async def prices(page: int = 1) -> EventSourceResponse:
        return EventSourceResponse([])

    @app.websocket("/raw", include_in_schema=True)
    async def raw(websocket: WebSocket) -> None: ...

    @app.websocket("/hidden", include_in_schema=False)
    async def hidden(websocket: WebSocket) -> None: ...

    @app.get("/plain")
    async def plain() -> dict[str, int]:
        return {}

    return app


def document_of(app: VelociPy) -> Any:
    document = json.loads(json.dumps(app.asyncapi()))
    check(document)
    return document


def check(document: Any) -> None:
    """Every reference leads somewhere, and operations name channels and their own messages (AsyncAPI 3.0.0, Operation Object)."""
    assert document["asyncapi"] == "3.0.0" and {"title", "version"} <= document["info"].keys()
    for reference in references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
    for name, channel in document["channels"].items():
        assert re.fullmatch(r"[\w.-]+", name)
        assert set(re.findall(r"\{(.*?)\}", channel["address"])) == channel.get("parameters", {}).keys()
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        own = operation["channel"]["$ref"]
        assert all(one["$ref"].startswith(f"{own}/messages/") for one in operation.get("messages", ()))


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_what_the_peer_sends_the_app_receives_and_the_other_way_round() -> None:
    document = document_of(app_of())
    assert set(document["channels"]) == {"chat", "prices", "raw"}
    operations = document["operations"]
    assert set(operations) == {"chat_receive", "chat_send", "prices_send", "raw_receive", "raw_send"}
    chat = document["channels"]["chat"]
    received = [one["$ref"].rpartition("/")[2] for one in operations["chat_receive"]["messages"]]
    sent = [one["$ref"].rpartition("/")[2] for one in operations["chat_send"]["messages"]]
    assert (received, sent) == (["Say", "Leave"], ["Say_send", "str"])
    assert operations["chat_receive"]["action"] == "receive"
    assert chat["messages"]["Say"]["payload"] == {"$ref": "#/components/schemas/Say"}
    assert chat["messages"]["str"] == {
        "title": "str",
        "contentType": "text/plain",
        "payload": {"type": "string"},
    }
    assert "messages" not in operations["raw_send"]


def test_a_channel_has_its_address_parameters_handshake_and_words() -> None:
    chat = document_of(app_of())["channels"]["chat"]
    assert chat["address"] == "/rooms/{room}/{kind}"
    assert (chat["summary"], chat["description"]) == ("Talk in a room", "As long as it takes.")
    assert chat["parameters"] == {
        "room": {"description": "Of type integer."},
        "kind": {"description": "Of type string.", "enum": ["open", "closed"]},
    }
    binding = chat["bindings"]["ws"]
    assert binding["method"] == "GET" and binding["query"]["required"] == ["token"]
    assert binding["query"]["properties"]["token"]["minLength"] == 3
    assert binding["headers"]["properties"]["x-trace"]["description"] == "Comes back."
    assert chat["tags"] == [{"name": "chat"}] and chat["servers"] == [{"$ref": "#/servers/wss"}]


def test_an_event_stream_is_a_request_and_what_its_events_carry() -> None:
    document = document_of(app_of())
    channel, operation = document["channels"]["prices"], document["operations"]["prices_send"]
    assert channel["messages"]["Price"]["payload"] == {"$ref": "#/components/schemas/Price"}
    assert operation["bindings"]["http"]["query"]["properties"]["page"]["default"] == 1
    assert channel["servers"] == [{"$ref": "#/servers/https"}]
    pair = document["components"]["schemas"]["Price"]["properties"]["pair"]
    assert [one["type"] for one in pair["items"]] == ["string", "integer"]  # a row, as Draft 07 has it


def test_servers_and_schemes_are_said_as_asyncapi_says_them() -> None:
    document = document_of(app_of())
    assert document["servers"] == {
        "https": {"host": "chat.example.com", "protocol": "https", "pathname": "/v1", "description": "Live"},
        "wss": {"host": "chat.example.com", "protocol": "wss", "pathname": "/v1", "description": "Live"},
    }
    schemes = document["components"]["securitySchemes"]
    assert schemes["Key"] == {"type": "httpApiKey", "in": "header", "name": "x-key"}
    assert schemes["Login"]["flows"]["password"] == {"tokenUrl": "/token", "availableScopes": {"a": "All"}}
    assert document["operations"]["chat_send"]["security"] == [{"$ref": "#/components/securitySchemes/Key"}]


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_it_is_served_where_there_are_channels(interface: Any) -> None:
    app = app_of()
    client = TestClient(app, interface=interface)
    served = client.get("/asyncapi.json")
    assert served.json() == document_of(app) and served.headers["content-type"] == "application/json"
    assert client.get("/asyncapi.json", headers={"if-none-match": served.headers["etag"]}).status_code == 304
    assert "/asyncapi.json" not in client.get("/openapi.json").json()["paths"]
    app.add_websocket_route("/later", later)
    assert "later" in client.get("/asyncapi.json").json()["channels"]


async def later(websocket: WebSocket) -> None: ...


def test_it_can_be_moved_and_left_out_and_is_not_there_for_nothing() -> None:
    assert TestClient(app_of(asyncapi_url="/v1/messages")).get("/v1/messages").status_code == 200
    assert TestClient(app_of(asyncapi_url=None)).get("/asyncapi.json").status_code == 404
    assert TestClient(VelociPy()).get("/asyncapi.json").status_code == 404
    with pytest.raises(ConfigurationError, match="asyncapi_url"):
        OpenAPI(asyncapi_url="messages")


def test_routes_of_routers_and_mounted_apps_are_there_under_names_of_their_own() -> None:
    app, router = app_of(), APIRouter("/r", name="r")
    router.add_websocket_route("/later", later)
    app.include_router(router)
    app.add_websocket_route("/later", later)
    app.mount("/in", app_of())
    channels = document_of(app)["channels"]
    assert len(channels) == 8 and {"r_later", "later", "prices_get_prices"} < channels.keys()
    assert "/in/rooms/{room}/{kind}" in {channel["address"] for channel in channels.values()}


def test_a_message_of_bytes_is_octets_and_of_pydantic_as_pydantic_says() -> None:
    import pydantic

    class Model(pydantic.BaseModel):
        value: int

    app = VelociPy()
    app.add_websocket_route("/ws", later, receives=bytes, sends=list[Model])
    document = document_of(app)
    messages = document["channels"]["later"]["messages"]
    assert messages["bytes"]["contentType"] == "application/octet-stream"
    assert messages["list_Model"]["payload"]["items"] == {"$ref": "#/components/schemas/Model"}


def test_what_there_is_not_is_left_out() -> None:
    app = VelociPy(openapi=OpenAPI(servers=[{"url": "http://chat.example.com"}]))
    app.add_websocket_route("/ws", later)
    app.mount("/files", foreign)
    document = document_of(app)
    assert document["servers"] == {
        "http": {"host": "chat.example.com", "protocol": "http"},
        "ws": {"host": "chat.example.com", "protocol": "ws"},
    }
    assert set(document["channels"]) == {"later"} and "components" not in document


async def foreign(scope: Any, receive: Any, send: Any) -> None: ...


def test_a_scheme_stands_there_where_no_message_is_a_model() -> None:
    app = VelociPy()
    app.add_websocket_route("/ws", later, dependencies=[Depends(guard(Key()))])
    assert set(document_of(app)["components"]) == {"securitySchemes"}


def test_messages_of_one_name_are_told_apart_by_what_the_app_does_and_a_number() -> None:
    app = VelociPy()
    app.add_websocket_route("/both", later, receives=Say, sends=Say)
    assert set(document_of(app)["channels"]["later"]["messages"]) == {"Say", "Say_send"}

    class Item(msgspec.Struct, tag="a"):
        a: int

    first = Item

    class Item(msgspec.Struct, tag="b"):  # type: ignore[no-redef]
        b: int

    second = Item

    class Item(msgspec.Struct, tag="c"):  # type: ignore[no-redef]
        c: int

    app = VelociPy()
    app.add_websocket_route("/ws", later, sends=first | second | Item)
    messages = document_of(app)["channels"]["later"]["messages"]
    assert set(messages) == {"Item", "Item_send", "Item_send_2"}


def test_schemas_are_those_of_draft_07() -> None:
    import pydantic

    row = {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}}

    class Table(pydantic.BaseModel):
        row: Annotated[list[Any], pydantic.WithJsonSchema(row)]

    app = VelociPy()
    app.add_websocket_route("/ws", later, receives=Table, sends=list[Say | Leave])
    document = document_of(app)
    assert document["components"]["schemas"]["Table"]["properties"]["row"] == {
        "type": "array",
        "items": [{"type": "integer"}],
        "additionalItems": {"type": "string"},
        "title": "Row",
    }
    [sent] = [
        message["payload"]["items"]
        for name, message in document["channels"]["later"]["messages"].items()
        if name != "Table"
    ]
    assert len(sent["anyOf"]) == 2 and "discriminator" not in sent


# -- OpenAPI 3.2 ---------------------------------------------------------------------------------------------------


def streaming(specification: Literal["3.1", "3.2"]) -> VelociPy:
    app = VelociPy(openapi=OpenAPI(specification=specification))

    async def events() -> AsyncIterator[Price]:
        yield Price(1)

    @app.get("/prices", sends=Price)
    async def prices() -> EventSourceResponse:
        return EventSourceResponse(events())

    @app.get("/lines", sends=Price)
    async def lines() -> NDJSONResponse:
        return NDJSONResponse(events())

    @app.get("/words", sends=str)
    async def words() -> EventSourceResponse:
        return EventSourceResponse([])

    @app.query("/search")
    async def search() -> None: ...

    return app


def test_openapi_3_2_says_what_each_item_of_a_stream_is() -> None:
    from openapi_spec_validator import OpenAPIV32SpecValidator

    app = streaming("3.2")
    document = json.loads(json.dumps(app.openapi()))
    assert document["openapi"] == "3.2.0"
    assert list(OpenAPIV32SpecValidator(document).iter_errors()) == []
    media = {
        path: document["paths"][path]["get"]["responses"]["200"]["content"]
        for path in ("/prices", "/lines", "/words")
    }
    reference = {"$ref": "#/components/schemas/Price"}
    assert media["/lines"]["application/x-ndjson"] == {"itemSchema": reference}
    event = media["/prices"]["text/event-stream"]["itemSchema"]["properties"]
    assert set(event) == {"event", "id", "retry", "data"}
    assert event["data"] == {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": reference,
    }
    assert media["/words"]["text/event-stream"]["itemSchema"]["properties"]["data"] == {"type": "string"}
    assert "query" in document["paths"]["/search"]
    line = json.loads(TestClient(app).get("/lines").text)
    schema = {**reference, "components": document["components"]}
    assert list(Draft7Validator(schema).iter_errors(line)) == []


def test_openapi_3_1_has_no_word_for_it_and_that_is_no_change_for_clients() -> None:
    from velocipy.openapi import diff

    old, new = streaming("3.1").openapi(), streaming("3.2").openapi()
    assert "itemSchema" not in json.dumps(old) and "x-query" in old["paths"]["/search"]
    assert diff(old, new) == []
    later = streaming("3.2").openapi()
    del later["components"]["schemas"]["Price"]["properties"]["cents"]
    assert any("each item" in change.place and change.breaking for change in diff(new, later))
    with pytest.raises(ConfigurationError, match="specification"):
        OpenAPI(specification="3.0")  # type: ignore[arg-type]


# -- the specification's own schema ---------------------------------------------------------------------------------


@pytest.mark.servers
@pytest.mark.dists
@pytest.mark.skipif(shutil.which("npm") is None, reason="the schema of AsyncAPI comes from npm")
def test_the_schema_of_asyncapi_accepts_it(tmp_path: Path) -> None:
    """@asyncapi/specs has the schema; a document with a word that is none is refused, so that it is known to look."""
    done = subprocess.run(
        ["npm", "pack", "--silent", "@asyncapi/specs@6.11.1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name = "package/schemas/3.0.0-without-$id.json"
    subprocess.run(["tar", "-xzf", done.stdout.strip(), name], cwd=tmp_path, check=True, timeout=30)
    validator = Draft7Validator(json.loads((tmp_path / name).read_text()))
    for app in (app_of(), streaming("3.1")):
        document = document_of(app)
        assert list(validator.iter_errors(document)) == []
        document["operations"]["prices_send"]["action"] = "publish"
        assert not validator.is_valid(document)
