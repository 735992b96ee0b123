"""What differs from machine to machine, read from the environment and `.env`. Knows names and defaults; opens nothing."""

import secrets
from typing import Annotated

from velocipy import Config
from velocipy.config import Secret
from velocipy.constraints import Constraints


@Config.register
class Settings(Config, prefix="NEST_", env_file=".env"):
    """NEST_DATABASE_URL, NEST_SECRET_KEY, NEST_SECURE_COOKIES, NEST_HOSTS."""

    database_url: Secret = Secret("sqlite+aiosqlite:///nest.db")
    # Without one in the environment each start makes another, and all sessions end with it.
    secret_key: Annotated[Secret, Constraints(min_length=32)] = Secret(secrets.token_urlsafe(32))
    secure_cookies: bool = True
    hosts: list[str] = ["localhost", "127.0.0.1", "[::1]"]
