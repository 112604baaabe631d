"""Options that mean the same to every load test, so that they are called and explained the same."""

from __future__ import annotations

from pathlib import Path

import click

app = click.argument("app", required=False)
directory = click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The project's folder, with its twofold.toml.",
)
suite = click.option("--suite", metavar="NAME|PATH", help="The traffic.  [default: front]")
load_generators = click.option(
    "--load-generators", metavar="N", help="Locust processes.  [default: 1]"
)
max_p99 = click.option("--max-p99", metavar="TIME", help="The highest p99 latency, such as 200ms.")
max_errors = click.option(
    "--max-errors", metavar="N", help="The most failed requests.  [default: 0]"
)
json = click.option("--json", type=click.Path(path_type=Path), help="Write the figures as JSON.")
env = click.option(
    "--env", metavar="KEY=VALUE", multiple=True, help="Environment of what is measured."
)


def absolute_if_file(suite: str | None) -> str | None:
    """A locustfile on the command line is relative to here, not to twofold.toml."""
    return str(Path(suite).absolute()) if suite and Path(suite).is_file() else suite
