"""The `velocipy` command. Holds nothing yet but its version, and installs no command.

What it will hold: `run`, `dev`, `routes`, `explain`, `check`, `openapi` and `new`.
"""
