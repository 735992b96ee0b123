"""The version of velocipy-openapi-ui, and nothing else."""

__version__ = "0.1.0"
