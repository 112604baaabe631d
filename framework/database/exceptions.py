"""What can go wrong with the database, as answers to the visitor and as errors for the developer.

::

    HTTPException (Werkzeug)
    ├── DatabaseUnavailable    503  no connection can be had, or it was lost; nothing was written
    ├── DatabaseConflict       409  another transaction was in the way; nothing was written
    └── CommitUnknown          500  the connection was lost during the commit
    AppError
    ├── DatabaseConfigError         DATABASE_URL, the driver or the models (also a ConfigError)
    ├── PaginationError             a statement that cannot be read in pages (also a ValueError)
    ├── ReaderIsReadOnly            written to what reads from a replica (also a RuntimeError)
    └── AlreadyAnswered             written after the commit (also a RuntimeError)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import Conflict, HTTPException, InternalServerError, ServiceUnavailable

from ..exceptions import AppError, ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _NeverStored(HTTPException):
    """An answer that is about one moment, and so nothing for a cache."""

    def __init__(self, reason: str, **options: Any) -> None:
        super().__init__(**options)
        self.reason = reason
        """For the log; the visitor is not told."""

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.reason})"

    def get_headers(
        self,
        environ: WSGIEnvironment | None = None,
        scope: dict[str, Any] | None = None,
    ) -> list[tuple[str, str]]:
        return [*super().get_headers(environ, scope), ("Cache-Control", "no-store")]


class DatabaseUnavailable(_NeverStored, ServiceUnavailable):
    """No connection can be had now, or the one in use was lost; nothing of it was written."""

    description = "The database cannot be reached at the moment. Please try again."

    def __init__(self, reason: str, *, retry_after: int = 1) -> None:
        super().__init__(reason, retry_after=retry_after)


class DatabaseConflict(_NeverStored, Conflict):
    """Another transaction was in the way: a deadlock or a serialization failure.

    The database rolled this one back, so the request can be repeated as it is.
    """

    description = "Another request changed the same data at the same moment. Please try again."


class CommitUnknown(_NeverStored, InternalServerError):
    """The connection was lost during the commit: it may have taken place or not."""

    description = (
        "The database was lost while your changes were being saved. Please look whether they were"
        " before you repeat them."
    )


class DatabaseConfigError(ConfigError):
    """The database cannot be used as it is set up; says which setting and what to write instead."""


class PaginationError(AppError, ValueError):
    """A statement cannot be read in pages, as its rows have no place of their own."""


class AlreadyAnswered(AppError, RuntimeError):
    """The request's transaction is over, and what is written now would be lost."""


class ReaderIsReadOnly(AppError, RuntimeError):
    """Something is to be written through ``reader``, which may be on a replica."""
