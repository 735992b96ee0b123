"""The version of velocipy-asgi, and nothing else."""

__version__ = "0.1.0"
