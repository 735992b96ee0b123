"""Tables, one engine a worker, and one transaction a request. Knows SQLAlchemy; does not know pages."""

from collections.abc import AsyncIterator
from typing import Annotated

from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from nest.settings import Settings
from velocipy import Config, Depends


class Base(DeclarativeBase):
    """What the tables have in common."""


class User(Base):
    """Somebody with an account."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))


class Chore(Base):
    """Something that somebody of the nest has to do."""

    __tablename__ = "chores"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    done: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)


async def open_engine() -> AsyncIterator[AsyncEngine]:
    """Opened when the app starts and closed when it stops. A service that has users already wants migrations instead of `create_all`."""
    engine = create_async_engine(Config.get(Settings).database_url.reveal())
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()


async def open_session(
    engine: Annotated[AsyncEngine, Depends(open_engine, scope="app")],
) -> AsyncIterator[AsyncSession]:
    """One transaction: committed before the answer is sent, rolled back where anything fails."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


Database = Annotated[AsyncSession, Depends(open_session)]
