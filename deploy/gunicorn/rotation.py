"""Leaving rotation: a node about to stop fails its readiness check, and goes on serving.

A balancer that learns of a stop from its checks alone sends requests until the next one. gunicorn
stops accepting at once, and resets the connections that wait to be accepted: a POST among them is
lost, for nobody can tell whether it had its effect.
"""

import signal
from collections.abc import Callable, Iterable
from typing import Any

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# From the master to its workers. gunicorn's own workers ignore it.
LEAVE_ROTATION = signal.SIGWINCH


def leave_rotation_on_signal(worker: Any, readiness_path: str) -> None:
    """Have the worker fail its readiness check from LEAVE_ROTATION on."""

    def leave(*_: object) -> None:
        worker.wsgi = never_ready(worker.wsgi, readiness_path)

    signal.signal(LEAVE_ROTATION, leave)


def never_ready(app: WSGIApp, readiness_path: str) -> WSGIApp:
    """The app, but 503 for its readiness page."""

    def draining(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != readiness_path:
            return app(environ, start_response)
        body = b"draining\n"
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response("503 Service Unavailable", headers)
        return [body]

    return draining
