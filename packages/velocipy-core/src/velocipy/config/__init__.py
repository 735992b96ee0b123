"""Typed settings from keywords, environment, `.env` and secret files. Names load when they are asked for."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.config.base import Config
    from velocipy.config.dotenv import parse_dotenv
    from velocipy.config.problems import ConfigError, Problem
    from velocipy.config.secret import Secret
    from velocipy.config.settings import Env

__all__ = ["Config", "ConfigError", "Env", "Problem", "Secret", "parse_dotenv"]

_HOMES = {
    "base": ("Config",),
    "dotenv": ("parse_dotenv",),
    "problems": ("ConfigError", "Problem"),
    "secret": ("Secret",),
    "settings": ("Env",),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
