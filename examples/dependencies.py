"""Dependencies: shared parameters, teardown, sub-dependencies, guards, values of the app, and overrides in tests.

granian dependencies:app --interface rsgi
curl http://127.0.0.1:8000/users/1 -H 'authorization: Bearer secret'
curl http://127.0.0.1:8000/users/1                          # 401, before anything else is looked at
curl http://127.0.0.1:8000/users/x -H 'authorization: Bearer secret'
"""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Annotated

from velocipy import APIRouter, Depends, Header, HTTPException, Query, VelociPy, guard


class Pool:
    """Stands for a connection pool: made once, when the app starts."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @contextmanager
    def connection(self) -> Generator[dict[int, str]]:
        """A connection that commits unless something fails."""
        self.log.append("begin")
        try:
            yield {1: "ada", 2: "grace"}
        except BaseException:
            self.log.append("rollback")
            raise
        self.log.append("commit")


async def open_pool() -> AsyncIterator[Pool]:
    """App-scoped: starts with the app, and ends with it."""
    pool = Pool()
    yield pool
    pool.log.append("closed")


AppPool = Annotated[Pool, Depends(open_pool, scope="app")]


async def open_connection(pool: AppPool) -> AsyncIterator[dict[int, str]]:
    """Request-scoped: what stands after `yield` runs before the answer is sent, so a commit that fails is a 500."""
    with pool.connection() as connection:
        yield connection


@guard
async def current_user(authorization: Annotated[str | None, Header()] = None) -> str:
    """A guard runs before any other parameter is read, and before the body is."""
    if authorization != "Bearer secret":
        raise HTTPException(401, "Not authenticated", {"www-authenticate": "Bearer"})
    return "ada"


class Paging:
    """A class is a dependency too; its parameters are read as an endpoint's are."""

    def __init__(
        self, page: Annotated[int, Query(ge=1)] = 1, size: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> None:
        self.start = (page - 1) * size
        self.stop = self.start + size


users = APIRouter("/users", dependencies=[Depends(current_user)])


@users.get("/")
async def list_users(
    paging: Annotated[Paging, Depends()],
    connection: Annotated[dict[int, str], Depends(open_connection)],
) -> list[str]:
    """`Depends()` without a function calls the annotation."""
    return list(connection.values())[paging.start : paging.stop]


@users.get("/{user_id}")
async def read_user(
    user_id: int,
    connection: Annotated[dict[int, str], Depends(open_connection)],
    me: Annotated[str, Depends(current_user)],
) -> dict[str, object]:
    """`current_user` has run already, as the router's guard; it is called once a request."""
    if user_id not in connection:
        raise HTTPException(404, "no such user")
    return {"name": connection[user_id], "is_me": connection[user_id] == me}


app = VelociPy(title="Dependencies")
app.include_router(users)


if __name__ == "__main__":
    from velocipy.testing import TestClient

    with app.override({current_user: lambda: "grace"}), TestClient(app) as client:
        print(client.get("/users/2").json())
