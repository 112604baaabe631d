"""What connections to MySQL and MariaDB need beyond a URL.

At a deadlock these servers roll the whole transaction back, and begin another at the next
statement. A view that passes over the error would have its later changes committed without its
earlier ones. So here, as on PostgreSQL, such a transaction can only be rolled back.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from .failures import MYSQL_ROLLED_BACK, code_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import ExceptionContext

CHARSET = "utf8mb4"
"""Every character; what MySQL calls ``utf8`` has those of three bytes and fewer."""

_ROLLED_BACK_BY = "rolled_back_by"


def prepare(engine: Engine) -> None:
    """Set up the connections of an engine, and keep it from committing half a transaction."""

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        end_when_server_vanishes(connection)

    @event.listens_for(engine, "handle_error")
    def note(context: ExceptionContext) -> None:
        error, connection = context.sqlalchemy_exception, context.connection
        if (
            connection is not None
            # After a commit that failed there is nothing left to refuse.
            and context.statement is not None
            and connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT"
            and isinstance(error, DBAPIError)
            and code_of(error) in MYSQL_ROLLED_BACK
        ):
            connection.info[_ROLLED_BACK_BY] = error

    @event.listens_for(engine, "commit")
    def refuse(connection: Connection) -> None:
        error = connection.info.pop(_ROLLED_BACK_BY, None)
        if error is not None:
            # SQLAlchemy takes it that a commit which failed has ended the transaction.
            with suppress(connection.dialect.loaded_dbapi.Error):
                connection.dialect.do_rollback(connection.connection)
            raise error

    @event.listens_for(engine, "rollback_savepoint")
    def refuse_savepoint(connection: Connection, _name: str, _context: object) -> None:
        # The savepoint is gone with the rest, which would be told in place of the reason.
        if _ROLLED_BACK_BY in connection.info:
            raise connection.info[_ROLLED_BACK_BY]

    @event.listens_for(engine, "rollback")
    def forget(connection: Connection) -> None:
        if not connection.invalidated:
            connection.info.pop(_ROLLED_BACK_BY, None)


def end_when_server_vanishes(connection: Any) -> None:
    """Have a query to a machine that vanished end after 30 seconds, not after 15 minutes and more.

    Drivers other than PyMySQL do not say where their socket is, and keep the system's limits.
    """
    found = getattr(connection, "_sock", None)
    if found is None or found.family == socket.AF_UNIX:
        return
    for option, value in {
        socket.TCP_KEEPIDLE: 15,
        socket.TCP_KEEPINTVL: 5,
        socket.TCP_KEEPCNT: 3,
        socket.TCP_USER_TIMEOUT: 30_000,
    }.items():
        found.setsockopt(socket.IPPROTO_TCP, option, value)
