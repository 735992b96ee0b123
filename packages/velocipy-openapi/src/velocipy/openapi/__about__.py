"""The version of velocipy-openapi, and nothing else."""

__version__ = "0.1.0"
