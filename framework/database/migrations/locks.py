"""One upgrade of a database at a time, however many nodes begin one at once.

A lock ends with its holder, also with one that is killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .. import sqlite
from .exceptions import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    Report = Callable[[str], None]

# What is locked: the table in which Alembic keeps the revision.
NAME = "alembic_version"
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class Lock(Protocol):
    """A lock that is tried and not waited for; who waits asks again."""

    def acquire(self) -> bool: ...

    def holder(self) -> str:
        """Who has it, for people; empty if that cannot be told."""
        ...

    def release(self) -> None: ...


@contextmanager
def one_at_a_time(engine: Engine, *, wait: float, report: Report) -> Iterator[None]:
    """Hold the lock of a database in the block.

    :raises LockTimeout: another process held it for longer than ``wait`` seconds.
    """
    lock = lock_of(engine)
    if lock is None:
        report(f"{engine.dialect.name} has no lock here: run one upgrade at a time")
        yield
        return
    try:
        _wait_for(lock, wait, report)
        yield
    finally:
        lock.release()


def lock_of(engine: Engine) -> Lock | None:
    """The lock of the database, if there is one for its kind."""
    if engine.dialect.name == "sqlite":
        return FolderLock(sqlite.path_of(engine.url).absolute().parent)
    kinds: dict[str, Callable[[Engine], Lock]] = {
        "postgresql": PostgresLock,
        "mysql": MySQLLock,
        "mariadb": MySQLLock,
    }
    kind = kinds.get(engine.dialect.name)
    return None if kind is None else kind(engine)


def _wait_for(lock: Lock, wait: float, report: Report) -> None:
    deadline = time.monotonic() + wait
    pause = FIRST_PAUSE
    while not lock.acquire():
        holder = lock.holder()
        if time.monotonic() > deadline:
            raise LockTimeout(
                f"Another process upgrades this database{holder}, and was not done after"
                f" {wait:g} seconds. Nothing was changed here; look at what that one does, or wait"
                " longer with --wait."
            )
        if pause == FIRST_PAUSE:
            report(
                f"waiting for another process that upgrades this database{holder}, at most"
                f" {wait:g} s"
            )
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


class PostgresLock:
    """An advisory lock on a connection of its own, held by a transaction.

    A pooler in transaction mode gives every transaction a server's connection to itself, so the
    lock holds there too. CREATE INDEX CONCURRENTLY waits for every snapshot, and so:

    - The lock is tried again and again. A statement that waits for the upgrade has a snapshot, for
      which the upgrade would wait.
    - Numbers stand in the statements. One with parameters keeps its snapshot until the next one,
      or the end of the transaction (the protocol's unnamed portal).
    """

    KEY = int.from_bytes(hashlib.sha256(NAME.encode()).digest()[:8], signed=True)

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()

    def acquire(self) -> bool:
        # It idles in its transaction for as long as the upgrade takes.
        self._connection.execute(
            text(
                "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN"
                " ('idle_in_transaction_session_timeout', 'transaction_timeout')"
            )
        )
        if self._connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({self.KEY})")):
            return True
        self._connection.rollback()
        return False

    def holder(self) -> str:
        held = text(
            "SELECT pid, client_addr, to_char(xact_start, 'HH24:MI:SS')"
            " FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
            " AND (classid::bigint << 32 | objid::bigint) = :key"
            " AND pg_locks.database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database())"
        )
        found = self._connection.execute(held.bindparams(key=self.KEY)).first()
        self._connection.rollback()
        if found is None:
            return ""
        pid, address, since = found
        where = f" from {address}" if address else ""
        return f" (server process {pid}{where}, since {since})"

    def release(self) -> None:
        _close(self._connection)


class MySQLLock:
    """A named lock on a connection of its own. Its names are the server's, not the database's."""

    LONGEST_IDLE = 31_536_000
    """Seconds; the most that a server takes for ``wait_timeout``."""

    def __init__(self, engine: Engine) -> None:
        # In no transaction, which a server may end when it idles.
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # It idles for as long as the upgrade takes, and its lock would end with it.
        self._connection.execute(text(f"SET SESSION wait_timeout = {self.LONGEST_IDLE}"))
        # A name may have 64 characters.
        database = hashlib.sha256((engine.url.database or "").encode()).hexdigest()[:32]
        self._name = f"{NAME}.{database}"

    def acquire(self) -> bool:
        lock = text("SELECT GET_LOCK(:name, 0)").bindparams(name=self._name)
        return bool(self._connection.scalar(lock))

    def holder(self) -> str:
        used = text("SELECT IS_USED_LOCK(:name)").bindparams(name=self._name)
        found = self._connection.scalar(used)
        return "" if found is None else f" (connection {found})"

    def release(self) -> None:
        _close(self._connection)


def _close(connection: Connection) -> None:
    with connection:
        try:
            connection.rollback()
        except SQLAlchemyError:
            # The server has ended it, and the lock with it; what failed besides is told elsewhere.
            connection.invalidate()


class FolderLock:
    """A lock on the folder of a database file, for SQLite.

    The file itself has SQLite's own locks, and a file beside it would be left over.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY)

    def acquire(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def holder(self) -> str:
        return ""

    def release(self) -> None:
        os.close(self._descriptor)
