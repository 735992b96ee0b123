"""The version of velocipy-security, and nothing else."""

__version__ = "0.1.0"
