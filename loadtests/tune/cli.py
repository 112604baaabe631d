"""`twofold tune`: parse, search, print, write, exit code."""

from __future__ import annotations

import json as json_format
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from deploy.settings import ENVIRONMENT, environment_variables, load_deployment
from deploy.targets import DEFAULT_TARGET
from loadtests import options as common
from loadtests.cli import MAX_NAME
from loadtests.command import INTERRUPTED, ended_in_order
from loadtests.errors import LoadTestError
from loadtests.output import require_writable
from loadtests.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.deployment import Deployment
    from loadtests.tune.settings import TuneSettings
    from loadtests.tune.tuning import Tuning
    from loadtests.tune.writing import SettingsFile


@click.command(short_help="Find the worker settings that serve most on this machine.")
@common.app
@common.directory
@common.max_p99
@click.option("--max-time", metavar="TIME", help="How long to search.  [default: 10m]")
@common.suite
@click.option("--target", metavar="local", help="There is no other: a node of this machine.")
@common.max_errors
@click.option("--duration", metavar="TIME", help="How long each measurement lasts.  [default: 3s]")
@click.option("--warm-up", metavar="TIME", help="Traffic before that, at least.  [default: 2s]")
@click.option(
    "--max-warm-up",
    metavar="TIME",
    help="The longest to wait until throughput and latency settle.  [default: 10s]",
)
@click.option(
    "--users-per-slot",
    metavar="X",
    help="Users for each request that a setting serves at once.  [default: 1]",
)
@common.load_generators
@click.option(
    "--cpus-per-node",
    type=float,
    metavar="X",
    help="CPUs the node may use.  [default: all but one, which the load generator has]",
)
@common.env
@click.option("--write", is_flag=True, help="Write the recommended setting to twofold.toml.")
@common.json
@click.pass_context
def tune(
    ctx: click.Context,
    /,
    app: str | None,
    directory: Path,
    write: bool,
    json: Path | None,
    **options: Any,
) -> None:
    """Find the profile, workers and threads (or greenlets) that serve most on this machine.

    APP is a WSGI app's import string, such as shop:app. TIME is 200ms, 10s or 2m.

    One node is measured with one setting after the other, under the traffic of a suite. The worse
    half of the settings goes out again and again, and the last few are compared with each other
    and with the present setting. Settings that cannot be told apart are called tied. Ctrl-C ends
    the search and shows what is known so far.

    The exit code is 0 with a recommendation, 1 when no setting that was measured keeps the limits,
    2 when the search could not be made, 130 when it was interrupted.
    """
    from loadtests.tune.writing import SettingsFile

    with ended_in_order(ctx):
        file = SettingsFile.read(directory)
        deployment = load(app, directory, options)
        settings = load_settings(deployment, options)
        if json is not None:
            require_writable(json)
        tuning = search(deployment, settings)
        report(tuning, json)
        if tuning.interrupted:
            click.echo("Interrupted: this is what was known by then.", err=True)
            ctx.exit(INTERRUPTED)
        put_down(tuning, file, deployment, write=write)
    ctx.exit(tuning.outcome.exit_code)


def load(app: str | None, directory: Path, options: dict[str, Any]) -> Deployment:
    """The deployment whose workers are tuned: of another name and on a free port."""
    from loadtests.tune.tuning import with_room_for_the_generator

    refuse_other_target(options.pop("target"))
    overrides = {
        "app": app,
        "cpus": options.pop("cpus_per_node"),
        "env": environment_variables(options.pop("env")) or None,
    }
    deployment = with_room_for_the_generator(load_deployment(directory, overrides).on_loopback())
    name = f"{deployment.name[:MAX_NAME]}-tune"
    return replace(deployment, name=name)


def refuse_other_target(target: str | None) -> None:
    if target not in (None, DEFAULT_TARGET):
        raise LoadTestError(
            f"--target {target}: tune measures the workers of one node on this machine. Leave it "
            f"out; twofold verify --target {target} then measures nodes there with what it found."
        )


def load_settings(deployment: Deployment, options: dict[str, Any]) -> TuneSettings:
    from loadtests.tune.settings import tune_settings

    options["suite"] = common.absolute_if_file(options["suite"])
    return tune_settings(deployment.loadtests, options, deployment.directory)


def search(deployment: Deployment, settings: TuneSettings) -> Tuning:
    from rich.console import Console

    from loadtests.tune.display import display
    from loadtests.tune.tuning import tune as find

    with display(settings.max_time, Console(stderr=True)) as progress:
        return find(
            deployment,
            settings.manner,
            max_time=settings.max_time,
            max_p99=settings.max_p99,
            progress=progress,
        )


def report(tuning: Tuning, json: Path | None) -> None:
    """Write the figures, and print the table and the answer."""
    from rich.console import Console

    from loadtests.output import write_whole
    from loadtests.tune.table import notes, outcome_table

    # The terminal last: it may be a pipe that nobody reads to its end.
    if json is not None:
        text = json_format.dumps(tuning.to_json(), indent=1, allow_nan=False)
        write_whole(json, f"{text}\n")
    if tuning.search.trials or tuning.search.failures:
        Console().print(outcome_table(tuning))
    for note in notes(tuning):
        click.echo(note)
    click.echo(f"\n{tuning.outcome.sentence}")
    if tuning.outcome.recommended:
        cpus = tuning.resources.cpus
        amount = counted(cpus.amount, "CPUs")
        click.echo(f"Measured on one node with {amount} ({cpus.source}).")
    if json is not None:
        click.echo(f"Figures: {json}")


def put_down(tuning: Tuning, file: SettingsFile, deployment: Deployment, *, write: bool) -> None:
    """Show what to change in twofold.toml, and change it if that was asked for."""
    recommended = tuning.outcome.recommended
    if recommended is None:
        return
    text = file.edited(recommended, deployment.app)
    diff = file.diff(text)
    if recommended == tuning.outcome.present or not diff:
        click.echo(f"{file.path} stays as it is.")
        return
    click.echo(f"\n{diff}", nl=False)
    if not write:
        click.echo("--write puts this into twofold.toml.")
        return
    file.write(text)
    click.echo(f"Written: {file.path}")
    variable = ENVIRONMENT["workers"]
    if {**os.environ, **deployment.env}.get(variable):
        click.echo(f"{variable} is set and comes before what is written here.", err=True)
