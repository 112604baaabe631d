"""What connections to PostgreSQL need beyond a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy import Engine

KEEPALIVES: dict[str, int] = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A query to a machine that vanished ends after 30 seconds; without them after some 15 minutes."""


NO_RESET: dict[str, Any] = {"pool_reset_on_return": None}
"""For an engine whose connections :func:`prepare` has roll back themselves where they have to."""

_IDLE = 0
"""libpq's PQTRANS_IDLE: no transaction has begun."""


def prepare(engine: Engine, *, resets: bool) -> None:
    """Have connections reset cheaply, and find out whether a pooler is in between.

    Behind a pooler such as PgBouncer the next transaction may run on another server connection,
    which does not know the statements that psycopg prepared on this one; so it is told to prepare
    none.

    :param resets: whether connections that are given back are to be rolled back here.
    """
    if engine.dialect.driver != "psycopg":
        return

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        if is_pooled(connection):
            connection.prepare_threshold = None

    if not resets:
        return

    @event.listens_for(engine, "reset")
    def roll_back(connection: Any, _record: Any, _state: Any) -> None:
        # After a commit the pool would have the driver do this once more, for nothing.
        if connection.pgconn.transaction_status != _IDLE:
            connection.rollback()


def is_pooled(connection: Any) -> bool:
    """Whether the process at the other end is another than the one that runs statements.

    The server's greeting tells the process id of its backend, and a pooler makes one up.
    """
    connection.autocommit = True
    try:
        (backend,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    finally:
        connection.autocommit = False
    return bool(backend != connection.info.backend_pid)
