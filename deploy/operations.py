"""status, scale, roll, rollback, down, for what is running: parse, call, print, exit code."""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    app_options,
    as_settings,
    json_option,
    name_option,
    print_json,
    running_target,
    target_option,
    version_option,
)
from .wording import counted

if TYPE_CHECKING:
    from .dry_run import RollPlan
    from .live import Report
    from .status import DeploymentStatus
    from .targets.base import Target

INTERRUPTED = 130


@click.command()
@target_option
@name_option
@json_option
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
def status(name: str | None, target: str | None, as_json: bool, watch: bool) -> None:
    """Show nodes and slots, what they serve and what waits.

    Busy and queue are requests at this moment; latency is the mean of the last 1,024 answers
    until their first byte, with the wait in the queue. With --json and --watch there is one line a
    second.
    """
    from . import live

    running = running_target(name, target)
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            live.follow_json(running) if as_json else live.follow(running)
            click.echo(f"{running.name} has ended", err=True)
    elif as_json:
        print_json(running.status().to_json())
    else:
        live.print_status(running.status())


@click.command()
@click.argument("nodes", type=int)
@target_option
@name_option
@json_option
def scale(nodes: int, name: str | None, target: str | None, as_json: bool) -> None:
    """Add nodes, or drain and stop some, until there are NODES of them.

    Requests in flight are finished first.
    """
    running = running_target(name, target)
    with _told_when_left("scale", running) as report:
        found = running.scale(nodes, report)
    _print_outcome(found, as_json)


@click.command()
@app_options
@click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    help="The project's folder.  [default: the folder given before, links followed anew]",
)
@version_option("A label for the new version.  [default: a number]")
@target_option
@name_option
@json_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Tell what would be done, and what would stop it; change nothing.",
)
def roll(
    name: str | None,
    target: str | None,
    version: str | None,
    directory: Path | None,
    as_json: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Replace every node by a new one, without losing a request.

    The new nodes run the code and the settings of now: twofold.toml is read again, and what the
    command line said before holds unless it is said anew. One node at a time is started, warmed
    up and put into rotation; then an old one is drained and stopped. A version that does not get
    ready is rolled back by itself, with exit code 1. On the local target Ctrl-C ends this command,
    not the roll.
    """
    running = running_target(name, target)
    given = as_settings(options)
    if dry_run:
        plan = running.plan_roll(version=version, place=directory, given=given)
        print_json(plan.to_json()) if as_json else _print_plan(plan)
        return
    with _told_when_left("roll", running) as report:
        found = running.roll(version=version, place=directory, given=given, report=report)
    _print_outcome(found, as_json)


@click.command()
@target_option
@name_option
@json_option
def rollback(name: str | None, target: str | None, as_json: bool) -> None:
    """Roll to the version before.

    Its settings and its folder come back. Code that was changed inside the same folder does not:
    give each version a folder of its own, or put the old code back first.
    """
    running = running_target(name, target)
    with _told_when_left("rollback", running) as report:
        found = running.rollback(report)
    _print_outcome(found, as_json)


@click.command()
@target_option
@name_option
@click.option(
    "--volumes",
    is_flag=True,
    help="Delete what the database and the session store of containers have kept, too.",
)
def down(name: str | None, target: str | None, volumes: bool) -> None:
    """Stop a deployment: requests in flight are finished, and nothing is left.

    Of containers the volumes are left, with what the database and the session store have kept.
    """
    from .live import progress

    running = running_target(name, target)
    with progress() as report:
        running.down(report, volumes=volumes)
    click.echo(f"{running.name} is stopped")


@contextmanager
def _told_when_left(command: str, running: "Target") -> Iterator["Report"]:
    """Progress of a change; whoever leaves before its end is told what that means."""
    from .live import progress

    try:
        with progress() as report:
            yield report
    except KeyboardInterrupt:
        click.echo(running.left_alone.format(command=command), err=True)
        sys.exit(INTERRUPTED)


def _print_plan(plan: "RollPlan") -> None:
    click.echo(f"version {plan.version} in place of {plan.replaces}")
    for change in plan.changes:
        click.echo(f"  {change.setting}: {change.before} -> {change.after}")
    for setting in plan.ignored:
        click.echo(f"  {setting}: stays as it is until the next `twofold up`")
    for number, step in enumerate(plan.steps, start=1):
        click.echo(f"{number:>3}. {step}")
    checked = "The app can be imported. " if plan.imported else ""
    click.echo(f"{checked}Nothing was changed: without --dry-run this is done.")


def _print_outcome(found: "DeploymentStatus", as_json: bool) -> None:
    if as_json:
        print_json(found.to_json())
        return
    nodes = counted(len(found.nodes), "nodes")
    click.echo(f"{found.name} has {nodes} of version {found.version} at {found.url}")
