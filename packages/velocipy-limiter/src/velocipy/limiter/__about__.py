"""The version of velocipy-limiter, and nothing else."""

__version__ = "0.1.0"
