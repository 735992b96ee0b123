"""OpenAPI 3.1 from routes and plans, and Swagger UI: installed means that an app serves `/openapi.json` and `/docs`.

Knows what the binder knows of parameters, bodies and results; knows no protocols.
"""

from velocipy.openapi.config import OpenAPI

__all__ = ["OpenAPI"]
