"""The views on Flask, with its own cookie, Flask-Session, our store, or no sessions at all."""

from __future__ import annotations

from typing import Any

import flask
import redis
from flask.sessions import SessionInterface
from flask_session import Session

from framework.contrib.flask import RedisSessionInterface

from ..peers import FLASK_SESSION, IN_FLASK
from ..views import VIEWS

NO_SESSIONS = "none"


class NoSessions(SessionInterface):
    """Flask with nothing to do for a session, to subtract."""

    def open_session(self, app: Any, request: Any) -> None:
        return None


def login(session: Any, word: str) -> str:
    interface = flask.current_app.session_interface
    if hasattr(interface, "regenerate"):
        interface.regenerate(session)
    session["user"] = word
    return word


def logout(session: Any, word: str) -> str:
    session.clear()
    return "bye"


ALL_VIEWS = {**VIEWS, "login": login, "logout": logout}


def make(kind: str, url: str, timeout: float) -> Any:
    """Return the WSGI app with the sessions of ``kind``."""
    app = flask.Flask("benchmark")
    app.secret_key = "only for the benchmark, and long enough"  # noqa: S105
    if kind.startswith(FLASK_SESSION):
        app.config["SESSION_TYPE"] = "redis"
        app.config["SESSION_REDIS"] = redis.Redis.from_url(url)
        app.config["SESSION_REFRESH_EACH_REQUEST"] = kind == FLASK_SESSION
        Session(app)
    elif kind == IN_FLASK:
        app.session_interface = RedisSessionInterface(url, timeout=timeout, login_keys=("user",))
    elif kind == NO_SESSIONS:
        app.session_interface = NoSessions()

    def plain(word: str) -> str:
        return word

    def view(name: str, word: str) -> str:
        return ALL_VIEWS[name](flask.session, word)

    app.add_url_rule("/plain/<word>", "plain", plain)
    app.add_url_rule("/<name>/<word>", "view", view)
    return app
