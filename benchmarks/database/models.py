"""The tables that are asked, what is in them, and their models in plain SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from collections.abc import Iterable

WORLDS = 1000
MOST = 10_000
"""The numbers of worlds are between 1 and this."""

MESSAGES = (
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that are not broken.",
    "After enough decimal places, nobody cares.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it to do.",
    "Emacs is a nice operating system, but I prefer UNIX.",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link.",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    '<script>alert("This should not be shown in a box.");</script>',
    "フレームワークのベンチマーク",
)
ADDED = "Additional fortune added at request time."
"""A row that the page has and the table has not."""


class Base(DeclarativeBase):
    pass


class World(Base):
    __tablename__ = "world"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class Fortune(Base):
    __tablename__ = "fortune"

    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str]


def with_driver(url: str) -> str:
    """Return the URL of a database as SQLAlchemy takes it to use psycopg 3."""
    return url.replace("postgresql://", "postgresql+psycopg://")


def fill(url: str) -> None:
    """Make the tables anew."""
    engine = create_engine(with_driver(url))
    with engine.begin() as connection:
        make_tables(connection)
    engine.dispose()


def make_tables(connection: Connection) -> None:
    Base.metadata.drop_all(connection)
    Base.metadata.create_all(connection)
    worlds = ({"id": n, "number": n * 7919 % MOST + 1} for n in range(1, WORLDS + 1))
    fortunes = ({"id": n, "message": text} for n, text in enumerate(MESSAGES, 1))
    connection.execute(insert(World), list(worlds))
    connection.execute(insert(Fortune), list(fortunes))


def document(worlds: Iterable[Any]) -> list[dict[str, int]]:
    """Return rows as they are answered in JSON."""
    return [{"id": world.id, "number": world.number} for world in worlds]


def next_number(number: int) -> int:
    """Return what an update writes in place of ``number``, always another."""
    return number % MOST + 1
