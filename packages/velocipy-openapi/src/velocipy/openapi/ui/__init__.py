"""Swagger UI's page and its files, which are in the wheel."""
