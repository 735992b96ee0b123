"""The version of velocipy-redis, and nothing else."""

__version__ = "0.1.0"
