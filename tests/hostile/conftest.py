"""The fixtures of hostile tests: see hostile_client. Knows their names."""

from hostile_client import client_of, interface, linear, records, within  # noqa: F401
