"""`db`: the schema of an app's database, from its models to revisions and into the database."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exceptions import SetupError
from .target import app_option, load_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..database.migrations import Migrations

DIFFERS = 1
FAILED = 1
LOCK_WAIT = 600.0
LOCK_TIMEOUT = 10.0


class DatabaseError(click.ClickException):
    """What was asked for cannot be done, and nothing was changed; the exit code is 2."""

    exit_code = 2


class MigrationFailed(click.ClickException):
    """A revision failed."""

    exit_code = FAILED


class Group(click.Group):
    """Turns what is wrong with the database, the revisions or the models into a message."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SetupError as error:
            from ..database.migrations.exceptions import FailedMigration

            if isinstance(error, FailedMigration):
                raise MigrationFailed(str(error)) from None
            raise DatabaseError(str(error)) from None


@click.group(cls=Group)
def db() -> None:
    """Keep the database's tables as the app's models say.

    `revision` compares the two and writes a revision, a file to look over and to commit; `upgrade`
    applies those that a database lacks. The app says where its models are: App(...,
    models="shop.models:Base"). The revisions are in migrations/versions in its package.
    """


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
sql_option = click.option(
    "--sql", is_flag=True, help="Print the statements, and connect to nothing."
)


def changing(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of what changes the database."""
    for option in (
        click.option(
            "--lock-timeout",
            type=click.FloatRange(min=0),
            default=LOCK_TIMEOUT,
            show_default=True,
            metavar="SECONDS",
            help="How long a statement may wait for others who use a table; 0: as it takes.",
        ),
        click.option(
            "--wait",
            type=click.FloatRange(min=0),
            default=LOCK_WAIT,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for another process that changes the database.",
        ),
        sql_option,
        app_option,
    ):
        command = option(command)
    return command


@db.command()
@click.option("-m", "--message", required=True, metavar="TEXT", help="What it is for, in short.")
@click.option(
    "--autogenerate/--empty",
    default=True,
    help="Fill it in from the models (the default), or leave that to you.",
)
@app_option
def revision(message: str, autogenerate: bool, app: str) -> None:
    """Write a revision. Look it over: a renamed column is found as one dropped and one added."""
    found = migrations(app)
    if autogenerate:
        written = found.write(message, report=click.echo)
    else:
        written = found.write_empty(message)
    if written is None:
        click.echo("The database is as the models say: there is nothing to write.")
    else:
        click.echo(shown(written.file))


@db.command()
@click.option("-m", "--message", default="merge", show_default=True, metavar="TEXT")
@app_option
def merge(message: str, app: str) -> None:
    """Write a revision that follows two that were made beside each other."""
    click.echo(shown(migrations(app).merge(message).file))


@db.command()
@click.argument("revision", default="head")
@changing
def upgrade(revision: str, app: str, sql: bool, wait: float, lock_timeout: float) -> None:
    """Bring the database to REVISION, by default to the newest.

    Of several processes that do this at once, one does it and the others wait. Exit code 1 if a
    revision failed, 2 if nothing could be begun.
    """
    found = migrations(app, wait=wait, lock_timeout=lock_timeout)
    if sql:
        from alembic.command import upgrade as action

        found.print_sql(action, revision)
    else:
        found.upgrade(revision, report=click.echo)


@db.command(context_settings={"ignore_unknown_options": True})
@click.argument("revision")
@changing
def downgrade(revision: str, app: str, sql: bool, wait: float, lock_timeout: float) -> None:
    """Bring the database back to REVISION: an id, -1 for one step, or base for none.

    What the revisions added is dropped, with the data in it. --sql needs FROM:TO.
    """
    found = migrations(app, wait=wait, lock_timeout=lock_timeout)
    if sql:
        from alembic.command import downgrade as action

        found.print_sql(action, revision)
    else:
        found.downgrade(revision, report=click.echo)


@db.command()
@app_option
@json_option
def history(app: str, as_json: bool) -> None:
    """Show the revisions, the newest first, and which the database is at."""
    found = migrations(app)
    revisions = found.revisions().newest_first()
    current = current_or_unknown(found)
    if as_json:
        rows = [
            {**dataclasses.asdict(one), "current": None if current is None else one.id in current}
            for one in revisions
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    if not revisions:
        click.echo(f"There is no revision in {shown(str(found.folder))} yet.")
    for one in revisions:
        here = "  (the database)" if current and one.id in current else ""
        click.echo(f"{one.id}  {one.message}{here}")


@db.command()
@app_option
@json_option
def current(app: str, as_json: bool) -> None:
    """Show which revision the database is at, and how many it lacks."""
    found = migrations(app)
    at = found.current()
    revisions = found.revisions()
    revisions.check_known(at)
    behind = revisions.behind(at)
    if as_json:
        click.echo(
            json.dumps({"current": list(at), "heads": list(revisions.heads), "behind": behind})
        )
        return
    for name in at or ("none",):
        one = revisions.find(name)
        click.echo(f"{one.id}  {one.message}" if one else "The database has no revision yet.")
    if behind:
        click.echo(f"It lacks {behind} of {len(revisions.newest_first())} revisions.")


@db.command()
@app_option
@click.pass_context
def check(context: click.Context, app: str) -> None:
    """Compare the models with the database; exit 1 if a revision is missing for them."""
    differences = migrations(app).differences()
    for line in differences:
        click.echo(line)
    if differences:
        click.echo("The models have what no revision does. Write one with `db revision`.")
        context.exit(DIFFERS)
    click.echo("The database is as the models say.")


def migrations(app: str, **options: Any) -> Migrations:
    from ..database.migrations import Migrations

    return Migrations(load_app(app), **options)


def current_or_unknown(found: Migrations) -> tuple[str, ...] | None:
    """Where the database is; None, and a word to the user, if it cannot be asked."""
    try:
        return found.current()
    except SetupError as error:
        click.echo(f"Which one the database is at is not known. {error}", err=True)
        return None


def shown(file: str) -> str:
    """The path as it is shortest from here."""
    path, here = Path(file).resolve(), Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
