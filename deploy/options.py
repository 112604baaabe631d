"""Options that several commands share, and what they say as settings."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .profiles import PROFILES
from .settings import environment_variables, named_target
from .versions import check_label

if TYPE_CHECKING:
    from .targets.base import Target

Function = TypeVar("Function", bound=Callable[..., Any])


def _options(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


app_options = _options(
    click.argument("app", required=False),
    click.option("--workers", type=int, help="Workers of a node, each a slot of the balancer."),
    click.option(
        "--profile",
        type=str,
        metavar=f"[{'|'.join(PROFILES)}]",
        help="How a worker serves: with threads, one request a process, or with greenlets.",
    ),
    click.option("--threads", type=int, help="Threads of a worker (profile threads)."),
    click.option("--greenlets", type=int, help="Greenlets of a worker (profile greenlets)."),
    click.option(
        "--env",
        multiple=True,
        metavar="KEY=VALUE",
        help="An environment variable for the app; may be given several times.",
    ),
)
directory_option = click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The project's folder: the app is imported from there.  [default: .]",
)
target_option = click.option(
    "--target",
    metavar="[local|compose|swarm]",
    help="Where the nodes run: on this machine, in containers of Docker Compose, or in a Docker "
    "Swarm.  [default: as twofold.toml says, else local]",
)
name_option = click.option("--name", help="Which deployment, if several are running.")
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


def version_option(help: str) -> Callable[[Function], Function]:
    def check(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        problem = None if value is None else check_label(value)
        if problem:
            raise click.BadParameter(f"{value!r} {problem}")
        return value

    return click.option("--version", metavar="LABEL", callback=check, help=help)


def as_settings(options: Mapping[str, Any]) -> dict[str, object]:
    """The options as paths of settings, for `load_deployment`."""
    renamed = {"bind": "balancer.bind", "cpus_per_node": "cpus", "metrics": "metrics.bind"}
    settings = {renamed.get(name, name): value for name, value in options.items()}
    return {**settings, "env": environment_variables(options["env"]) or None}


def running_target(name: str | None, target: str | None) -> "Target":
    """What a command on a running deployment works on.

    It is on the target of the command line, or of twofold.toml in this folder; without one of them,
    it is looked for everywhere.

    :raises DeployError: there is none.
    """
    from .targets import find_target

    return find_target(name, target or named_target(Path()))


def print_json(values: object) -> None:
    click.echo(json.dumps(values, indent=2))
