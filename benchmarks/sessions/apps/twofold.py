"""The views on our framework, with sessions in Redis or without any."""

from __future__ import annotations

import time
from typing import Any

from framework import App, Request, Rule

from .. import views
from ..views import VIEWS

WORK = 0.01
"""Seconds a request has the session to itself."""


def login(session: Any, word: str) -> str:
    session.regenerate()
    session["user"] = word
    return word


def logout(session: Any, word: str) -> str:
    session.delete()
    return "bye"


def incr(session: Any, word: str) -> str:
    views.read_late(session, word)
    return str(session.incr("n"))


def update(session: Any, word: str) -> str:
    views.read_late(session, word)
    return str(session.update_atomic("n", lambda number: number + 1, default=0))


def exclusive(request: Request, word: str) -> str:
    number = request.session.get("n", 0)
    time.sleep(WORK)
    request.session["n"] = number + 1
    return "counted"


def plain(request: Request, word: str) -> str:
    return word


def view(request: Request, name: str, word: str) -> str:
    return ALL_VIEWS[name](request.session, word)


ALL_VIEWS = {**VIEWS, "login": login, "logout": logout, "incr": incr, "update": update}


def make(url: str | None, timeout: float) -> Any:
    """Return the WSGI app; without ``url`` there is nothing to keep sessions in."""
    config = {
        "secret_key": "only for the benchmark",
        "session_cookie_secure": False,
        "redis_url": url,
        "session_redis_timeout": timeout,
        "session_exclusive_wait": 60.0,
    }
    rules = [Rule("/plain/<word>", plain), Rule("/<name>/<word>", view)]
    if url is not None:
        rules.append(Rule("/exclusive/<word>", exclusive, session="exclusive"))
    app = App("benchmark", urls=rules, config=config)
    app.start_worker()
    return app
