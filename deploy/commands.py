"""serve and up, which start something: parse, call, print, exit code."""

import json
import socket
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from . import node as node_process
from .deployment import Deployment
from .errors import SettingsError
from .interrupts import ended_like_interrupted
from .options import app_options, as_settings, directory_option, target_option, version_option
from .profiles import Setting
from .settings import load_deployment
from .wording import counted


@click.command()
@app_options
@directory_option
@click.option(
    "--bind",
    metavar="ADDRESS",
    help="HOST:PORT where the first worker listens, and each further one a port higher; or "
    "unix:/PATH for all of them.  [default: all "
    f"workers on the environment's PORT, else {node_process.DEFAULT_BIND}]",
)
@click.option(
    "--drain",
    type=click.FloatRange(min=0, max=3600),
    default=0,
    metavar="SECONDS",
    help="On SIGTERM, fail the readiness check for so long before stopping: for a balancer that "
    "learns of a stop from its checks alone.  [default: 0]",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Print every gunicorn setting with its reason, and the connections to database and "
    "store; and end.",
)
@click.option("--json", "as_json", is_flag=True, help="With --explain: for programs.")
def serve(
    bind: str | None, directory: Path, drain: float, explain: bool, as_json: bool, **options: Any
) -> None:
    """Run one node: the app on gunicorn, in the foreground.

    APP is a WSGI app's import string, as in shop:app. Each worker listens on a port of its own,
    for a balancer that gives each a slot. Without --workers and WEB_CONCURRENCY there are as many
    as the CPUs and the memory carry. GUNICORN_CMD_ARGS adds gunicorn settings.
    """
    deployment = load_deployment(directory, as_settings(options))

    # gunicorn is not imported for the other commands, and not before WEB_CONCURRENCY was checked.
    from .explain import conflict
    from .explain import explain as explain_settings

    plan = node_process.plan_node(deployment, bind=bind)
    explained = explain_settings(plan.settings, plan.env)
    if explain:
        _print_explained(plan, explained, as_json=as_json)
    problem = conflict(explained, shared=plan.shared_listener)
    if problem:
        raise SettingsError(problem)
    if not explain:
        _serve(plan, drain)


def _serve(plan: node_process.NodePlan, drain: float) -> None:
    click.echo(
        f"{plan.deployment.app} with {counted(plan.workers.workers, 'workers')}, "
        f"profile {plan.deployment.profile.name}, on {', '.join(plan.binds)}",
        err=True,
    )
    node_process.serve(plan, name=socket.gethostname(), drain=drain)


def _print_explained(
    plan: node_process.NodePlan, explained: list[Setting], *, as_json: bool
) -> None:
    from . import connections
    from .explain import table

    workers = plan.workers.workers
    servers = connections.ledger(plan.deployment, workers, plan.env)
    if as_json:
        found = {
            "settings": [asdict(setting) for setting in explained],
            "connections": [server.to_json() for server in servers],
        }
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(table(explained))
        click.echo()
        click.echo(connections.text(servers, plan.deployment, workers))


@click.command()
@app_options
@directory_option
@target_option
@click.option("--nodes", type=int, help="How many nodes.  [default: 2]")
@click.option(
    "--cpus-per-node", type=float, help="CPUs each node may use, such as 0.5.  [default: all]"
)
@click.option(
    "--bind",
    metavar="ADDRESS",
    help="Where visitors connect: HOST:PORT or unix:/PATH.  [default: 127.0.0.1:8000]",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Where Prometheus may ask for metrics.  [default: nowhere]",
)
@click.option("--name", help="The deployment's name.  [default: the app's package]")
@version_option("A label for this version of the app.  [default: 1]")
@click.option("--detach", is_flag=True, help="Return when it is ready; `twofold down` stops it.")
def up(directory: Path, detach: bool, version: str | None, **options: Any) -> None:
    """Run the app on several nodes behind HAProxy.

    APP is a WSGI app's import string, as in shop:app; it may be left out if twofold.toml names
    it. HAProxy and a session store are started too, unless REDIS_URL names a store. In the
    foreground a live status is shown, and Ctrl-C stops everything. On the targets of Docker the
    nodes are containers of the app's image, which is built first.
    """
    from .live import follow, progress
    from .targets import load_target

    deployment = load_deployment(directory, as_settings(options))
    deployment = replace(deployment, version=version or deployment.version)
    with ended_like_interrupted():
        with progress() as report:
            target = load_target(deployment.target).up(deployment, owned=not detach, report=report)
        if detach:
            _print_ready(target.url, deployment)
            return
        try:
            follow(target, hint="Ctrl-C stops everything")
        except KeyboardInterrupt:
            # A second one lets go of the deployment, which then ends at once.
            with progress() as report:
                target.down(report)
            return
    # It ended by itself: stopped by another command, or killed.
    exit_code = target.exit_code()
    click.echo(f"{deployment.name} {'has stopped' if exit_code == 0 else 'was killed'}", err=True)
    sys.exit(exit_code)


def _print_ready(url: str, deployment: Deployment) -> None:
    click.echo(url)
    click.echo(
        f"{deployment.name} runs in the background; `twofold down --name {deployment.name}` "
        "stops it",
        err=True,
    )
