"""What schemes and CSRF refuse, in an app that words its errors as problem details."""

from typing import Annotated, Any

import pytest

from velocipy import Depends, VelociPy
from velocipy.security import CSRF, APIKeyHeader, CrossOriginCheck, HTTPBearer, Security, SecurityScopes
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
bearer = HTTPBearer()


async def needs(scopes: SecurityScopes, token: Annotated[Any, Depends(bearer)]) -> None:
    raise bearer.insufficient_scope(scopes.scopes)


@both
@pytest.mark.parametrize(
    ("path", "guards", "headers", "status", "detail"),
    [
        ("/", [Depends(bearer)], {}, 401, "Not authenticated"),
        ("/", [Depends(APIKeyHeader("x-key", keys=["k" * 20]))], {"x-key": "wrong"}, 401, None),
        ("/", [Security(needs, scopes=["a"])], {"authorization": "Bearer t"}, 403, "Not enough permissions"),
        ("/", [Depends(CSRF("q8Jx2LwZt0VnRb7Kc5Ys9Ghd3Pm6Fa1U"))], {}, 403, "CSRF token missing or wrong"),
        (
            "/",
            [Depends(CrossOriginCheck())],
            {"sec-fetch-site": "cross-site"},
            403,
            "Cross-origin request refused",
        ),
    ],
)
def test_a_refusal_is_a_problem(
    interface: str, path: str, guards: list[Any], headers: dict[str, str], status: int, detail: str | None
) -> None:
    app = VelociPy(problem_details=True, plugins=False, dependencies=guards)

    @app.post("/")
    async def change() -> None: ...

    answer = TestClient(app, interface=interface).post(path, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found = answer.json()
    assert found.keys() == {"type", "title", "status", "detail", "instance"} and found["status"] == status
    assert detail is None or found["detail"] == detail
    assert status != 401 or answer.headers["www-authenticate"]
