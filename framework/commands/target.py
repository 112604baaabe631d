"""The app a command works on: named on the command line, or by ``app`` in ``twofold.toml``."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..app import App
from ..exceptions import ImportPathError
from ..imports import import_object
from ..suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

PROJECT_FILE = "twofold.toml"


class TargetError(click.ClickException):
    """There is no app to work on; wrong usage, so the exit code is 2."""

    exit_code = 2


def read_project() -> dict[str, Any]:
    """Return the ``twofold.toml`` of the current folder; empty if there is none."""
    file = Path.cwd() / PROJECT_FILE
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"{file} cannot be read: {error}") from None


def _given_or_from_project(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> str:
    if text is None:
        project = read_project()
        text = project.get("app")
        if text is None:
            option = "--app " if isinstance(parameter, click.Option) else ""
            raise TargetError(
                "No app is named. Write it after the command, as in"
                f" `{context.command_path} {option}shop:app`, or run this in the folder whose"
                f' {PROJECT_FILE} has `app = "shop:app"`.' + did_you_mean("app", project)
            )
        if not isinstance(text, str):
            raise TargetError(
                f"{Path.cwd() / PROJECT_FILE}: app = {text!r} must be text, like 'shop:app'."
            )
    return text


app_argument = click.argument(
    "app", metavar="[APP]", required=False, callback=_given_or_from_project
)
"""The argument APP, ``package.module:attribute``; without it, ``app`` of ``./twofold.toml``.

The command gets the text, and the app from it by :func:`load_app`.
"""

app_option = click.option(
    "--app",
    metavar="APP",
    callback=_given_or_from_project,
    help=f"As in shop:app.  [default: app in {PROJECT_FILE}]",
)
"""The same as an option, for a command that has another argument."""


def load_app(text: str) -> App:
    """Return the app at ``package.module:attribute``; ``name()`` calls a factory.

    The current folder is searched first, and the ``[env]`` table of its ``twofold.toml`` is in the
    environment where that does not say otherwise. An error inside the app's own modules is raised
    unchanged; anything else is a :class:`TargetError`.
    """
    add_project_environment(os.environ)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    path = text.removesuffix("()")
    try:
        found = import_object(path, needed_by="the app")
    except ImportPathError as error:
        raise TargetError(str(error)) from None
    if path != text and callable(found):
        found = found()
    if isinstance(found, App):
        return found
    raise TargetError(f"{text!r} is {found!r}, which is not an App.{_way_out(text, found)}")


def add_project_environment(environ: MutableMapping[str, str]) -> None:
    """Add the ``[env]`` table of ``twofold.toml``, as a node gets it, to ``environ``."""
    table: Mapping[str, object] = read_project().get("env", {})
    for name, value in table.items():
        environ.setdefault(name, str(value))


def _way_out(text: str, found: object) -> str:
    if isinstance(found, type) or not callable(found):
        return ""
    if hasattr(found, "__code__"):
        return f" If it is a function that makes one, write {text + '()'!r}."
    return " To put middleware around an app, wrap its method: app.wsgi_app = Middleware(...)."
