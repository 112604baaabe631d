"""The command `twofold logs`."""

import contextlib
import re
from typing import Any

import click

from ..options import name_option, running_target, target_option

DEFAULT_LINES = 20
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?")
STATUS = re.compile(r"[1-5][\dx]{2}|-1")


def _seconds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    form = DURATION.fullmatch(value)
    if form is None:
        raise click.BadParameter(f"{value!r} is no time; write it as 500ms or 1.5s")
    return float(form[1]) / (1000 if form[2] == "ms" else 1)


def _status(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None or STATUS.fullmatch(value.lower()):
        return value and value.lower()
    raise click.BadParameter(f"{value!r} is no status; write it as 404, 40x or 5xx")


@click.command()
@target_option
@name_option
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "--node",
    "parts",
    multiple=True,
    metavar="NAME",
    help="Of this part only, such as node1 or balancer; may be given several times.",
)
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(min=0),
    help=f"How many of each part.  [default: {DEFAULT_LINES}; with --request-id all]",
)
@click.option("--requests", is_flag=True, help="A line for each request instead.")
@click.option(
    "--slow",
    "slower_than",
    metavar="TIME",
    callback=_seconds,
    help="Requests that took at least so long, as in 500ms or 2s.",
)
@click.option(
    "--status", metavar="CODE", callback=_status, help="Requests answered so, as in 404 or 5xx."
)
@click.option("--request-id", metavar="ID", help="What all parts say about one request.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def logs(
    name: str | None,
    target: str | None,
    follow: bool,
    lines: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the last lines of nodes, balancer, store and supervisor.

    They stand in the order of time, each with the name of its part; nodes that have been stopped
    are shown too, unless they were containers. With --requests, or one of the options that choose
    among requests, it is the balancer's lines about these.
    """
    from .reading import Query

    if lines is None and options["request_id"] is None:
        lines = DEFAULT_LINES
    running = running_target(name, target)
    with contextlib.suppress(KeyboardInterrupt):
        for entry in running.logs(Query(lines=lines, **options), follow=follow):
            click.echo(entry.json() if as_json else entry.line())
