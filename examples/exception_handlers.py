"""Answers to exceptions: by class, by status, for a router, and for what nobody expected.

granian exception_handlers:app --interface rsgi
curl -i http://127.0.0.1:8000/accounts/7            # 404 in our own words
curl -i http://127.0.0.1:8000/accounts/1/pay/500    # 402: a class of ours
curl -i http://127.0.0.1:8000/nowhere
curl -i http://127.0.0.1:8000/accounts/x            # 422, restyled
curl -i http://127.0.0.1:8000/crash                 # 500 that tells nothing; the log has it all
"""

from velocipy import APIRouter, HTMLResponse, HTTPException, JSONResponse, Request, Response, VelociPy
from velocipy.exceptions import ValidationError

app = VelociPy(title="Exception handlers")


class NotEnoughMoney(Exception):
    """A failure of the domain, which knows nothing of HTTP."""

    def __init__(self, missing: int) -> None:
        self.missing = missing


@app.exception_handler(NotEnoughMoney)
async def not_enough_money(request: Request, exc: NotEnoughMoney) -> Response:
    """For a class and those derived from it; the nearest in the order of inheritance counts."""
    return JSONResponse({"error": "not enough money", "missing": exc.missing}, 402)


@app.exception_handler(404)
async def not_found(request: Request, exc: HTTPException) -> Response:
    """For a status, also where no route was found."""
    return JSONResponse({"error": str(exc.detail), "path": request.path}, 404)


@app.exception_handler(ValidationError)
async def invalid(request: Request, exc: ValidationError) -> Response:
    """The entries of a 422, in another shape."""
    return JSONResponse({"errors": [error["msg"] for error in exc.errors]}, 422)


@app.exception_handler(Exception)
def unexpected(request: Request, exc: Exception) -> Response:
    """Words the 500 of what nobody expected; it is logged all the same. A handler may be a plain function."""
    return HTMLResponse("<h1>We are sorry</h1>", 500)


accounts = APIRouter("/accounts")


@accounts.get("/{account}")
async def account(account: int) -> dict[str, int]:
    """There are five."""
    if account > 5:
        raise HTTPException(404, "no such account")
    return {"account": account, "balance": 100}


@accounts.get("/{account}/pay/{amount}")
async def pay(account: int, amount: int) -> dict[str, int]:
    """Raises what the domain raises."""
    if amount > 100:
        raise NotEnoughMoney(amount - 100)
    return {"paid": amount}


app.include_router(accounts)


@app.get("/crash")
async def crash() -> None:
    """A mistake."""
    raise RuntimeError("the password is hunter2")
