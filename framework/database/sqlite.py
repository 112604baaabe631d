"""SQLite as a server's database: many readers beside one writer, and transactions that are whole.

Python's own module begins a transaction only before the first write, so what was read before would
be no part of it. Here every transaction has its BEGIN. One that may write takes the only write lock
at once: if it took it later, and another had written meanwhile, SQLite would refuse it without
waiting.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import event
from sqlalchemy.util import asbool

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

BEGIN = "sqlite_begin"
"""The execution option with the statement that begins a transaction."""
READING = "BEGIN"
WRITING = "BEGIN IMMEDIATE"


FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two attempts to get the write lock; doubled each time."""


def prepare(engine: Engine, timeout: float) -> None:
    """Set up the connections of an engine, and how it begins transactions.

    ``timeout`` is how many seconds one waits for the write lock.
    """
    in_file = is_file(engine.url)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if has_greenlets():
            connection.execute("PRAGMA busy_timeout = 0")
        if in_file:
            # A file that others open or write meanwhile is not switched over, and SQLite says so
            # without waiting.
            deadline = time.monotonic() + timeout
            insist(connection, "PRAGMA journal_mode = WAL", deadline)
            # Who has switched it over has let go of it, and would meet others at its first read.
            insist(connection, "PRAGMA schema_version", deadline)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get(BEGIN, WRITING)
        if statement == WRITING and has_greenlets():
            driver_connection = connection.connection.driver_connection
            if get_write_lock(driver_connection, time.monotonic() + timeout):
                return
        connection.exec_driver_sql(statement)


def is_file(url: URL) -> bool:
    """Whether a URL leads to a file; a database in memory ends with its connections."""
    if not is_uri(url):
        return url.database not in {None, "", ":memory:"}
    in_memory = url.query.get("mode") == "memory" or url.query.get("vfs") == "memdb"
    return url.database not in {"file:", "file::memory:"} and not in_memory


def is_uri(url: URL) -> bool:
    """Whether what a URL names is a URI of SQLite's own, ``file:…``."""
    return (url.database or "").startswith("file:") and asbool(url.query.get("uri"))


def path_of(url: URL) -> Path:
    """Return the path of the file that a URL leads to."""
    name = url.database or ""
    return Path(unquote(urlsplit(name).path) if is_uri(url) else name)


def reading(engine: Engine) -> Engine:
    """Return an engine on the same connections for what is not meant to write, though it may."""
    return engine.execution_options(**{BEGIN: READING})


def has_greenlets() -> bool:
    """Whether gevent made this process cooperative.

    SQLite waits for its lock in C, where the greenlet that has it would get no turn.
    """
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("time"))


def get_write_lock(connection: Any, deadline: float) -> bool:
    """Begin a transaction that may write, with turns for others until it can; whether it has."""
    try:
        insist(connection, WRITING, deadline)
    except sqlite3.OperationalError:
        return False
    return True


def insist(connection: Any, statement: str, deadline: float) -> None:
    """Execute a statement again and again, with turns for others, while locks are in its way."""
    pause = FIRST_PAUSE
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorname.startswith("SQLITE_BUSY")
            if not busy or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
