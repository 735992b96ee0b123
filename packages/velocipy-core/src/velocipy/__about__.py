"""The version of velocipy-core, and nothing else."""

__version__ = "0.1.0"
