"""The revisions of an app: the files in its folder ``migrations/versions``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from ...suggestions import did_you_mean
from .exceptions import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.script import Script

ENVIRONMENT = Path(__file__).parent / "environment"
FILE_NAME = "%(year)d%(month).2d%(day).2d_%(rev)s_%(slug)s"


@dataclass(frozen=True)
class Revision:
    """One step of the schema."""

    id: str
    message: str
    parents: tuple[str, ...]
    """The revisions before it; none for the first, two for a merge."""
    file: str

    @classmethod
    def of(cls, script: Script) -> Revision:
        before = script.down_revision or ()
        parents = (before,) if isinstance(before, str) else tuple(before)
        return cls(script.revision, script.doc, parents, str(script.path))


class Revisions:
    """The revisions in a folder, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._directory = ScriptDirectory.from_config(make_config(folder))
        try:
            self.heads = tuple(self._directory.get_heads())
        except Exception as error:
            # The files are modules of the app, and are imported to be read.
            raise MigrationError(f"The revisions in {folder} cannot be read: {error}") from error

    def newest_first(self) -> list[Revision]:
        return [Revision.of(script) for script in self._directory.walk_revisions()]

    def find(self, revision: str) -> Revision | None:
        """The revision of that id, or of the one id that begins so."""
        try:
            script = self._directory.get_revision(revision)
        except (CommandError, RevisionError):
            return None
        return None if script is None else Revision.of(script)

    def behind(self, current: Iterable[str]) -> int:
        """How many revisions a database lacks that is at ``current``."""
        map = self._directory.revision_map
        done = {script.revision for script in map.iterate_revisions(tuple(current), "base")}
        return sum(script.revision not in done for script in self._directory.walk_revisions())

    def check_one_head(self) -> None:
        """:raises MigrationError: two revisions follow the same one, so none is the newest."""
        if len(self.heads) < 2:
            return
        found = [Revision.of(self._directory.get_revision(head)) for head in self.heads]
        lines = [f"{one.id} ({one.message}), {Path(one.file).name}" for one in found]
        raise MigrationError(
            "\n  ".join(["There is more than one newest revision:", *lines])
            + "\nThey were made beside each other. `db merge` writes a revision that follows all"
            " of them; or have one follow the other by its down_revision."
        )

    def check_named(self, target: str) -> None:
        """:raises MigrationError: ``target`` is meant for a revision, and there is none such."""
        # What has a meaning of its own is Alembic's to judge: head, base, +1, -1, abc+1, abc@head.
        name = target.partition("+")[0].partition("-")[0]
        if not name or name in {"head", "heads", "base", "current"} or "@" in name:
            return
        if self.find(name) is None:
            known = [revision.id for revision in self.newest_first()]
            raise MigrationError(
                f"There is no revision {name!r} in {self.folder}."
                + (did_you_mean(name, known) or " `db history` shows those there are.")
            )

    def check_known(self, current: Iterable[str]) -> None:
        """:raises MigrationError: the database is at a revision that is not here."""
        unknown = [revision for revision in current if self.find(revision) is None]
        if unknown:
            raise MigrationError(
                f"The database is at revision {', '.join(unknown)}, which is not in {self.folder}:"
                " newer code than this has upgraded it, or another app's. Use the code that has"
                " this revision, also to downgrade from it; or check DATABASE_URL."
            )


def make_config(folder: Path) -> Config:
    """Return Alembic's configuration for the revisions in ``folder``."""
    # What it would print is for users of its own command.
    config = Config(cmd_opts=Namespace(quiet=True))
    options = {
        "script_location": str(ENVIRONMENT),
        "version_locations": str(folder),
        "path_separator": "newline",
        "file_template": FILE_NAME,
        "timezone": "UTC",
    }
    for name, value in options.items():
        # Values are templates of configparser.
        config.set_main_option(name, value.replace("%", "%%"))
    return config
