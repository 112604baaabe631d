"""What can be done with the migrations of an app, on Alembic's library."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import make_url

from ...exceptions import SetupError
from ...imports import broken_line
from . import applying, connections
from .exceptions import MigrationError
from .locks import one_at_a_time
from .narration import narrated
from .revisions import Revision, Revisions, make_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from alembic.config import Config
    from alembic.script import Script
    from sqlalchemy import URL, Connection, MetaData

    from ...app import App

    Report = Callable[[str], None]
    Action = Callable[[Config, str], None]

LOCK_WAIT = 600.0
"""Seconds that an upgrade waits for another process's."""
LOCK_TIMEOUT = 10.0
"""Seconds that a statement of a migration waits for others who use a table."""


def silent(text: str) -> None:
    """A report that nobody reads."""


def upgrade(app: App, revision: str = "head") -> None:
    """Upgrade the database of ``app``, also from many processes at once: one does it.

    :raises MigrationError: it was not done; :class:`FailedMigration` if a revision failed.
    """
    Migrations(app).upgrade(revision)


class Migrations:
    """The migrations of an app, and the database they are for."""

    def __init__(
        self, app: App, *, wait: float = LOCK_WAIT, lock_timeout: float = LOCK_TIMEOUT
    ) -> None:
        """``wait`` is how many seconds it waits for another process that changes the database.

        ``lock_timeout`` is how many a statement waits for others who use a table; 0 is as long as
        it takes.
        """
        self.app = app
        self.wait = wait
        self.lock_timeout = lock_timeout

    @property
    def folder(self) -> Path:
        """Where the revisions are: ``migrations/versions`` in the app's package."""
        return self.app.folder / "migrations" / "versions"

    @property
    def url(self) -> URL:
        return self.app.database.url

    def revisions(self) -> Revisions:
        """The revisions, as the files are now."""
        return Revisions(self.folder)

    def _metadata(self) -> MetaData | None:
        if self.app.models is None:
            return None
        try:
            return self.app.load_metadata()
        except SetupError:
            raise
        except Exception as error:
            raise MigrationError(
                f"The models {self.app.models!r} cannot be imported: {type(error).__name__}:"
                f" {error} ({broken_line(error)})."
            ) from error

    # Looking

    def current(self) -> tuple[str, ...]:
        """The revisions the database is at; none for one without migrations."""
        if not connections.is_there(self.url):
            return ()
        engine = connections.make_engine(self.url)
        connections.check(engine)
        return applying.current(engine)

    def differences(self) -> list[str]:
        """What the models have otherwise than the database, a line each.

        :raises MigrationError: the database is not at the newest revision, or cannot be compared.
        """
        with self._comparing() as (connection, metadata), narrated(silent) as told:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            if context.get_current_heads() != self.revisions().heads:
                raise MigrationError(applying.NOT_UP_TO_DATE)
            found = compare_metadata(context, metadata)
        return told.lines or [str(difference) for difference in found]

    # Writing revisions

    def write(self, message: str, report: Report = silent) -> Revision | None:
        """Write a revision that brings the database to what the models say; none if it is there."""
        with self._comparing() as (connection, metadata), narrated(report):
            self.folder.mkdir(parents=True, exist_ok=True)
            config = applying.online(self.folder, connection, metadata)
            written = command.revision(config, message, autogenerate=True)
        return _only(written) if written else None

    def write_empty(self, message: str) -> Revision:
        """Write a revision to be filled in."""
        self.revisions().check_one_head()
        self.folder.mkdir(parents=True, exist_ok=True)
        return _only(command.revision(make_config(self.folder), message))

    def merge(self, message: str) -> Revision:
        """Write a revision that follows all the newest ones.

        :raises MigrationError: there is only one.
        """
        if len(self.revisions().heads) < 2:
            raise MigrationError("No two revisions follow the same one: there is nothing to merge.")
        return _only(command.merge(make_config(self.folder), "heads", message))

    @contextmanager
    def _comparing(self) -> Iterator[tuple[Connection, MetaData]]:
        """The database and the models, which can be compared in the block."""
        metadata = self._metadata()
        if metadata is None:
            raise MigrationError(
                "The app names no models that the database could be compared with. Write"
                f" models='{self.app.import_name}.models:Base' into its App(...); a revision"
                " without them is written by `db revision --empty`."
            )
        revisions = self.revisions()
        revisions.check_one_head()
        # SQLite would make a file only to find it empty.
        url = self.url if connections.is_there(self.url) else make_url("sqlite://")
        engine = connections.make_engine(url)
        connections.check(engine)
        revisions.check_known(applying.current(engine))
        try:
            with engine.connect() as connection:
                yield connection, metadata
        except CommandError as error:
            raise applying.explained(error) from None

    # Changing the database

    def upgrade(self, target: str = "head", report: Report = silent) -> None:
        """Bring the database to a revision, by default to the newest."""
        revisions = self.revisions()
        if target == "head":
            revisions.check_one_head()
            # So nodes that start at once, with nothing to do, do not wait for each other.
            current = self.current()
            if current == revisions.heads:
                report(f"The database is at {applying.at(current)}, the newest: nothing to do.")
                return
        self._change(command.upgrade, target, report)

    def downgrade(self, target: str, report: Report = silent) -> None:
        """Bring the database back to a revision; ``base`` is before the first."""
        self._change(command.downgrade, target, report)

    def _change(self, action: Action, target: str, report: Report) -> None:
        revisions = self.revisions()
        revisions.check_named(target)
        metadata = self._metadata()
        looking = connections.make_engine(self.url)
        connections.check(looking)
        with one_at_a_time(looking, wait=self.wait, report=report):
            before = applying.current(looking)
            revisions.check_known(before)
            if not before:
                connections.check_encoding(looking)
            changing = connections.make_engine(self.url, lock_timeout=self.lock_timeout)
            with applying.explaining(looking, before, report), changing.connect() as connection:
                action(applying.online(self.folder, connection, metadata), target)
            report(f"The database is at {applying.at(applying.current(looking))}.")

    def print_sql(self, action: Callable[..., Any], target: str) -> None:
        """Print the statements of `command.upgrade` or `command.downgrade`; connects to nothing."""
        revisions = self.revisions()
        for end in target.split(":"):
            revisions.check_named(end)
        config = applying.offline(self.folder, self.url.get_backend_name(), self._metadata())
        try:
            action(config, target, sql=True)
        except CommandError as error:
            raise applying.explained(error) from None


def _only(written: Script | list[Script | None] | None) -> Revision:
    """The revision that Alembic has written, of which there may be several in other set-ups."""
    if isinstance(written, list):
        (written,) = written
    if written is None:
        raise MigrationError("Alembic has written no revision.")
    return Revision.of(written)
