"""Typed settings: where each value may come from, what is said when one is wrong, and what a log never shows.

granian config:app --interface rsgi
APP_GREETING=Hi APP_WORDS=a,b granian config:app --interface rsgi       # from the environment
curl http://127.0.0.1:8000/
APP_PORT=many APP_DB_POOL=0 granian config:app --interface rsgi         # ends at once and names both

The file `.env`, if there is one in the folder that the server is started in, comes after the environment.
"""

from datetime import timedelta
from typing import Annotated, Literal

from velocipy import Config, VelociPy
from velocipy.config import Env, Secret
from velocipy.constraints import Constraints


class Database(Config):
    """Another Config inside: its variables are APP_DB_URL and APP_DB_POOL."""

    url: Secret = Secret("sqlite:///shop.db")
    pool: Annotated[int, Constraints(ge=1, le=100)] = 5


@Config.register
class Settings(Config, prefix="APP_", env_file=".env", secrets_dir="/run/secrets"):
    """Settings of the app: the variable of each is APP_ and its name in capitals."""

    greeting: str = "Hello"
    port: int = 8000
    level: Literal["debug", "info", "warning"] = "info"
    words: list[str] = []  # every instance has a list of its own
    timeout: timedelta = timedelta(seconds=30)
    secret_key: Annotated[Secret | None, Env("SECRET_KEY"), Constraints(min_length=32)] = None
    db: Database


@Config.register("testing")
class Testing(Settings):
    """The same with other defaults, and a name: `Config.get("testing")`."""

    greeting: str = "Testing"


Config.load_all()  # whatever is wrong is said now, all of it, and not at the first request that needs it
app = VelociPy()


@app.get("/")
async def show() -> dict[str, object]:
    """Some of the settings; a Secret would have to be revealed on purpose."""
    settings = Config.get(Settings)
    return {
        "greeting": settings.greeting,
        "words": settings.words,
        "pool": settings.db.pool,
        "repr": repr(settings),
    }
