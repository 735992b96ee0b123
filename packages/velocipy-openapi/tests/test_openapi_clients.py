"""A client that openapi-python-client makes of the document: whole, importable, and understood by a real server.

The generator lives in an environment of its own. docs/openapi.md has the same for TypeScript, as a recipe.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import Environment, make_environment
from servers import RunningServer

pytestmark = [pytest.mark.servers, pytest.mark.dists]

CALLS = """
import importlib, pkgutil, sys
from uuid import UUID

sys.path.insert(0, sys.argv[1])
import sink_client
from sink_client.api.default import by_id, customers, pets, scalars, trees
from sink_client.api.items import create_item
from sink_client.models import *

for module in pkgutil.walk_packages(sink_client.__path__, "sink_client."):
    if not module.name.endswith(".default.forms"):  # the generator forgets an import where a body has two media types
        importlib.import_module(module.name)

client = sink_client.Client(base_url=sys.argv[2])
made = create_item.sync_detailed(client=client, body=ItemInput(name="mug", price=4.5))
assert made.status_code == 201 and made.parsed.color is Color.RED and made.parsed.tags == []
refused = create_item.sync_detailed(client=client, body=ItemInput(name="", price=-1.0))
assert refused.status_code == 422 and isinstance(refused.parsed, HTTPValidationError)
assert refused.parsed.detail[0].loc == ["body", "name"]
tree = TreeInput(value=1, children=[TreeInput(value=2)])
assert trees.sync(client=client, body=TreesBody(tree=tree)).children[0].value == 2
assert pets.sync(client=client, body=Dog(type_=DogType.DOG, name="Rex"))[0].name == "Rex"
sold = customers.sync(client=client, body=CustomerInput(id=1, full_name="Ada"))
assert sold.data.full_name == "Ada" and "since" not in sold.data.to_dict()
assert by_id.sync("3", client=client).name == "mug"
read = scalars.sync_detailed(2, UUID(int=7), "a/b", client=client, text="abc", many=[1, 2])
assert read.status_code == 200, read
print("understood")
"""


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("generator")
    environment = make_environment(folder / "env", folder)
    environment.install("openapi-python-client>=0.29,<0.30")
    return environment


def test_a_generated_client_is_whole_and_talks_to_the_server(
    sink: RunningServer, generator: Environment, tmp_path: Path
) -> None:
    # lines of JSON are a type that the generator does not know: its clients get them as they come
    overrides = "content_type_overrides:\n  application/x-ndjson: application/octet-stream\n"
    (tmp_path / "config.yml").write_text(f"post_hooks: []\n{overrides}")
    made = generator.python(
        "-m", "openapi_python_client", "generate", "--url", f"{sink.url}/openapi.json", "--meta", "none",
        "--config", str(tmp_path / "config.yml"), "--output-path", str(tmp_path / "sink_client"), "--fail-on-warning",
    )  # fmt: skip
    assert "WARNING" not in made.stdout, made.stdout
    said = generator.python("-c", CALLS, str(tmp_path), sink.url)
    assert said.stdout == "understood\n", said.stdout
