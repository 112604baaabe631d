"""An app with a table of notes, on each database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework import Rule
from tests.framework.database.notes import Base, count, used_connections, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import MakeApp

    from framework import App, Request
    from framework.routing.blueprints import Item
    from tests.mariadb import MariaDBDatabase
    from tests.postgres import PostgresDatabase

    MakeNotes = Callable[..., App]


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: SQLite's, unless the test asks for another."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/notes.db"
    fixture = {"postgresql": "postgres", "mariadb": "mariadb"}[kind]
    database: PostgresDatabase | MariaDBDatabase = request.getfixturevalue(fixture)
    return database.url


@pytest.fixture
def notes_app(make_app: MakeApp) -> Iterator[MakeNotes]:
    """Make an app on the database of a URL, with its tables unless it cannot be reached."""
    apps: list[App] = []

    def make(url: str, *urls: Item, tables: bool = True, **options: Any) -> App:
        app = make_app(*urls, database_url=url, **options)
        apps.append(app)
        if tables:
            with app.database.session() as db:
                Base.metadata.create_all(db.connection())
        return app

    yield make
    for app in apps:
        assert used_connections(app) == 0
        app.database.close()


@pytest.fixture
def make_notes(notes_app: MakeNotes, database_url: str) -> MakeNotes:
    """Make an app on the database, whose tables are there."""

    def make(*urls: Item, **options: Any) -> App:
        return notes_app(options.pop("database_url", database_url), *urls, **options)

    return make


@pytest.fixture
def make_notes_on(notes_app: MakeNotes) -> MakeNotes:
    """Make an app on the database of a URL, which does one thing at `/`."""

    def make(url: str, act: Any = write_and_say, **options: Any) -> App:
        rule = Rule("/", act, endpoint="act", methods=["GET", "POST"])
        return notes_app(url, rule, **options)

    return make


def write_and_say(request: Request) -> str:
    if request.method == "POST":
        write(request, "note")
    return f"{count(request)} notes"
