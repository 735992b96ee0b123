"""OpenAPI 3.1 from routes and plans. Holds nothing yet but its version; knows no protocols.

What it will hold: the document with its operations and components, and Swagger UI. Once it does, having it installed means
that an app serves `/openapi.json` and `/docs`.
"""
