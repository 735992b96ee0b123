"""The `velocipy` command: dev, run, routes, explain, check, openapi, openapi diff, new. This file holds nothing; `main` is the entry."""
