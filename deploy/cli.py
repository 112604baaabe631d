"""The command `twofold`: a group whose subcommands are imported when they are used.

The commands of this package are in `commands` and `operations`; those of other packages come from
the entry-point group `twofold.commands`, so nothing is imported upward, and a missing extra breaks
only what needs it.
"""

import importlib
import os
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, cast

import click

from .errors import DeployError

ENTRY_POINT_GROUP = "twofold.commands"
OWN_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "deploy.commands:serve",
        "up": "deploy.commands:up",
        "status": "deploy.operations:status",
        "scale": "deploy.operations:scale",
        "roll": "deploy.operations:roll",
        "rollback": "deploy.operations:rollback",
        "logs": "deploy.logs.command:logs",
        "down": "deploy.operations:down",
        "render": "deploy.render_command:render",
    }
)

# What a package's commands need beyond the distribution itself.
EXTRAS: Mapping[str, str] = MappingProxyType({"loadtests": "loadtests"})


class LazyGroup(click.Group):
    """Finds its commands by name, and turns a DeployError into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*OWN_COMMANDS, *sorted(self._entry_points())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN_COMMANDS:
            return _load(OWN_COMMANDS[cmd_name])
        entry_point = self._entry_points().get(cmd_name)
        if entry_point is None:
            return None
        try:
            return _load(entry_point.value)
        except ImportError as error:
            return _unusable(entry_point, error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DeployError as error:
            click.echo(f"{click.style('Error:', fg='red')} {error}", err=True)
            ctx.exit(error.exit_code)

    def _entry_points(self) -> dict[str, EntryPoint]:
        found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
        return {name: point for name, point in found.items() if name not in OWN_COMMANDS}


def _load(target: str) -> click.Command:
    module, _, attribute = target.partition(":")
    return cast("click.Command", getattr(importlib.import_module(module), attribute))


def _unusable(entry_point: EntryPoint, error: ImportError) -> click.Command:
    """A command in place of one that cannot be imported; it says what is missing."""
    extra = EXTRAS.get(entry_point.module.partition(".")[0])
    needs = f"pip install 'twofold[{extra}]'" if extra else f"{error.name or error}"

    def explain(arguments: tuple[str, ...]) -> None:
        raise DeployError(f"{entry_point.name} needs: {needs} ({error})")

    return click.Command(
        entry_point.name,
        callback=explain,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        short_help=f"(needs: {needs})",
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twofold", prog_name="twofold")
def main() -> None:
    """Double the servers, get twice the throughput, and prove it.

    Runs any WSGI app on gunicorn nodes behind HAProxy, and measures how it scales.

    Settings come from the command line, the environment (WEB_CONCURRENCY, REDIS_URL),
    twofold.toml in the project's folder, and defaults, in this order.
    """
    # Empty, it counts as not set; gunicorn would end on it while it is imported.
    if not os.environ.get("WEB_CONCURRENCY"):
        os.environ.pop("WEB_CONCURRENCY", None)
