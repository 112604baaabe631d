"""A session on the primary whose ``reader`` is on a replica, but never behind its visitor.

Every commit that wrote notes the position of the primary's log, and the visitor keeps it in a
cookie, so every node knows what this visitor has to see.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..sessions.headers import vary_by_cookie
from .exceptions import ReaderIsReadOnly
from .positions import UNKNOWN
from .replicas import HAS_WRITTEN, WRITTEN, ask, driver_error
from .session import DatabaseSession

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import SessionTransaction
    from werkzeug.wrappers import Response

    from ..wrappers import Request
    from .database import Database
    from .replicas import Replicas

logger = logging.getLogger(__name__)


class ReplicaSession(DatabaseSession):
    """A session that reads from one connection to a replica."""

    def __init__(self, database: Database, request: Request | None, connection: Connection) -> None:
        super().__init__(database, request)
        self._connection = connection

    def get_bind(self, *_: Any, **__: Any) -> Engine | Connection:
        """Return the connection; when it is lost, the primary, for it knows what was asked for."""
        return self.database.engine if self._connection.invalidated else self._connection

    def close(self) -> None:
        """End the transaction and give the connection back."""
        # Not by a rollback, at which psycopg forgets the statements that it has prepared.
        with suppress(SQLAlchemyError):
            self.commit()
        super().close()
        self._connection.close()


class ReplicatedSession(DatabaseSession):
    """The session of a database that has replicas."""

    reader_class: type[ReplicaSession] = ReplicaSession

    def __init__(self, database: Database, request: Request | None = None) -> None:
        super().__init__(database, request)
        self._replicas = cast("Replicas", database.replicas)
        self.position = 0
        """The end of the primary's log after the last commit here that wrote; 0 before any."""
        self._connection: Connection | None = None
        self._reader: DatabaseSession | None = None
        self._has_read = False
        self._flushed = False
        """Whether this transaction is known to have written, without asking."""
        self._commits_writes = False

    @property
    def reader(self) -> DatabaseSession:
        """A session for queries, on a replica if one has all that the visitor wrote.

        Without such a replica, and while this session holds what is not committed, it is this
        session itself. So ask for it each time and do not keep it over a write.
        """
        if self._is_over:
            # Closed for good, which whoever reads from it is told.
            return self
        self._has_read = True
        if self.new or self.dirty or self.deleted or self._has_written():
            return self
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader

    def prepare_commit(self, response: Response) -> None:
        super().prepare_commit(response)
        if self._reader is not None and self._reader is not self:
            # Changes there would be lost without a word.
            self._reader.flush()

    def commit(self) -> None:
        try:
            super().commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                # It may have taken place.
                self.position = UNKNOWN
            raise

    def tell(self, request: Request, response: Response) -> None:
        if self.position:
            self._replicas.cookies.write(request, response, self.position)
        if self._has_read:
            vary_by_cookie(response)

    def abandon(self) -> None:
        self._close_reader()
        super().abandon()

    def close(self) -> None:
        self._close_reader()
        super().close()

    def _open_reader(self) -> DatabaseSession:
        position = self.position
        if self.request is not None:
            position = max(position, self._replicas.cookies.read(self.request))
        connection = self._replicas.connect(position)
        if connection is None:
            return self
        return self.reader_class(self.database, self.request, connection)

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and reader is not self:
            reader.close()

    def _has_written(self) -> bool:
        """Whether the transaction that has begun, if any, has written something."""
        connection = self._connection
        if connection is None or connection.closed or not connection.in_transaction():
            return False
        if self._flushed:
            return True
        try:
            (has_written,) = ask(connection, HAS_WRITTEN, inside=True)
        except driver_error(connection):
            # It has failed, and what is read next should say so.
            return True
        return bool(has_written)


def with_replicas(session_class: type[DatabaseSession]) -> type[ReplicatedSession]:
    """Return the session class for a database with replicas; an app's own one is its base."""
    if session_class is DatabaseSession:
        return ReplicatedSession
    name = session_class.__name__
    reader_class = type(name, (ReplicaSession, session_class), {})
    return type(name, (ReplicatedSession, session_class), {"reader_class": reader_class})


@event.listens_for(ReplicaSession, "before_flush")
def _refuse(session: ReplicaSession, *_: Any) -> None:
    if session.new or session.deleted or any(map(session.is_modified, session.dirty)):
        session.expunge_all()
        raise ReaderIsReadOnly(
            "request.db.reader is for queries, and may be on a replica, which cannot be written"
            " to. Load what you change with request.db."
        )


@event.listens_for(ReplicatedSession, "after_begin")
def _note_connection(
    session: ReplicatedSession, transaction: SessionTransaction, connection: Connection
) -> None:
    if not transaction.nested:
        session._connection, session._flushed = connection, False


@event.listens_for(ReplicatedSession, "after_flush")
def _note_flush(session: ReplicatedSession, *_: Any) -> None:
    session._flushed = True


@event.listens_for(ReplicatedSession, "before_commit")
def _look_for_writes(session: ReplicatedSession) -> None:
    if not session.in_nested_transaction():
        session.flush()
        session._commits_writes = session._has_written()


@event.listens_for(ReplicatedSession, "after_commit")
def _note_position(session: ReplicatedSession) -> None:
    connection = session._connection
    if connection is None or not session._commits_writes or session.in_nested_transaction():
        return
    session._commits_writes = False
    session._close_reader()
    try:
        (position,) = ask(connection, WRITTEN)
    except driver_error(connection) as error:
        # It is committed all the same. What this visitor reads comes from the primary now.
        logger.warning("The position of a commit could not be asked for: %s", error)
        position = UNKNOWN
    session.position = max(session.position, int(position))
