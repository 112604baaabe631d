"""Connections for migrations: few, short, and set up otherwise than those of requests."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from .. import sqlite
from .exceptions import MigrationError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

# Seconds.
CONNECT_TIMEOUT = 10

# Those of MySQL's that have every character.
WHOLE_ENCODINGS = {"utf8mb4", "utf16", "utf16le", "utf32", "gb18030"}

# ALTER TABLE waits for whoever uses the table, and everybody who comes later waits for it.
LIMITS = {
    "postgresql": "SET LOCAL lock_timeout = '{seconds}s'",
    "mysql": "SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}",
}


def make_engine(url: URL, *, lock_timeout: float | None = None) -> Engine:
    """Return an engine for migrations; ``lock_timeout`` is for one that changes the database.

    It is how many seconds a statement may wait for others who use a table; 0 is as long as it
    takes. On SQLite foreign keys are not enforced, since changing a table there means to copy and
    drop it, and every transaction is a real one.
    """
    driver = url.get_driver_name()
    arguments: dict[str, Any] = {}
    if driver == "psycopg":
        # A prepared statement belongs to a server's connection, which a pooler may exchange.
        arguments = {"connect_timeout": CONNECT_TIMEOUT, "prepare_threshold": None}
    elif driver in {"psycopg2", "pymysql", "mysqldb"}:
        arguments = {"connect_timeout": CONNECT_TIMEOUT}
    elif driver == "pysqlite":
        arguments = {"timeout": lock_timeout or CONNECT_TIMEOUT}
    given = {name: value for name, value in arguments.items() if name not in url.query}
    engine = create_engine(url, poolclass=NullPool, connect_args=given)
    backend = url.get_backend_name().replace("mariadb", "mysql")
    if backend == "sqlite":
        _prepare_sqlite(engine, "BEGIN" if lock_timeout is None else "BEGIN IMMEDIATE")
    elif lock_timeout and backend in LIMITS:
        _at_begin(engine, LIMITS[backend].format(seconds=max(ceil(lock_timeout), 1)))
    return engine


def _prepare_sqlite(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    _at_begin(engine, begin)


def _at_begin(engine: Engine, statement: str) -> None:
    @event.listens_for(engine, "begin")
    def say(connection: Connection) -> None:
        # SQLAlchemy begins what it commits by itself, too.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(statement)


def check(engine: Engine) -> None:
    """Make sure that the database answers.

    :raises MigrationError: it does not, and why.
    """
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        raise MigrationError(
            f"The database at {shown(engine.url)} cannot be used: {reason(error)}."
            f"{_way_out(engine.url)}"
        ) from None


def check_encoding(engine: Engine) -> None:
    """Make sure that new tables can hold every character, which MySQL leaves to the database.

    :raises MigrationError: they cannot; says how to change that.
    """
    if engine.url.get_backend_name() not in {"mysql", "mariadb"}:
        return
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT @@character_set_database"))
    if found not in WHOLE_ENCODINGS:
        raise MigrationError(
            f"The database at {shown(engine.url)} would make tables in the character set {found},"
            " which does not have every character. Run `ALTER DATABASE"
            f" {engine.url.database} CHARACTER SET utf8mb4`, which leaves existing tables alone."
        )


def _way_out(url: URL) -> str:
    if url.get_backend_name() != "sqlite":
        return " Check DATABASE_URL, and whether the server runs."
    folder = sqlite.path_of(url).absolute().parent
    return "" if folder.is_dir() else f" There is no folder {folder}."


def is_there(url: URL) -> bool:
    """Whether the database may be looked at: SQLite would make a file that is not there."""
    return url.get_backend_name() != "sqlite" or sqlite.path_of(url).exists()


def shown(url: URL) -> str:
    """The URL without its password."""
    return url.render_as_string(hide_password=True)


def reason(error: BaseException) -> str:
    """What a driver says, in one line."""
    original = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(original).__name__
