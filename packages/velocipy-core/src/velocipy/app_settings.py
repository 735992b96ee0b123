"""What the settings of an app may be. Knows values and what is wrong with them; knows no app. Each raises ConfigurationError."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from velocipy.exceptions import ConfigurationError
from velocipy.messages import did_you_mean
from velocipy.places import caller_location

if TYPE_CHECKING:
    from velocipy.http.proxy import TrustedProxies
    from velocipy.json.base import EncoderChoice, JSONEncoder

TRAILING_SLASH: Final = ("ignore", "strict", "redirect")

_ROOT: Final = re.compile(r"(?:/[^/\\?#\x00-\x20\x7f{}]+)+")


def check_trailing_slash(value: Any) -> Any:
    """What becomes of one slash more or less."""
    if value not in TRAILING_SLASH:
        raise ConfigurationError(
            f"trailing_slash is one of {', '.join(map(repr, TRAILING_SLASH))}, not {value!r}"
            f"{did_you_mean(str(value), TRAILING_SLASH)}"
        )
    return value


def check_grace(seconds: object) -> float:
    """Seconds that what is open may take to end."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e6:
        raise ConfigurationError(f"shutdown_grace is a number of seconds of at least 0, not {seconds!r}")
    return float(seconds)


def check_switch(name: str, value: object) -> bool:
    """What is on or off."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is True or False, not {value!r}")
    return value


def check_root(root: object) -> str:
    """The prefix below which an app is served, "" for none."""
    if not isinstance(root, str) or (root and not _ROOT.fullmatch(root)):
        raise ConfigurationError(
            f"root_path is a path such as '/api', percent-decoded and without a slash at its end, not {root!r}"
        )
    return root


def check_versioning(versioning: Any) -> Any:
    """How a request names its version; None where there are none."""
    if versioning is None:
        return None
    from velocipy.routing.versions import APIVersion

    if not isinstance(versioning, APIVersion):
        raise ConfigurationError(
            f"versioning is an APIVersion, as APIVersion.from_header(...), not {versioning!r} ({caller_location()})"
        )
    return versioning


def find_proxies(entries: object) -> TrustedProxies | None:
    """The proxies that an app believes."""
    # The 3 ms of `ipaddress` are paid by apps that have proxies.
    from velocipy.http.proxy import trusted_proxies

    return trusted_proxies(entries)


def find_json_encoder(choice: EncoderChoice) -> JSONEncoder:
    """The encoder that is meant, whose library is loaded now."""
    from velocipy.json.base import find_encoder

    return find_encoder(choice)
