"""Config: fields, types, precedence, what is said of everything that is wrong, and the register."""

from __future__ import annotations

import copy
import logging
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest

from velocipy import Config, JSONResponse
from velocipy.config import ConfigError, Env, Secret, base
from velocipy.constraints import Constraints
from velocipy.exceptions import ConfigurationError, VelociPyException

SetVariables = Callable[..., None]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    """Set variables of the environment for a test: `variables(APP_PORT="1")`."""

    def set_variables(**named: str) -> None:
        for name, value in named.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.fixture(autouse=True)
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A register of the test's own."""
    monkeypatch.setattr(base, "_registered", {})
    monkeypatch.setattr(base, "_instances", {})
    yield


def problems_of(make: Callable[[], Any]) -> list[str]:
    """What is wrong, a line each."""
    with pytest.raises(ConfigError) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: int = 0


class Struct(msgspec.Struct):
    name: str


class Model(pydantic.BaseModel):
    name: str


# -- values and where they come from ------------------------------------------------------------------------------------


def test_a_field_is_a_keyword_else_a_variable_else_its_default(variables: SetVariables) -> None:
    class App(Config, prefix="APP_"):
        host: str = "localhost"
        port: int

    assert App(port=1).host == "localhost"
    variables(APP_HOST="example.org", APP_PORT="8000")
    assert (App().host, App().port) == ("example.org", 8000)
    assert App(host="other").host == "other"


def test_precedence_is_keyword_environment_file_secret_default(
    variables: SetVariables, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("APP_A=file\nAPP_B=file\nAPP_C=file\n")
    (tmp_path / ".env.local").write_text("APP_C=local\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("APP_A", "app_b", "app_c", "app_d"):
        (secrets / name).write_text("secret\n")
    variables(APP_A="environment", APP_E="environment")

    class App(
        Config, prefix="APP_", env_file=[tmp_path / ".env", tmp_path / ".env.local"], secrets_dir=secrets
    ):
        a: str = "default"
        b: str = "default"
        c: str = "default"
        d: str = "default"
        e: str = "default"
        f: str = "default"

    app = App(e="keyword")
    assert vars(app) == {
        "a": "environment",
        "b": "file",
        "c": "local",
        "d": "secret",
        "e": "keyword",
        "f": "default",
    }


def test_files_that_are_not_there_are_passed_over(tmp_path: Path) -> None:
    class App(Config, env_file=tmp_path / ".env", secrets_dir=tmp_path / "secrets"):
        velocipy_test_value: int = 1

    assert App().velocipy_test_value == 1


READ: list[tuple[Any, str, Any]] = [
    (str, " a ", " a "),
    (str, "", ""),
    (int, "-42", -42),
    (float, "1.5", 1.5),
    (bool, "On", True),
    (bool, "0", False),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
    (timedelta, "90", timedelta(seconds=90)),
    (Color, "blue", Color.BLUE),
    (Literal["a", "b"], "b", "b"),
    (int | None, "3", 3),
    (int | None, "", None),
    (str | None, "", ""),
    (int | str, "x", "x"),
    (Path, "/var/lib", Path("/var/lib")),
    (Path | None, "a", Path("a")),
    (list[str], "a, b ,c", ["a", "b", "c"]),
    (list[str], "", []),
    (list[str], '["a", "b,c"]', ["a", "b,c"]),
    (list[str] | None, "a", ["a"]),
    (list[str] | None, "", None),
    (set[int], "1,2,1", {1, 2}),
    (tuple[int, ...], "[1, 2]", (1, 2)),
    (tuple[int, str], "1,a", (1, "a")),
    (list[Path], "a,b", [Path("a"), Path("b")]),
    (dict[str, Path], '{"a": "b"}', {"a": Path("b")}),
    (dict[Path, Secret], '{"a": "b"}', {Path("a"): Secret("b")}),
    (tuple[Secret, ...], "a,b", (Secret("a"), Secret("b"))),
    (tuple[Secret, ...], '["a"]', (Secret("a"),)),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (dict, '{"a": [1]}', {"a": [1]}),
    (Point, '{"x": 1}', Point(1)),
    (Struct, '{"name": "a"}', Struct("a")),
    (Model, '{"name": "a"}', Model(name="a")),
    (list[Point], '[{"x": 1}]', [Point(1)]),
    (Secret, "hunter2", Secret("hunter2")),
    (Annotated[int, Constraints(ge=1)], "1", 1),
]


@pytest.mark.parametrize(("annotation", "text", "value"), READ, ids=lambda value: str(value)[:40])
def test_text_becomes_a_value_of_the_type(
    annotation: Any, text: str, value: Any, variables: SetVariables
) -> None:
    made = type(
        "Made", (Config,), {"__annotations__": {"value": annotation}, "__module__": __name__}, prefix="APP_"
    )
    variables(APP_VALUE=text)
    assert made().value == value
    assert type(made().value) is type(value)


WRONG: list[tuple[Any, str, list[str]]] = [
    (int, "", ["not a valid integer"]),
    (int, "1_0", ["not a valid integer"]),
    (float, "nan", ["not a valid number"]),
    (bool, "banana", ["not a valid boolean: use true or false"]),
    (Color, "green", ["not one of 'red', 'blue'"]),
    (list[int], "1,x,,2", ["[1]: not a valid integer", "[2]: not a valid integer"]),
    (list[int], '["1"]', ["[0]: expected an integer, got a string"]),
    (list[int], "[1", ["not valid JSON"]),
    (tuple[int, str], "1", ["must have exactly 2 items"]),
    (tuple[int, str], "", ["must have exactly 2 items"]),
    (dict[str, int], "{'a': 1}", ["not valid JSON"]),
    (dict, "[]", ["expected dict, got list"]),
    (Point, '{"y": "a"}', [".x: missing", ".y: expected an integer, got a string"]),
    (Struct, '{"name": 1}', [".name: expected a string, got an integer"]),
    (Model, '{"name": 1}', [".name: expected a string, got an integer"]),
    (Annotated[int, Constraints(ge=1)], "0", ["must be at least 1"]),
    (Annotated[list[int], Constraints(max_length=1)], "1,2", ["must have at most 1 item"]),
    (Annotated[list[int], Constraints(min_length=1)], "", ["must have at least 1 item"]),
    (Annotated[Secret, Constraints(min_length=8)], "hunter2", ["must have at least 8 characters"]),
]


@pytest.mark.parametrize(("annotation", "text", "reasons"), WRONG, ids=lambda value: str(value)[:40])
def test_text_that_does_not_fit_is_refused_with_its_variable_and_source(
    annotation: Any, text: str, reasons: list[str], variables: SetVariables
) -> None:
    made = type(
        "Made", (Config,), {"__annotations__": {"value": annotation}, "__module__": __name__}, prefix="APP_"
    )
    variables(APP_VALUE=text)
    found = problems_of(made)
    assert found == [f"APP_VALUE (the environment): {reason}" for reason in reasons]


def test_everything_that_is_wrong_is_said_at_once_and_no_value_with_it(
    variables: SetVariables, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("# settings\nAPP_PORT=hunter2\n")
    (tmp_path / "app_limit").write_text("hunter2\n")

    class App(Config, prefix="APP_", env_file=tmp_path / ".env", secrets_dir=tmp_path):
        port: int
        limit: int
        debug: bool
        name: str

    variables(APP_DEBUG="hunter2", APP_NAMES="x")
    with pytest.raises(ConfigError) as caught:
        App(prot=1)
    text = caught.value.message
    assert text.splitlines()[1:] == [
        "  prot (keyword): " + App.__qualname__ + " has no such setting; did you mean 'port'?",
        f"  APP_PORT ({tmp_path}/.env:2): not a valid integer",
        f"  APP_LIMIT ({tmp_path}/app_limit): not a valid integer",
        "  APP_DEBUG (the environment): not a valid boolean: use true or false",
        "  APP_NAME: missing; did you mean 'APP_NAMES'?",
    ]
    assert "5 settings are wrong" in text
    assert "hunter2" not in text
    assert isinstance(caught.value, (ConfigurationError, VelociPyException))
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)


def test_a_broken_file_is_one_problem_among_the_others(variables: SetVariables, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nwhat is this\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "APP_KEY").write_bytes(b"\xff")
    (secrets / "APP_TOKEN").mkdir()
    (secrets / "APP_LONG").write_text("x" * 70_000)

    class App(Config, prefix="APP_", env_file=tmp_path / ".env", secrets_dir=secrets):
        key: str
        token: str
        long: str
        port: int

    variables(APP_PORT="x")
    assert problems_of(App) == [
        f"{tmp_path}/.env:2: not NAME=value, nor a comment: write # before what is none",
        f"APP_KEY ({secrets}/APP_KEY): not UTF-8 text: save it as UTF-8",
        f"APP_TOKEN ({secrets}/APP_TOKEN): not a file: give the path of one",
        f"APP_LONG ({secrets}/APP_LONG): more than 65536 bytes, which no settings have: is it the right file?",
        "APP_PORT (the environment): not a valid integer",
    ]


def test_a_variable_may_have_names_of_its_own(variables: SetVariables, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=file\n")

    class App(Config, prefix="APP_", env_file=tmp_path / ".env"):
        url: Annotated[str, Env("DATABASE_URL", "DB_URL")]

    assert App().url == "file"
    variables(DB_URL="environment")
    assert App().url == "environment"
    variables(DATABASE_URL="first", APP_URL="never")
    assert App().url == "first"


def test_keywords_and_defaults_are_held_against_their_types() -> None:
    class App(Config):
        velocipy_port: Annotated[int, Constraints(ge=1)] = 1
        ids: list[UUID] = []
        where: Path = Path(".")

    assert problems_of(lambda: App(velocipy_port="80", ids=[1], where=3)) == [
        "velocipy_port (keyword): expected an integer, got a string",
        "ids (keyword): [0]: expected a string, got an integer",
        "where (keyword): expected Path, got int",
    ]
    assert problems_of(lambda: App(velocipy_port=0)) == ["velocipy_port (keyword): must be at least 1"]
    assert App(ids=[UUID(int=1)]).ids == [UUID(int=1)]
    assert App(where="/x").where == Path("/x")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="the default of port in .*Wrong does not fit int"):

        class Wrong(Config):
            port: int = "80"  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match="does not fit int: expected an integer, got null"):

        class Sloppy(Config):
            port: int = None  # type: ignore[assignment]


def test_a_type_that_no_text_can_be_comes_as_a_keyword(variables: SetVariables) -> None:
    class App(Config, prefix="APP_"):
        log: logging.Logger
        call: Callable[[], int] = lambda: 1

    variables(APP_LOG="x", APP_NESTED='{"a": ["hunter2"]}', APP_KIND="Path", APP_MIXED="1")
    logger = logging.getLogger("x")
    assert App(log=logger).log is logger

    class Wrapped(Config, prefix="APP_"):
        """Types of which JSON would give the plain text of a Secret, or of a Path, or nothing."""

        nested: dict[str, list[Secret]]
        kind: type[Path]
        mixed: tuple[Secret, int]

    told = "missing: no text can be this, give it as a keyword"
    assert problems_of(Wrapped) == [f"{name}: {told}" for name in ("nested", "kind", "mixed")]
    assert problems_of(App) == ["log: missing: no text can be this, give it as a keyword"]
    assert problems_of(lambda: App(log=3)) == ["log (keyword): expected Logger, got int"]  # type: ignore[arg-type]


def test_a_type_that_nobody_can_tell_is_taken_as_it_is() -> None:
    class App(Config, env_file=".env-of-nobody"):
        velocipy_any: Any = 1
        paths: dict[Path, int] = {}
        where: Path | None = None
        key: Secret | None = None

    app = App(velocipy_any=[1], paths={Path("a"): 1}, where=None, key="text")
    assert (app.velocipy_any, app.paths, app.where, app.key) == ([1], {Path("a"): 1}, None, Secret("text"))
    assert problems_of(lambda: App(paths=3)) == ["paths (keyword): expected dict, got int"]


# -- classes ---------------------------------------------------------------------------------------------------------


def test_a_subclass_has_the_fields_and_places_of_its_parents(variables: SetVariables) -> None:
    class Parent(Config, prefix="APP_"):
        name: str
        port: int = 1
        kind: ClassVar[str] = "parent"

    class Child(Parent):
        port: int = 2
        debug: bool = False

        @property
        def url(self) -> str:
            """A property is no setting."""
            return f"{self.name}:{self.port}"

    class Grandchild(Child, prefix="OTHER_"):
        pass

    variables(APP_NAME="a", OTHER_NAME="b", APP_DEBUG="yes")
    assert vars(Child()) == {"name": "a", "port": 2, "debug": True}
    assert vars(Parent()) == {"name": "a", "port": 1}
    assert Grandchild().url == "b:2"


def test_nested_classes_read_below_the_name_of_their_field(variables: SetVariables) -> None:
    class Pool(Config):
        size: int = 5

    class Database(Config, prefix="NEVER_"):
        url: Secret
        pool: Pool

    class App(Config, prefix="APP_"):
        db: Database
        replica: Database | None = None

    variables(APP_DB_URL="x", APP_DB_POOL_SIZE="7", NEVER_URL="y")
    app = App()
    assert (app.db.url, app.db.pool.size, app.replica) == (Secret("x"), 7, None)
    variables(APP_REPLICA_POOL_SIZE="x")
    assert problems_of(App) == [
        "APP_REPLICA_URL: missing",
        "APP_REPLICA_POOL_SIZE (the environment): not a valid integer",
    ]
    assert App(db={"pool": {"size": 9}}, replica=None).db.pool.size == 9  # type: ignore[arg-type]
    database = Database(url=Secret("z"))
    assert App(db=database, replica=None).db is database
    assert problems_of(lambda: App(db=3, replica=None)) == [f"db (keyword): expected {'Database'}, got int"]  # type: ignore[arg-type]


def test_a_default_instance_gives_the_defaults_of_a_nested_class(variables: SetVariables) -> None:
    class Database(Config):
        url: str = "a"
        pool: int = 1

    class App(Config, prefix="APP_"):
        db: Database = Database(url="b", pool=2)

    assert vars(App().db) == {"url": "b", "pool": 2}
    variables(APP_DB_POOL="3")
    assert vars(App().db) == {"url": "b", "pool": 3}


def test_two_fields_of_one_variable_and_names_of_ours_are_refused() -> None:
    class Nested(Config):
        host: str = ""

    with pytest.raises(
        ConfigurationError, match=r"App.db_host and .*Nested.host are both read from APP_DB_HOST"
    ):

        class App(Config, prefix="APP_"):
            db_host: str = ""
            db: Nested

    with pytest.raises(ConfigurationError, match=r"Other.get cannot be a setting"):

        class Other(Config):
            get: int = 1  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match="_private cannot be a setting"):

        class Private(Config):
            _private: int = 1

    with pytest.raises(ConfigurationError, match="names variables, but"):

        class Lost(Config):
            nested: Annotated[Nested, Env("NESTED")]

    with pytest.raises(ConfigurationError, match="names of variables"):
        Env()
    with pytest.raises(ConfigurationError, match="cannot be read: name 'Nowhere' is not defined"):

        class Unknown(Config):
            x: Nowhere  # type: ignore[name-defined]  # noqa: F821


def test_an_instance_cannot_be_changed_and_shares_no_default() -> None:
    class App(Config):
        velocipy_names: list[str] = []
        n: int = 1

    app, other = App(), App()
    with pytest.raises(AttributeError, match="Config is immutable: 'n' cannot be set"):
        app.n = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Config is immutable"):
        del app.n
    with pytest.raises(AttributeError, match="Config is immutable"):
        app.other = 1  # type: ignore[attr-defined]
    app.velocipy_names.append("a")
    assert other.velocipy_names == [] == App.velocipy_names
    assert app(n=2).n == 2 and app.n == 1
    assert other == App() != app and app != 3
    assert problems_of(lambda: app(n="x")) == ["n (keyword): expected an integer, got a string"]
    assert copy.deepcopy(app) == app
    if sys.version_info >= (3, 13):
        assert copy.replace(app, n=3).n == 3
    with pytest.raises(TypeError):
        App(1)  # type: ignore[call-arg]


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_shows_itself_to_nobody_by_accident() -> None:
    class App(Config):
        velocipy_key: Secret
        keys: list[Secret] = []

    secret = Secret("hunter2")
    app = App(velocipy_key=secret, keys=[secret])
    shown = f"{secret} {secret!r} {secret:>5} %s {app!r} {app} {vars(app)}" % secret
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2" and app.velocipy_key is secret or app.velocipy_key == secret
    assert secret == Secret("hunter2") != Secret("other") and secret != "hunter2"
    assert len({secret, Secret("hunter2")}) == 1
    assert not Secret("") and secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        _ = JSONResponse({"key": secret}).body
    with pytest.raises(AttributeError):
        secret._text = "x"
    with pytest.raises(TypeError):
        Secret(3)  # type: ignore[arg-type]
    assert copy.deepcopy([secret]) == [secret] == [copy.copy(secret)]
    assert Secret("\udcff") == Secret("\udcff") != secret


# -- the register ------------------------------------------------------------------------------------------------------


def test_a_registered_class_has_one_instance() -> None:
    @Config.register
    class App(Config):
        velocipy_port: int = 1

    @Config.register("testing")
    class Testing(App):
        velocipy_port: int = 2

    assert Config.get(App) is Config.get(App)
    assert Config.get("testing") is Config.get(Testing)
    assert Config.get("testing").velocipy_port == 2
    # As it was where a key gave the class, which was called.
    assert Config.get("testing")(velocipy_port=3).velocipy_port == 3
    assert Config.get("testing")() == Testing()


def test_a_key_of_nobody_gives_the_default_or_a_key_error() -> None:
    @Config.register("production")
    class App(Config):
        velocipy_port: int = 1

    class Other(Config):
        pass

    with pytest.raises(KeyError, match="registered as 'prodution'; did you mean 'production'"):
        Config.get("prodution")
    with pytest.raises(KeyError, match="put @Config.register above it"):
        Config.get(Other)
    assert Config.get("nobody", default=None) is None
    assert isinstance(Config.get("nobody", default=App), App)
    found: Any = Config.get("production", default=Other)
    assert Config.get("nobody", default=App) is found
    with pytest.raises(ConfigurationError, match="belongs to .*App: give one another key"):
        Config.register("production")(Other)
    for wrong in (3, "", None):
        with pytest.raises(ConfigurationError, match="registered under a name"):
            Config.register(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="is no Config"):
        Config.register(int)  # type: ignore[type-var]


def test_the_problems_of_all_classes_are_said_at_start(variables: SetVariables) -> None:
    @Config.register
    class App(Config, prefix="APP_"):
        port: int

    @Config.register("mail")
    class Mail(Config, prefix="MAIL_"):
        host: str

    @Config.register
    class Fine(Config):
        velocipy_x: int = 1

    assert problems_of(Config.load_all) == ["APP_PORT: missing", "MAIL_HOST: missing"]
    variables(APP_PORT="1", MAIL_HOST="h")
    Config.load_all()
    assert Config.get(App).port == 1


def test_an_override_lasts_as_long_as_its_with() -> None:
    @Config.register
    class App(Config):
        velocipy_port: int = 1

    before = Config.get(App)
    with Config.override(App(velocipy_port=2)):
        assert Config.get(App).velocipy_port == 2
        with Config.override(before(velocipy_port=3)):
            assert Config.get(App).velocipy_port == 3
        assert Config.get(App).velocipy_port == 2
    assert Config.get(App) is before


def test_an_override_of_what_nobody_asked_for_yet_leaves_nothing_behind() -> None:
    @Config.register
    class App(Config):
        velocipy_port: int = 1

    with Config.override(App(velocipy_port=2)):
        assert Config.get(App).velocipy_port == 2
    assert Config.get(App).velocipy_port == 1


def test_threads_that_ask_at_once_get_one_instance() -> None:
    made: list[Config] = []

    @Config.register
    class App(Config):
        velocipy_port: int = 1

        def __init__(self) -> None:
            threading.Event().wait(0.02)
            super().__init__()
            made.append(self)

    found: list[Config] = []
    threads = [threading.Thread(target=lambda: found.append(Config.get(App))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and all(config is made[0] for config in found) and len(found) == 8
