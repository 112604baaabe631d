"""What the visitor is told when the database fails, from what SQLAlchemy and the drivers raise.

Only what passes is translated: no connection, a deadlock. A statement that is wrong stays an
exception like any other, and so does a constraint that is violated, which is the app's to handle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError

from .exceptions import CommitUnknown, DatabaseConflict, DatabaseUnavailable

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

LOST_IN_COMMIT = "The connection was lost during the commit, which may have taken place or not."
"""The note on an error after which nobody knows."""

MYSQL_ROLLED_BACK = frozenset({1213, 1020})
"""Deadlock; a row that changed since the snapshot. The server ends the whole transaction."""

CONFLICTS = frozenset({"40001", "40P01"}) | MYSQL_ROLLED_BACK
"""Serialization failure, deadlock; the same on MySQL."""

BUSY = frozenset({"55P03", 1205, 3572})
"""A lock that was not available in time."""

REFUSED = frozenset({"53300", "53400", "57P01", "57P02", "57P03", 1040, 1203, 1053})
"""Too many connections; a server that stops or starts."""

_SQLITE_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")


def http_error(error: BaseException) -> HTTPException | None:
    """Return the answer for what a statement or a connection raised; ``None`` if there is none."""
    if isinstance(error, TimeoutError):
        return DatabaseUnavailable(
            "all connections of this worker are in use; a view that opens a second session while"
            " it has request.db needs two"
        )
    if not isinstance(error, DBAPIError):
        return None
    code = code_of(error)
    reason = " ".join(str(error.orig).split())
    if LOST_IN_COMMIT in getattr(error, "__notes__", ()):
        return CommitUnknown(reason)
    if code in CONFLICTS and "recovery" in reason:
        return DatabaseUnavailable(f"a replica had to give up a query: {reason}")
    if code in CONFLICTS or code == "SQLITE_BUSY_SNAPSHOT":
        return DatabaseConflict(reason)
    if str(code).startswith(_SQLITE_LOCKED):
        return DatabaseUnavailable(f"another transaction kept SQLite's only write lock: {reason}")
    if code in BUSY:
        return DatabaseUnavailable(f"a lock was not to be had in time: {reason}")
    if code in REFUSED or error.connection_invalidated or is_failed_connect(error):
        return DatabaseUnavailable(reason)
    return None


def code_of(error: DBAPIError) -> str | int | None:
    """Return the SQLSTATE, MySQL's number or SQLite's name of an error."""
    original = error.orig
    arguments = getattr(original, "args", ())
    # First, for MySQL's drivers have an SQLSTATE too, which for most is that of any other error.
    if arguments and isinstance(arguments[0], int):
        return arguments[0]
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        code = getattr(original, name, None)
        if code is not None:
            return str(code)
    return None


def is_failed_connect(error: DBAPIError) -> bool:
    """Whether it was raised where a connection was to be opened, and not by a statement."""
    return isinstance(error, OperationalError) and error.statement is None
