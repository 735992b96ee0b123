"""Sign up, log in, log out, and who is signed in. Knows passwords and sessions; does not know chores."""

from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select

from nest.database import Database, User
from nest.pages import templates
from velocipy import APIRouter, Depends, Form, RedirectResponse, Request, Response, Session, guard
from velocipy.limiter import Limiter, limit, rate_limit
from velocipy.limiter.storage import MemoryStorage
from velocipy.threads import in_thread

router = APIRouter()
hasher = PasswordHasher()
NOBODY = hasher.hash("a password that no user has")

# With several workers, RedisStorage makes of their counts one.
limiter = Limiter(storage=MemoryStorage())
attempts = rate_limit(limiter, rules=[limit("10/minute", name="passwords")])

Name = Annotated[str, Form(min_length=1, max_length=40, pattern=r"[\w .-]+")]
Password = Annotated[str, Form(min_length=1, max_length=200)]


class NotSignedIn(Exception):
    """Raised by `current_user`; main.py says what is answered."""


@guard
async def current_user(session: Session) -> int:
    """The id of who is signed in."""
    user_id: int | None = session.get("user_id")
    if user_id is None:
        raise NotSignedIn
    return user_id


CurrentUser = Annotated[int, Depends(current_user)]


@router.get("/login", name="login")
async def login_page(request: Request) -> Response:
    """One page for both forms."""
    return templates.TemplateResponse("login.html", {"name": "", "error": None}, request=request)


@router.post("/login", name="log_in", dependencies=[Depends(attempts)])
async def log_in(
    request: Request, session: Session, database: Database, name: Name, password: Password
) -> Response:
    """A session for who knows the password; for everybody else the same answer in the same time."""
    user = await database.scalar(select(User).where(User.name == name))
    if not await in_thread(fits, user.password_hash if user else NOBODY, password) or user is None:
        return refused(request, name, "Name and password do not belong together.", 401)
    return welcome(request, session, user)


@router.post("/signup", name="sign_up", dependencies=[Depends(attempts)])
async def sign_up(
    request: Request, session: Session, database: Database, name: Name, password: Password
) -> Response:
    """A new account, signed in at once."""
    if len(password) < 10:
        return refused(request, name, "A password has at least 10 characters.", 400)
    if await database.scalar(select(User.id).where(User.name == name)) is not None:
        return refused(request, name, "This name is taken.", 409)
    user = User(name=name, password_hash=await in_thread(hasher.hash, password))
    database.add(user)
    await database.flush()  # which gives it its id
    return welcome(request, session, user)


@router.post("/logout", name="log_out")
async def log_out(request: Request, session: Session) -> Response:
    """Everything that was in the session goes, but for the message."""
    session.clear()
    session.flash("Good bye")
    return RedirectResponse(request.url_for("login"), 303)


def fits(password_hash: str, password: str) -> bool:
    """Whether a password is the one of the hash. Slow on purpose, so it runs in a thread."""
    try:
        return hasher.verify(password_hash, password)
    except VerificationError:
        return False


def welcome(request: Request, session: Session, user: User) -> Response:
    """Sign somebody in, under a new session: who has planted the old cookie is not let in by it."""
    session.regenerate()
    session["user_id"] = user.id
    session["name"] = user.name
    session.flash(f"Welcome, {user.name}")
    return RedirectResponse(request.url_for("chores"), 303)


def refused(request: Request, name: str, error: str, status: int) -> Response:
    """The form once more."""
    return templates.TemplateResponse(
        "login.html", {"name": name, "error": error}, request=request, status_code=status
    )
