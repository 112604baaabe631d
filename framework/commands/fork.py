"""`fork`: a copy of this package under another name, which keeps up with newer versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..forking import fork as forks
from ..forking.exceptions import ForkError
from ..forking.merging import uncommitted
from ..forking.upstream import PACKAGE, installed

if TYPE_CHECKING:
    from ..forking.fork import Update
    from ..forking.upstream import Upstream

HAS_CONFLICTS = 1
FAILED = 2


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--diff", is_flag=True, help="Show what was changed in the fork at PATH.")
@click.option("--update", is_flag=True, help="Merge the installed version into the fork at PATH.")
@click.option("--undo", is_flag=True, help="Take the last update of the fork at PATH back.")
@click.option("--dry-run", is_flag=True, help="With --update: say what would change, and stop.")
@click.option("--force", is_flag=True, help="Also where changes could be lost or mixed up.")
@click.pass_context
def fork(
    context: click.Context,
    path: Path,
    diff: bool,
    update: bool,
    undo: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Copy the framework to PATH, a folder whose name becomes the package's.

    The fork is yours to change. It remembers where it came from, so --diff shows your changes, and
    --update merges a newer version into it: where both sides changed the same lines you get both,
    between conflict markers, and exit code 1.
    """
    if diff + update + undo > 1:
        raise click.UsageError("Say one of --diff, --update and --undo.")
    if dry_run and not update:
        raise click.UsageError("--dry-run belongs to --update.")
    path = path.resolve()
    try:
        if diff:
            click.echo(forks.diff(path), nl=False)
        elif update:
            context.exit(run_update(context, path, dry_run=dry_run, force=force))
        elif undo:
            click.echo(
                f"{shown(path)} is as it was before its update, a fork of "
                f"{forks.undo(path, force=force)}."
            )
        else:
            create(path, installed())
    except ForkError as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(FAILED)


def create(path: Path, upstream: Upstream) -> None:
    forks.create(path, upstream)
    click.echo(
        f"Forked {forks.label(upstream)} to {shown(path)}: {len(upstream.files)} files.\n"
        f"Import {path.name}, from the package it lies in, where you imported {PACKAGE}.\n"
        "Commit it as it is, with the folder .origin, before you change anything."
    )


def run_update(context: click.Context, path: Path, *, dry_run: bool, force: bool) -> int:
    """Update, say what came of it, and return the exit code."""
    upstream = installed()
    if not force and not dry_run and (files := uncommitted(path)):
        raise ForkError(
            f"{shown(path)} has changes that are not committed: {', '.join(files)}. Commit them, "
            "so that you can tell them from what the update changes, or say --force."
        )
    done = forks.update(path, upstream, dry_run=dry_run)
    if done is None:
        click.echo(f"{shown(path)} is a fork of {forks.label(upstream)} already.")
        return 0
    click.echo(describe(done, shown(path), dry_run=dry_run))
    if not dry_run:
        first = "Resolve them and test." if done.conflicts else "Test it."
        undo = f"`{context.command_path} --undo {shown(path)}`"
        click.echo(f"\n{first} {undo} takes the update back.")
    return HAS_CONFLICTS if done.conflicts else 0


def describe(done: Update, path: str, *, dry_run: bool) -> str:
    """The lines about an update, or about one that would be made."""
    would = "would be" if dry_run else "is"
    lines = [f"{path} {would} updated from {done.old} to {done.new}."]
    lines += [f"  {change}" for change in done.changes] or ["  Nothing of yours changes by it."]
    if done.conflicts:
        lines += ["", *done.conflicts]
    return "\n".join(lines)


def shown(path: Path) -> str:
    """The path as it is shortest from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
