"""The version of velocipy-rsgi, and nothing else."""

__version__ = "0.1.0"
