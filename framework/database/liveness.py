"""Whether a pooled connection still leads to its server, asked when a request takes it.

A server that stops or restarts closes its connections, and the kernel of this machine knows at
once: the socket of an idle connection has something to read. Looking there costs no round trip. A
server whose machine vanished closes nothing; but it takes a while to come back, so a connection
that was idle for longer than that is asked, as SQLAlchemy's ``pool_pre_ping`` does every time.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

if TYPE_CHECKING:
    from sqlalchemy import Engine

TRUSTED = 10.0
"""Seconds after a connection was taken for which it is not asked; no machine restarts faster."""

_TAKEN, _POLL = "taken", "poll"


def watch(engine: Engine) -> None:
    """Have an engine replace connections that were lost before a request gets one."""
    dialect = engine.dialect

    # SQLAlchemy empties the info of a record when it connects anew.
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        record.info[_POLL] = poll_of(connection)

    # Not also noted when it is given back: another listener costs each request as much as this one.
    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        info = record.info
        now = time.monotonic()
        before, info[_TAKEN] = info.get(_TAKEN), now
        if before is None:
            # It is new, and was spoken with just now.
            return
        poll = info[_POLL]
        if poll is not None and now - before < TRUSTED and not poll.poll(0):
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError(str(error)) from error


def poll_of(connection: Any) -> select.poll | None:
    """Return what tells whether something arrived on a driver's connection, were it its end.

    ``None`` for drivers other than psycopg and PyMySQL, which do not say where it would.
    """
    socket = getattr(connection, "_sock", connection)
    if not hasattr(socket, "fileno"):
        return None
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return poll
