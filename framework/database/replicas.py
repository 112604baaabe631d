"""Read replicas: which one answers a request, and whether it has come far enough for its visitor.

A replica is a hot standby of PostgreSQL that follows the primary, usually by milliseconds. Each
connection to one is asked how far it has come, and it is asked again only for visitors who have
seen the database further on than that: what has been applied stays applied for as long as the
connection lives.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, TimeoutError

from .exceptions import DatabaseConfigError
from .positions import PositionCookies
from .urls import read_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import URL, Connection, Engine

    from .database import Database

logger = logging.getLogger(__name__)

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds a replica that failed is left alone; doubled each time it fails again."""

SETTING = "DATABASE_REPLICA_URLS"

APPLIED = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END"
WRITTEN = "SELECT pg_current_wal_insert_lsn() - '0/0'"
"""The end of the log, of which the commit before is a part. What has been flushed or sent ends
earlier when commits are asynchronous."""
HAS_WRITTEN = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"

CONNECT = "connect_timeout"
_APPLIED = "applied"


class Replicas:
    """The replicas of a database; connects when one is first asked.

    :param secure_cookies: whether visitors' positions travel over https only.
    :raises DatabaseConfigError: a URL cannot be used.
    """

    def __init__(self, database: Database, urls: Sequence[str], *, secure_cookies: bool) -> None:
        if database.url.get_backend_name() != "postgresql":
            raise DatabaseConfigError(
                f"{SETTING}: only PostgreSQL tells how far a replica is, and {database.origin} is"
                f" {database.url.get_backend_name()}. Leave the replicas out."
            )
        self.cookies = PositionCookies(secure=secure_cookies)
        self._all = [Replica(database, read_url(url, SETTING)) for url in urls]

    def connect(self, position: int) -> Connection | None:
        """Return a connection to a replica that shows all up to ``position``.

        ``None`` if there is none at the moment.
        """
        candidates = [replica for replica in self._all if replica.is_due()]
        for replica in random.sample(candidates, len(candidates)):
            connection = replica.connect(position)
            if connection is not None:
                return connection
        return None


class Replica:
    """One replica, and whether it is worth asking at the moment."""

    def __init__(self, database: Database, url: URL) -> None:
        if url.get_backend_name() != "postgresql":
            shown = url.render_as_string(hide_password=True)
            raise DatabaseConfigError(
                f"{SETTING}: {shown!r} is not the URL of a PostgreSQL server."
            )
        self.name = url.render_as_string(hide_password=True)
        self._database = database
        # The primary answers while this is found out, so it need not take long.
        self._url = url if CONNECT in url.query else url.update_query_dict({CONNECT: "2"})
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._pause = 0.0
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether to ask it now. While it is down, one request at a time finds out again."""
        now = time.monotonic()
        if now < self._due:
            return False
        if self._pause:
            self._due = now + self._pause
        return True

    def connect(self, position: int) -> Connection | None:
        """Return a connection if it shows all up to ``position``, else ``None``."""
        try:
            connection = self._ready_engine().connect()
        except (DBAPIError, TimeoutError) as error:
            self._leave_alone(str(getattr(error, "orig", error)))
            return None
        try:
            if self._shows(connection, position):
                return connection
        except BaseException as error:
            # Whatever it was: this connection is not for the next request.
            connection.invalidate()
            connection.close()
            if not isinstance(error, driver_error(connection)):
                raise
            self._leave_alone(str(error))
            return None
        connection.close()
        return None

    def _shows(self, connection: Connection, position: int) -> bool:
        known: int = connection.info.get(_APPLIED, -1)
        if known < position:
            (applied,) = ask(connection, APPLIED)
            if applied is None:
                self._leave_alone("it is no replica: it writes by itself")
                return False
            known = connection.info[_APPLIED] = int(applied)
        self._pause = self._due = 0.0
        return known >= position

    def _ready_engine(self) -> Engine:
        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    self._engine = self._database.open_engine(self._url)
        return self._engine

    def _leave_alone(self, reason: str) -> None:
        self._pause = min(max(2 * self._pause, SHORTEST_PAUSE), LONGEST_PAUSE)
        self._due = time.monotonic() + self._pause
        logger.warning(
            "Replica %s is left alone for %g s: %s",
            self.name,
            self._pause,
            " ".join(reason.split()),
        )


def ask(connection: Connection, query: str, *, inside: bool = False) -> Any:
    """Return the row that answers ``query``.

    Unless ``inside`` the transaction that has begun, it is asked in none, which is one round trip
    and not three. That is also why what is read afterwards is not older than the answer: a
    transaction that reads repeatably would show the moment at which it began, before the answer.
    """
    proxy: Any = connection.connection
    if inside:
        return _row(proxy, query)
    driver = proxy.dbapi_connection
    before, driver.autocommit = driver.autocommit, True
    try:
        return _row(proxy, query)
    finally:
        driver.autocommit = before


def _row(proxy: Any, query: str) -> Any:
    cursor = proxy.cursor()
    try:
        cursor.execute(query)
        return cursor.fetchone()
    finally:
        cursor.close()


def driver_error(connection: Connection) -> type[Exception]:
    """Return the base of what :func:`ask` raises when the server cannot answer."""
    error: type[Exception] = connection.dialect.loaded_dbapi.Error
    return error
