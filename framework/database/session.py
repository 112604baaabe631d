"""DatabaseSession: SQLAlchemy's session, with what views ask for again and again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.orm import ORMExecuteState, Session
from werkzeug.exceptions import NotFound

from . import pagination
from .exceptions import AlreadyAnswered
from .failures import LOST_IN_COMMIT

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.sql.selectable import TypedReturnsRows
    from werkzeug.wrappers import Response

    from ..wrappers import Request
    from .database import Database
    from .ordering import AnySelect
    from .pagination import KeysetPage, OffsetPage

SERVER_ERROR = 500

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Of requests that are not meant to write (RFC 9110, section 9.2.1)."""

Row = TypeVar("Row")
logger = logging.getLogger(__name__)


class DatabaseSession(Session):
    """SQLAlchemy's session; what it gives out can still be read after the commit.

    Views have it as ``request.db``, everything else opens one with ``app.database.session()``. It
    takes a connection from the pool at the first statement and gives it back with every commit and
    rollback. One thread at a time may use it.
    """

    has_plain_end: ClassVar[bool] = True
    """Whether a request ends with nothing but a commit."""

    _is_over: bool = False
    """Whether the request is over that it belongs to."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        base = DatabaseSession
        cls.has_plain_end = (
            cls.tell is base.tell
            and cls.prepare_commit is base.prepare_commit
            and cls.commit_for is base.commit_for
        )

    def __init__(self, database: Database, request: Request | None = None) -> None:
        super().__init__(
            database.engine_for(request), expire_on_commit=False, close_resets_only=False
        )
        self.database = database
        self.request = request
        """The request it belongs to; ``None`` outside of requests."""

    @property
    def reader(self) -> DatabaseSession:
        """A session for reading from a replica; this one where there is none."""
        return self

    def one_or_404(self, statement: TypedReturnsRows[Row]) -> Row:
        """Return the only object or value of a statement; ``NotFound`` if there is none.

        With several it raises SQLAlchemy's ``MultipleResultsFound``.
        """
        try:
            return self.scalars(statement).one()
        except NoResultFound:
            raise NotFound from None

    def get_or_404(self, entity: type[Row], key: Any, **options: Any) -> Row:
        """Return the object with a primary key; ``NotFound`` if there is none.

        ``options`` are those of SQLAlchemy's ``get``.
        """
        found = self.get(entity, key, **options)
        if found is None:
            raise NotFound
        return found

    @overload
    def offset_page(
        self, statement: Select[Row], number: int = 1, size: int = 20
    ) -> OffsetPage[Row]: ...
    @overload
    def offset_page(
        self, statement: AnySelect, number: int = 1, size: int = 20
    ) -> OffsetPage[Any]: ...
    def offset_page(self, statement: AnySelect, number: int = 1, size: int = 20) -> OffsetPage[Any]:
        """Return one page of a statement's rows by its number; the first is 1.

        ``NotFound`` for a number that no page has. The statement needs an ``order_by``.
        """
        return pagination.offset_page(self, statement, number, size)

    @overload
    def keyset_page(
        self, statement: Select[Row], after: str | None = None, size: int = 20
    ) -> KeysetPage[Row]: ...
    @overload
    def keyset_page(
        self, statement: AnySelect, after: str | None = None, size: int = 20
    ) -> KeysetPage[Any]: ...
    def keyset_page(
        self, statement: AnySelect, after: str | None = None, size: int = 20
    ) -> KeysetPage[Any]:
        """Return the page at a cursor, which the page before or after it told; else the first.

        Rows are in the order of the statement, and of the primary key where that is the same.
        ``BadRequest`` for what is no cursor of this list.
        """
        return pagination.keyset_page(self, statement, after, size)

    def prepare_commit(self, response: Response) -> None:
        """Send what has not been sent yet; roll back instead if the answer is a server error."""
        if response.status_code >= SERVER_ERROR:
            self.abandon()
        else:
            self.flush()

    def commit_for(self, response: Response) -> None:
        """Commit, unless the answer is a server error."""
        if response.status_code < SERVER_ERROR:
            self.commit()

    def commit(self) -> None:
        """Commit what is in progress.

        If the connection is lost meanwhile, SQLAlchemy's error has a note that it is not known
        whether the commit took place.
        """
        try:
            super().commit()
        except DBAPIError as error:
            # A request that was not meant to write has nothing to be unsure of.
            safe = self.request is not None and self.request.method in SAFE_METHODS
            if error.connection_invalidated and not safe:
                error.add_note(LOST_IN_COMMIT)
            raise

    def expunge_all(self) -> None:
        """Detach all objects; not at the end of a request, for then they go with this session."""
        # It takes 44,000 instructions even without objects: half of what we added to SQLAlchemy.
        if not self._is_over:
            super().expunge_all()

    def abandon(self) -> None:
        """Roll back, also when the connection is beyond that."""
        try:
            self.rollback()
        except Exception:
            logger.warning("A transaction could not be rolled back", exc_info=True)

    def give_back(self) -> None:
        """Close for good, also when the connection is beyond a rollback.

        What came from here and outlives the request is detached as soon as nothing holds this
        session any more.
        """
        self._is_over = True
        try:
            self.close()
        except Exception:
            logger.warning("A database session could not be closed in order", exc_info=True)
        finally:
            # They refer to each other, and would both wait for the garbage collector.
            self.request = None

    def refuse_writes(self) -> None:
        """Raise ``AlreadyAnswered`` for what is written from now on, for nobody will commit it."""
        if event.contains(self, "before_flush", _refuse_flush):
            return
        # Of this one session: listeners on all of them would cost each request something.
        event.listen(self, "before_flush", _refuse_flush)
        event.listen(self, "do_orm_execute", _refuse_statement)
        self.bind = self.database.reading_engine

    def tell(self, request: Request, response: Response) -> None:
        """Add to an answer what the visitor's next requests have to know; here nothing.

        Called once for each answer, committed or not, before its first byte.
        """


def _refuse_flush(session: Session, *_: Any) -> None:
    if session.new or session.deleted or any(map(session.is_modified, session.dirty)):
        _refuse()


def _refuse_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        _refuse()


def _refuse() -> None:
    raise AlreadyAnswered(
        "This is written after the answer, which said that everything was committed. A streamed"
        " body or a teardown hook writes with: with app.database.session() as db: ..."
    )
