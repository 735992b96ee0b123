"""Storages on Redis and Valkey: keys with a time to live, sessions, and a limiter's counts; channels. Names what is public.

storage = RedisStorage("redis://localhost:6379/0")
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.redis.channels import RedisChannels
    from velocipy.redis.client import RedisClient
    from velocipy.redis.exceptions import RedisUnavailable
    from velocipy.redis.link import Health
    from velocipy.redis.storage import RedisStorage

__all__ = ["Health", "RedisChannels", "RedisClient", "RedisStorage", "RedisUnavailable"]

_HOMES = {
    "channels": ("RedisChannels",),
    "client": ("RedisClient",),
    "exceptions": ("RedisUnavailable",),
    "link": ("Health",),
    "storage": ("RedisStorage",),
}
"""Sub-module -> the public names that it defines."""

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
