"""The list of chores. Knows its table and its page; who asks is told by accounts.py."""

from typing import Annotated, Any

from sqlalchemy import select

from nest.accounts import CurrentUser
from nest.database import Chore, Database
from nest.pages import templates
from velocipy import APIRouter, Form, Header, HTTPException, RedirectResponse, Request, Response

router = APIRouter()

OfHtmx = Annotated[bool, Header(alias="hx-request")]


@router.get("/", name="chores")
async def show(request: Request, user_id: CurrentUser, database: Database) -> Response:
    """The whole page."""
    found = await database.scalars(select(Chore).where(Chore.owner_id == user_id).order_by(Chore.id))
    return templates.TemplateResponse("chores.html", {"chores": found.all()}, request=request)


@router.post("/chores", name="add_chore")
async def add(
    request: Request,
    user_id: CurrentUser,
    database: Database,
    title: Annotated[str, Form(min_length=1, max_length=200)],
    of_htmx: OfHtmx = False,
) -> Response:
    """Without a script the page again; htmx gets the new row alone."""
    chore = Chore(title=title, done=False, owner_id=user_id)
    database.add(chore)
    await database.flush()
    return answer(request, of_htmx, chore)


@router.post("/chores/{chore_id:int}/done", name="toggle_chore")
async def toggle(
    request: Request, chore_id: int, user_id: CurrentUser, database: Database, of_htmx: OfHtmx = False
) -> Response:
    """Done, or not done after all."""
    chore = await own(database, user_id, chore_id)
    chore.done = not chore.done
    return answer(request, of_htmx, chore)


@router.post("/chores/{chore_id:int}/delete", name="delete_chore")
async def delete(
    request: Request, chore_id: int, user_id: CurrentUser, database: Database, of_htmx: OfHtmx = False
) -> Response:
    """Gone; htmx puts nothing in the place of the row."""
    await database.delete(await own(database, user_id, chore_id))
    return answer(request, of_htmx, None)


async def own(database: Any, user_id: int, chore_id: int) -> Chore:
    """A chore of this user's; those of others are as unknown as those that never were."""
    chore: Chore | None = await database.get(Chore, chore_id)
    if chore is None or chore.owner_id != user_id:
        raise HTTPException(404, "no such chore")
    return chore


def answer(request: Request, of_htmx: bool, chore: Chore | None) -> Response:
    """A row, or nothing, for htmx; the way back to the page for everybody else."""
    if not of_htmx:
        return RedirectResponse(request.url_for("chores"), 303)
    if chore is None:
        return Response("", media_type="text/html; charset=utf-8")
    return templates.TemplateResponse("row.html", {"chore": chore}, request=request)
