"""The version of velocipy-cli, and nothing else."""

__version__ = "0.1.0"
