"""`twofold verify`: parse, call, print, exit code."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from deploy.settings import environment_variables, load_deployment
from loadtests import options as common
from loadtests.command import ended_in_order
from loadtests.errors import LoadTestError
from loadtests.output import require_distinct, require_writable
from loadtests.place import apart
from loadtests.settings import load_settings
from loadtests.wording import counted

if TYPE_CHECKING:
    from deploy.deployment import Deployment
    from loadtests.result import ScalingResult
    from loadtests.settings import VerifySettings

MAX_NAME = 25  # with "-verify" as long as a deployment's name may be


@click.command(short_help="Measure how throughput grows with nodes or workers.")
@common.app
@common.directory
@click.option(
    "--nodes", metavar="1,2,4", help="Numbers of nodes to compare.  [default: 1,2,3,4,6,8]"
)
@click.option("--workers", metavar="1,2,4", help="Compare workers of one node instead.")
@click.option(
    "--target",
    metavar="[local|compose|swarm]",
    help="Where the nodes run.  [default: as twofold.toml says, else local]",
)
@click.option("--workers-per-node", type=int, help="Workers of every node.")
@click.option("--cpus-per-node", type=float, help="CPUs every node may use, such as 0.5.")
@click.option("--profile", help="Worker profile: threads, processes or greenlets.")
@click.option("--threads", type=int, help="Requests a worker serves at once (threads).")
@click.option("--greenlets", type=int, help="Requests a worker serves at once (greenlets).")
@common.suite
@click.option(
    "--precision",
    metavar="X",
    help="Repeat until the efficiency at the largest size is known within ± X.  [default: 0.03]",
)
@click.option("--max-time", metavar="TIME", help="End after that in any case.  [default: 10m]")
@click.option("--rounds", metavar="N", help="Measure each size so often instead.")
@click.option("--seed", metavar="N", help="Of the random order.  [default: by chance]")
@click.option("--duration", metavar="TIME", help="How long a point is measured.  [default: 10s]")
@click.option("--warm-up", metavar="TIME", help="The least traffic before that.  [default: 3s]")
@click.option("--max-warm-up", metavar="TIME", help="The most, until it settles.  [default: 30s]")
@click.option(
    "--users-per-slot",
    metavar="X",
    help="Users for each request the deployment can serve at once.  [default: 1.5]",
)
@common.load_generators
@click.option(
    "--latency-at",
    metavar="X",
    help="Measure latency besides, with arrivals scheduled at this share of the throughput.",
)
@click.option(
    "--min-efficiency",
    metavar="X",
    help="The least efficiency at any size.  [default: 0.9]",
)
@common.max_p99
@common.max_errors
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    default=Path("reports/verify.html"),
    help="Where to write the report.  [default: reports/verify.html]",
)
@common.json
@click.option("--junit", type=click.Path(path_type=Path), help="Write the limits as JUnit XML.")
@common.env
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    app: str | None,
    directory: Path,
    html: Path,
    json: Path | None,
    junit: Path | None,
    **options: Any,
) -> None:
    """Measure how throughput grows with nodes or workers, and whether that is near-linear.

    APP is a WSGI app's import string, such as shop:app. TIME is 200ms, 10s or 2m.

    The exit code is 0 when every limit is kept, 1 when one is surely missed or throughput falls,
    2 when the run is void or could not be made, 3 when the spread does not tell.
    """
    with ended_in_order(ctx):
        deployment = load(app, directory, options)
        options["suite"] = common.absolute_if_file(options["suite"])
        settings = load_settings(deployment.loadtests, options)
        require_distinct(html, json, junit)
        for path in filter(None, (html, json, junit)):
            require_writable(path)
        result = measure(deployment, settings, command_line(ctx), partial=json)
        report(result, html, json, junit)
    ctx.exit(result.verdict.exit_code)


def load(app: str | None, directory: Path, options: dict[str, Any]) -> Deployment:
    """The deployment to measure: of another name and at another address, to be in nobody's way.

    Takes the options that describe it out of `options`.
    """
    overrides = {
        "app": app,
        "target": options.pop("target"),
        "workers": options.pop("workers_per_node"),
        "profile": options.pop("profile"),
        "threads": options.pop("threads"),
        "greenlets": options.pop("greenlets"),
        "cpus": options.pop("cpus_per_node"),
        "env": environment_variables(options.pop("env")) or None,
    }
    deployment = apart(load_deployment(directory, overrides))
    name = f"{deployment.name[:MAX_NAME]}-verify"
    return replace(deployment, name=name)


def measure(
    deployment: Deployment, settings: VerifySettings, command: str, partial: Path | None
) -> ScalingResult:
    """Make the run and conclude; if it breaks off, `partial` is where its points go."""
    from rich.console import Console

    from loadtests.design import plan_from_settings
    from loadtests.progress import display
    from loadtests.scaling import ScalingRun, conclude

    plan = plan_from_settings(settings, deployment)
    if settings.seed is None:
        command = f"{command} --seed {plan.seed}"
    with display(plan, Console(stderr=True)) as progress:
        run = ScalingRun(plan, deployment, progress)
        try:
            run.complete()
        except BaseException as error:
            run.break_off(error)
            keep(conclude(run, settings, command), partial)
            raise
    return conclude(run, settings, command)


def keep(result: ScalingResult, path: Path | None) -> None:
    """Save the points of a run that broke off, and say what has become of them."""
    from loadtests.report import write_json

    points = f"measured so far ({counted(len(result.measurements) + len(result.paced), 'points')})"
    if not result.measurements:
        return
    if path is None:
        click.echo(f"What was {points} is lost: --json would have kept it.", err=True)
        return
    try:
        write_json(result, path)
    except LoadTestError as error:
        # Why the run broke off still has to be told.
        click.echo(f"What was {points} is lost: {error}", err=True)
    else:
        click.echo(f"What was {points} is in {path}; twofold report {path} shows it.", err=True)


def report(result: ScalingResult, html: Path, json: Path | None, junit: Path | None) -> None:
    """Write each file that can be written, and print the table, the law and the verdict.

    :raises LoadTestError: some could not.
    """
    from loadtests.junit import write_junit
    from loadtests.report import print_result, write_html, write_json

    written, failed = [], []
    # Files before the terminal, which may be a pipe that nobody reads to its end; and the figures
    # first, since the others can be made of them again.
    for name, path, write in (
        ("Figures", json, write_json),
        ("Report", html, write_html),
        ("JUnit", junit, write_junit),
    ):
        if path is None:
            continue
        try:
            write(result, path)
            written.append(f"{name}: {path}")
        except LoadTestError as error:
            failed.append(str(error))
    print_result(result)
    for line in written:
        click.echo(line)
    if failed:
        raise LoadTestError(" ".join(failed))


def command_line(ctx: click.Context) -> str:
    """The command as it was given, so that the report says how to run it again.

    Values of --env are left out: one may be a secret, and reports are shown around.
    """
    words = ["twofold", "verify"]
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[name]
        for item in value if isinstance(value, tuple) else (value,):
            option = [parameter.opts[-1]] if isinstance(parameter, click.Option) else []
            words += [*option, f"{item.partition('=')[0]}=…" if name == "env" else str(item)]
    return shlex.join(words)
