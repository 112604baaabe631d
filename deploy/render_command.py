"""render: the files that other engines take, printed or written."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import click

from .deployment import Deployment
from .errors import DeployError, SettingsError
from .options import app_options, as_settings, directory_option, version_option
from .settings import load_deployment

RENDERERS: Mapping[str, str] = MappingProxyType(
    {
        "compose": "deploy.render.compose:render_compose",
        "haproxy": "deploy.render.haproxy_dns:render_haproxy_dns",
        "prometheus": "deploy.render.prometheus:render_prometheus",
        "secrets": "deploy.render.secrets:render_secrets",
        "swarm": "deploy.render.swarm:render_swarm",
        "swarm-haproxy": "deploy.render.swarm:render_swarm_haproxy",
        "kubernetes": "deploy.render.kubernetes:render_kubernetes",
    }
)
WITH_IMAGE = ("compose", "swarm", "kubernetes")


@click.command()
@click.argument("what", metavar="WHAT", type=click.Choice(list(RENDERERS)))
@app_options
@directory_option
@click.option("--nodes", type=int, help="How many nodes.  [default: 2]")
@click.option("--name", help="The deployment's name.  [default: the app's package]")
@click.option(
    "--image",
    metavar="REFERENCE",
    help="The nodes' image with its tag or digest.  [default: by containers.image]",
)
@version_option("A label for this version of the app.  [default: 1]")
@click.option(
    "--write",
    is_flag=True,
    help="compose: write docker-compose.yml and all it names into the build context, "
    "instead of printing it.",
)
def render(
    what: str,
    directory: Path,
    image: str | None,
    version: str | None,
    write: bool,
    **options: Any,
) -> None:
    """Print a file for another engine, made of the same settings as everything else.

    WHAT is compose, haproxy (the balancer's file in containers), prometheus, secrets (the script
    that makes them), swarm, swarm-haproxy or kubernetes. The environment of this machine plays no
    part.
    """
    deployment = load_deployment(directory, as_settings(options), environ={})
    deployment = replace(deployment, version=version or deployment.version)
    if image and what not in WITH_IMAGE:
        raise SettingsError(f"--image says nothing about {what}; leave it out")
    if not write:
        given = {"image": image} if image else {}
        click.echo(_renderer(what)(deployment, **given), nl=False)
        return
    if what != "compose" or image:
        raise SettingsError("--write is for `render compose` as it stands; redirect the output")
    _write(deployment)


def _renderer(what: str) -> Callable[..., str]:
    module, _, attribute = RENDERERS[what].partition(":")
    return cast("Callable[..., str]", getattr(import_module(module), attribute))


def _write(deployment: Deployment) -> None:
    from .render.compose import render_compose_files

    context = (deployment.directory / deployment.containers.build).resolve()
    for path, text in render_compose_files(deployment).items():
        file = context / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeployError(f"{file} cannot be written: {error.strerror}") from None
        click.echo(f"wrote {file}", err=True)
