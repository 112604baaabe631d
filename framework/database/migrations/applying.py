"""One run of Alembic over a database: how it is set up, and what a failure has left."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ...imports import broken_line
from ..failures import BUSY, code_of
from .connections import reason
from .exceptions import FailedMigration, MigrationError
from .narration import narrated
from .revisions import make_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from alembic.autogenerate.api import AutogenContext
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from sqlalchemy import Connection, Engine, MetaData

    Report = Callable[[str], None]

NOT_UP_TO_DATE = (
    "The database is not at the newest revision, so the models cannot be compared with it. Run"
    " `db upgrade` first."
)
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "mysql": "MySQL", "mariadb": "MariaDB"}


@contextmanager
def explaining(engine: Engine, before: tuple[str, ...], report: Report) -> Iterator[None]:
    """Report what runs in the block, and explain what fails there.

    ``engine`` is for looking at what is left, and ``before`` what the database was at.

    :raises FailedMigration: a revision failed.
    :raises MigrationError: Alembic refused before the first.
    """
    with narrated(report) as told:
        try:
            yield
        except CommandError as error:
            raise explained(error) from None
        except Exception as error:
            step = told.lines[-1] if told.lines else "The run"
            raise FailedMigration(_failure(error, step, engine, before)) from error


def current(engine: Engine) -> tuple[str, ...]:
    """The revisions a database is at."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_heads()


def online(folder: Path, connection: Connection, metadata: MetaData | None) -> Config:
    """Alembic's configuration for work on a database."""
    options = {"connection": connection}
    return _config(folder, metadata, connection.dialect.name, options)


def offline(folder: Path, dialect: str, metadata: MetaData | None) -> Config:
    """Alembic's configuration for statements that are printed."""
    options = {"dialect_name": dialect, "literal_binds": True, "output_buffer": sys.stdout}
    return _config(folder, metadata, dialect, options)


def _config(
    folder: Path, metadata: MetaData | None, dialect: str, options: dict[str, Any]
) -> Config:
    def run(context: EnvironmentContext) -> None:
        context.configure(
            target_metadata=metadata,
            # A table of SQLite is changed by copying it; elsewhere this is a plain ALTER TABLE.
            render_as_batch=True,
            compare_type=True,
            # Alembic thinks of SQLite as Python has it, which begins nothing before a CREATE TABLE.
            transactional_ddl=True if dialect == "sqlite" else None,
            process_revision_directives=_leave_out_empty,
            render_item=_import_own_types,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations()

    config = make_config(folder)
    config.attributes["run"] = run
    return config


def _leave_out_empty(_context: object, _revision: object, directives: list[Any]) -> None:
    if all(script.upgrade_ops.is_empty() for script in directives):
        directives.clear()


def _import_own_types(kind: str, found: object, context: AutogenContext) -> Literal[False]:
    """Have the revision import the module of a column type that is not SQLAlchemy's."""
    module = type(found).__module__
    if kind == "type" and not module.startswith("sqlalchemy."):
        context.imports.add(f"import {module}")
    return False


def explained(error: CommandError) -> MigrationError:
    """What Alembic refuses, with the way out where it is ours to know."""
    text = str(error)
    if "not up to date" in text:
        text = NOT_UP_TO_DATE
    return MigrationError(text)


def _failure(error: Exception, step: str, engine: Engine, before: tuple[str, ...]) -> str:
    said = reason(error)
    if not isinstance(error, SQLAlchemyError):
        said = f"{type(error).__name__}: {said}"
    place = broken_line(error)
    lines = [f"{step} failed: {said}"] + ([f"  in {place}"] if place else [])
    if isinstance(error, DBAPIError) and code_of(error) in BUSY:
        lines.append(
            "Somebody used the table for longer than --lock-timeout allows to wait, since visitors"
            " would have waited behind. Try again, or end what uses it."
        )
    return "\n".join([*lines, _left(engine, before)])


def _left(engine: Engine, before: tuple[str, ...]) -> str:
    """What the failure has left, which the database knows best."""
    name = NAMES.get(engine.dialect.name, engine.dialect.name)
    try:
        now = current(engine)
    except SQLAlchemyError as error:
        return f"What is left of it cannot be looked up: {reason(error)}."
    if engine.dialect.name in {"postgresql", "sqlite"}:
        if now == before:
            return f"{name} has rolled all of it back: the database is at {at(now)}, as before."
        return f"{name} has rolled back what was not committed: the database is at {at(now)}."
    return (
        f"{name} cannot roll back a change of a table: the database is at {at(now)}, and what the"
        " failed revision did up to its last such change has stayed. Undo that by hand, and try"
        " again."
    )


def at(revisions: tuple[str, ...]) -> str:
    """A database's revision, in words."""
    return f"revision {', '.join(revisions)}" if revisions else "no revision"
