"""The `velocipy` command: dev, run, routes, explain, check, openapi, new. This file holds nothing; `main` is the entry."""
