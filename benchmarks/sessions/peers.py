"""Who is compared: each peer's framework, and how to make its app."""

from __future__ import annotations

from typing import Any

OURS = "twofold"
IN_FLASK = "twofold in Flask"
COOKIE = "Flask cookie"
FLASK_SESSION = "Flask-Session"
NO_REFRESH = "Flask-Session, no refresh"
DJANGO = "Django cache"

FRAMEWORKS = {
    OURS: "twofold",
    IN_FLASK: "flask",
    COOKIE: "flask",
    FLASK_SESSION: "flask",
    NO_REFRESH: "flask",
    DJANGO: "django",
}
"""The peers, and the framework whose page without sessions is subtracted."""

PEERS = tuple(FRAMEWORKS)
ON_A_SERVER = tuple(peer for peer in PEERS if peer != COOKIE)


TIMEOUT = 0.25
"""Seconds that a request waits for our store unless it is told otherwise."""


def make_app(peer: str, url: str, *, timeout: float = TIMEOUT) -> Any:
    """Return the WSGI app of a peer with its sessions on the server at ``url``.

    :param timeout: seconds our store waits for the server; the others have nothing like it.
    """
    if FRAMEWORKS[peer] == "flask":
        from .apps import flask

        return flask.make(peer, url, timeout)
    return _app_without_flask(FRAMEWORKS[peer], url, timeout)


def make_bare_app(framework: str) -> Any:
    """Return the same app without sessions."""
    if framework == "flask":
        from .apps import flask

        return flask.make(flask.NO_SESSIONS, "", TIMEOUT)
    return _app_without_flask(framework, None, TIMEOUT)


def _app_without_flask(framework: str, url: str | None, timeout: float) -> Any:
    if framework == "django":
        from .apps import django

        return django.make(url)
    from .apps import twofold

    return twofold.make(url, timeout)
