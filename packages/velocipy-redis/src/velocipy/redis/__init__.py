"""Storages on Redis and Valkey: keys with a time to live, sessions, and a limiter's counts. Names what is public.

storage = RedisStorage("redis://localhost:6379/0")
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.redis.client import RedisClient
    from velocipy.redis.exceptions import RedisUnavailable
    from velocipy.redis.link import Health
    from velocipy.redis.storage import RedisStorage

__all__ = ["Health", "RedisClient", "RedisStorage", "RedisUnavailable"]

_HOMES = {
    "client": ("RedisClient",),
    "exceptions": ("RedisUnavailable",),
    "link": ("Health",),
    "storage": ("RedisStorage",),
}
"""Sub-module -> the public names that it defines."""

__getattr__, __dir__ = lazy(__name__, _HOMES)
