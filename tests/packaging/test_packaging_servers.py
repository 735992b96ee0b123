"""The front page's commands, in environments that hold only what the install lines bring. Knows commands and wheels."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import ROOT, Environment, free_port, run, serving

pytestmark = [pytest.mark.dists, pytest.mark.servers]

HELLO = b'{"message":"Hello, VelociPy!"}'


def quick_start() -> str:
    """The first python fence of the front page."""
    page = (ROOT / "docs" / "index.md").read_text()
    (code,) = re.findall(r"Create `main\.py`:\n\n```python\n(.*?)```", page, re.DOTALL)
    return str(code)


def front_page_commands() -> list[list[str]]:
    """The server commands of the front page, word for word."""
    page = (ROOT / "docs" / "index.md").read_text()
    (block,) = re.findall(r"Run it under the fastest terrain:\n\n```sh\n(.*?)```", page, re.DOTALL)
    return [line.split() for line in block.splitlines() if line and not line.startswith("#")]


def write_app(folder: Path, greeting: str = "Hello, VelociPy!") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(quick_start().replace("Hello, VelociPy!", greeting))


def test_the_front_page_serves_with_granian_and_with_uvicorn() -> None:
    assert front_page_commands() == [
        ["granian", "main:app", "--interface", "rsgi", "--reload"],
        ["uvicorn", "main:app", "--reload"],
    ]


def test_both_commands_of_the_front_page_serve_and_reload(
    new_environment: Callable[..., Environment], tmp_path: Path
) -> None:
    """In what the README's line for both servers brings; only the port is added to the commands."""
    environment = new_environment("velocipy-core", "velocipy-rsgi[granian]", "velocipy-asgi[uvicorn]")
    for program, *arguments in front_page_commands():
        app, port = tmp_path / program, free_port()
        write_app(app)
        with serving([environment.program(program), *arguments, "--port", str(port)], app, port) as server:
            server.wait_for(HELLO)
            write_app(app, "Hello again!")
            server.wait_for(b'{"message":"Hello again!"}')


def test_core_and_rsgi_serve_under_granian_and_uvicorn_names_the_dist_that_it_needs(
    new_environment: Callable[..., Environment], tmp_path: Path
) -> None:
    environment = new_environment("velocipy-core", "velocipy-rsgi[granian]", "uvicorn")
    app, port = tmp_path / "app", free_port()
    write_app(app)
    granian = ["granian", "main:app", "--interface", "rsgi", "--port", str(port)]
    with serving([environment.program(granian[0]), *granian[1:]], app, port) as server:
        server.wait_for(HELLO)
    done = run([environment.program("uvicorn"), "main:app", "--port", str(port)], app, timeout=60)
    assert "velocipy-asgi is not installed: pip install velocipy-asgi" in done.stderr
    assert done.returncode != 0


def test_core_and_asgi_serve_under_uvicorn_and_granian_names_the_dist_that_it_needs(
    new_environment: Callable[..., Environment], tmp_path: Path
) -> None:
    environment = new_environment("velocipy-core", "velocipy-asgi", "uvicorn", "granian")
    app, port = tmp_path / "app", free_port()
    write_app(app)
    with serving([environment.program("uvicorn"), "main:app", "--port", str(port)], app, port) as server:
        server.wait_for(HELLO)
    granian = [environment.program("granian"), "main:app", "--interface", "rsgi", "--port", str(port)]
    done = run(granian, app, timeout=60)
    assert "velocipy-rsgi is not installed: pip install velocipy-rsgi" in done.stdout + done.stderr
    assert done.returncode != 0
