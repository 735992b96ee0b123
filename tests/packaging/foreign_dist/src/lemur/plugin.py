"""A plugin: adds a route to an app. Knows the app's public decorators."""

from velocipy import VelociPy


def add_leaves(app: VelociPy) -> None:
    @app.get("/leaves")
    async def leaves() -> dict[str, int]:
        return {"leaves": 3}
