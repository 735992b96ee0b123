"""Each version of an API has a document of its own, and where paths tell them apart, all have one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from velocipy import APIVersion, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.testing import TestClient


def app_of(versioning: APIVersion) -> VelociPy:
    app = VelociPy(versioning=versioning)

    @app.get("/items/{id}", versions="1")
    async def read(id: int) -> dict[str, int]:
        return {}

    def again() -> Any:
        @app.get("/items/{id}", versions="2")
        async def read(id: str, page: int = 1) -> list[int]:
            return []

    again()
    app.add_route("/any", lambda: None, name="any")
    return app


def valid(app: VelociPy, version: str | None = None) -> Any:
    document = json.loads(json.dumps(app.openapi(version)))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    return document


def test_by_prefix_all_versions_are_one_document_and_each_is_one() -> None:
    app = app_of(APIVersion.from_prefix(allowed=("1", "2")))
    document = valid(app)
    assert set(document["paths"]) == {"/v1/items/{id}", "/v2/items/{id}", "/any"}
    ids = {path: item["get"]["operationId"] for path, item in document["paths"].items() if "v" in path}
    assert ids == {"/v1/items/{id}": "v1_read", "/v2/items/{id}": "v2_read"}
    assert "406" not in document["paths"]["/v1/items/{id}"]["get"]["responses"]
    assert set(valid(app, "2")["paths"]) == {"/v2/items/{id}", "/any"}
    assert valid(app, "2")["info"]["x-api-version"] == "2" and "x-api-version" not in document["info"]


def test_by_a_field_each_document_says_how_its_version_is_named() -> None:
    app = app_of(APIVersion.from_header(allowed=("1", "2"), default="1"))
    first, second = valid(app, "1"), valid(app, "2")
    assert valid(app) == first and first["info"]["x-api-version"] == "1"
    fields = [
        {one["name"]: one for one in document["paths"]["/items/{id}"]["get"]["parameters"]}
        for document in (first, second)
    ]
    assert set(fields[0]) == {"id", "X-API-Version"} and set(fields[1]) == {"id", "page", "X-API-Version"}
    assert [one["X-API-Version"]["required"] for one in fields] == [False, True]
    assert fields[1]["X-API-Version"]["schema"] == {"type": "string", "enum": ["2"]}
    assert "406" in second["paths"]["/items/{id}"]["get"]["responses"]
    assert "parameters" not in second["paths"]["/any"]["get"]


def test_by_accept_answers_have_the_media_types_of_their_version() -> None:
    app = app_of(APIVersion.from_accept("application/vnd.a.{version}+json", allowed=("1", "2"), default="1"))
    kinds = [
        list(valid(app, version)["paths"]["/items/{id}"]["get"]["responses"]["200"]["content"])
        for version in ("1", "2")
    ]
    assert kinds == [["application/json", "application/vnd.a.1+json"], ["application/vnd.a.2+json"]]


def test_without_a_default_the_document_is_that_of_the_last_version() -> None:
    app = app_of(APIVersion.from_header(allowed=("1", "2")))
    assert valid(app)["info"]["x-api-version"] == "2"
    outer = VelociPy()
    outer.mount("/in", app)
    names = {one["name"] for one in valid(outer)["paths"]["/in/items/{id}"]["get"]["parameters"]}
    assert "page" in names


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_each_version_is_served_and_kept_by_itself(interface: Any) -> None:
    app = app_of(APIVersion.from_header(allowed=("1", "2"), default="1"))
    client = TestClient(app, interface=interface)
    for version in ("1", "2"):
        served = client.get(f"/openapi.json?version={version}")
        assert served.json() == valid(app, version)
        again = client.get(
            f"/openapi.json?version={version}", headers={"if-none-match": served.headers["etag"]}
        )
        assert again.status_code == 304
    assert client.get("/openapi.json").json() == valid(app, "1")
    assert client.get("/openapi.json?version=3").status_code == 404
    app.add_route("/later", lambda: None, name="later")
    assert "/later" in client.get("/openapi.json?version=2").json()["paths"]


def test_a_version_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="none of the versions 1"):
        VelociPy(versioning=APIVersion.from_prefix(allowed=("1",))).openapi("2")
    with pytest.raises(ConfigurationError, match="no versioning"):
        VelociPy().openapi("2")
