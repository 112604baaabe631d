"""A table of notes, and what tests ask about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import MetaData, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from framework.database import NAMING_CONVENTION
from framework.testing import TestClient

if TYPE_CHECKING:
    from framework import App, Request

SERVERS = [pytest.param(name, marks=pytest.mark.integration) for name in ("postgresql", "mariadb")]

ON_EACH = pytest.mark.parametrize("database_url", ["sqlite", *SERVERS], indirect=True)
"""For tests in which the databases could differ."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Note(Base):
    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(100), unique=True)


def write(request: Request, text: str) -> Any:
    request.db.add(Note(text=text))
    return text


def texts(app: App) -> list[str]:
    """What was committed, seen from outside of every request."""
    with app.database.session() as db:
        return list(db.scalars(select(Note.text).order_by(Note.id)))


def visit(app: App) -> TestClient:
    """Return a client whose requests take the fast path, which begins with the worker."""
    app.start_worker()
    return TestClient(app)


def used_connections(app: App) -> int:
    """How many connections have not been given back."""
    pool: Any = app.database.engine.pool
    return int(pool.checkedout())


def count(request: Request) -> int:
    return request.db.scalar(select(func.count()).select_from(Note)) or 0


ON_BOTH_PATHS = pytest.mark.parametrize("client_of", [visit, TestClient], ids=["fast", "general"])
"""For tests in which a request that comes before the worker has started could differ."""
