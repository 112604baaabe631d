"""`run`: the development server, with reloader and debugger, for this machine alone."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .development import prepare_environment
from .target import PROJECT_FILE, TargetError, app_argument, load_app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._typing import StartResponse, WSGIApplication, WSGIEnvironment
    from ..app import App


class ServerError(click.ClickException):
    """The development server cannot be started as asked; exit code 2."""

    exit_code = 2


@click.command()
@app_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(1, 65535), metavar="PORT"
)
def run(app: str, host: str, port: int) -> None:
    """Run APP for development: reloads on change, shows errors with a debugger.

    Debug mode is on and session cookies work over plain http. The debugger runs code that is typed
    into a page, so the server listens on this machine only.
    """
    from werkzeug.serving import is_running_from_reloader, run_simple

    refuse_other_machines(host)
    prepare_environment()
    reloaded = is_running_from_reloader()
    if not reloaded:
        refuse_port_in_use(host, port)
    application, files = load_watched(app, keep_watching=reloaded)
    run_simple(
        host,
        port,
        application,
        use_reloader=True,
        use_debugger=True,
        threaded=True,
        extra_files=[str(file) for file in files],
    )


def refuse_other_machines(host: str) -> None:
    """Raise :class:`ServerError` unless only this machine can reach ``host``."""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ServerError(
            f"--host {host} could be reached from other machines, and the debugger runs whatever"
            " code a page sends it. The development server listens on 127.0.0.1, ::1 or localhost;"
            " for others, serve the app with a production server."
        )


def refuse_port_in_use(host: str, port: int) -> None:
    """Raise :class:`ServerError` if nothing can listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (
                "another program listens there. Stop it, or choose another port with --port"
                if error.errno == errno.EADDRINUSE
                else error.strerror
            )
            raise ServerError(f"Cannot listen on {host} port {port}: {reason}.") from None


def load_watched(text: str, *, keep_watching: bool) -> tuple[WSGIApplication, list[Path]]:
    """Return the app, and the files beside its modules that a reload should follow.

    With ``keep_watching`` an app that does not load is one that raises the reason in every
    request: the debugger shows it, and the next change is noticed.
    """
    files = [Path.cwd() / PROJECT_FILE]
    try:
        app = load_app(text)
        return app, [*files, *template_files(app)]
    except Exception as error:
        if not keep_watching:
            raise
        return BrokenApp(error), files


def template_files(app: App) -> list[Path]:
    """Return every file in the template folders of ``app``."""
    return [
        file for folder in app.template_folders() for file in folder.rglob("*") if file.is_file()
    ]


class BrokenApp:
    """Stands for an app that could not be loaded."""

    def __init__(self, error: Exception) -> None:
        if isinstance(error, TargetError):
            error = RuntimeError(error.message)
        self._error = error
        self._traceback = error.__traceback__

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Raised anew it would grow by a line in every request.
        raise self._error.with_traceback(self._traceback)
