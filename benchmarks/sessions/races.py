"""What many requests do to one session at the same moment."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from ..valkey import Valkey
from . import views
from .peers import OURS, make_app
from .visitor import Answer, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AT_ONCE = 50
IN_FLIGHT = 10
PATIENCE = 30.0


def measure(peer: str) -> dict[str, Any]:
    """Return what became of the session in each race."""
    with Valkey() as server:
        app = make_app(peer, server.url, timeout=PATIENCE)
        return {
            "keys kept": _different_keys(app),
            **_counting(app),
            "alive after logout": _logout(app, "write_late"),
            "alive after logout, readers": _logout(app, "read_late"),
            "login cookie overwritten": _login(app),
        }


def measure_counters() -> dict[str, dict[str, float]]:
    """Return how many of the requests that count were acknowledged and lost, and how long it took.

    These are the ways that only our sessions have.
    """
    with Valkey() as server:
        app = make_app(OURS, server.url, timeout=PATIENCE)
        return {
            "`incr`": _count(app, "/incr/n"),
            "`update_atomic`": _count(app, "/update/n"),
            '`session="exclusive"`, 10 ms of work': _count(app, "/exclusive/n", meet=False),
        }


def _count(app: Any, path: str, *, meet: bool = True) -> dict[str, float]:
    visitor = _visitor(app)
    begun = time.monotonic()
    answers = _together(visitor, [path] * AT_ONCE, meet=meet)
    seconds = time.monotonic() - begun
    acknowledged = sum(answer.acknowledged for answer in answers)
    counted = int(visitor.get("/number/n").text)
    return {"acknowledged": acknowledged, "lost": acknowledged - counted, "seconds": seconds}


def _visitor(app: Any) -> Visitor:
    visitor = Visitor(app)
    visitor.get("/start/ada")
    return visitor


def _different_keys(app: Any) -> int:
    visitor = _visitor(app)
    for answer in _together(visitor, [f"/write_late/{n}" for n in range(AT_ONCE)]):
        visitor.take_cookies(answer)
    return int(visitor.get("/late_keys/all").text)


def _counting(app: Any) -> dict[str, int]:
    visitor = _visitor(app)
    acknowledged = 0
    for answer in _together(visitor, ["/count_late/n"] * AT_ONCE):
        visitor.take_cookies(answer)
        acknowledged += answer.acknowledged
    counted = int(visitor.get("/number/n").text)
    return {"counts acknowledged": acknowledged, "counts lost": acknowledged - counted}


def _logout(app: Any, view: str) -> bool:
    """Whether a session whose visitor has logged out answers as logged in afterwards.

    Asked with the cookies that the browser then has, and with those it had before.
    """
    visitor = _visitor(app)
    before = Visitor(app, dict(visitor.cookies))
    paths = [f"/{view}/{n}" for n in range(IN_FLIGHT)]
    for answer in _together(visitor, paths, meanwhile=lambda: visitor.get("/logout/now")):
        visitor.take_cookies(answer)
    return "ada" in (visitor.ask("/read/user").text, before.ask("/read/user").text)


def _login(app: Any) -> int:
    """How many of the requests that were under way replaced the cookie of the login."""
    visitor = _visitor(app)
    paths = [f"/write_late/{n}" for n in range(IN_FLIGHT)]
    late = _together(visitor, paths, meanwhile=lambda: visitor.get("/login/countess"))
    return sum(bool(answer.set_cookies) for answer in late)


def _together(
    visitor: Visitor,
    paths: Sequence[str],
    meanwhile: Callable[[], Any] = lambda: None,
    *,
    meet: bool = True,
) -> list[Answer]:
    """Ask for all paths at once; ``meanwhile`` runs when every request has loaded the session.

    :param meet: whether the views wait there for each other.
    """
    loaded = threading.Barrier(len(paths) + 1)
    go_on = threading.Event()

    def gate() -> None:
        loaded.wait(PATIENCE)
        go_on.wait(PATIENCE)

    answers: list[Answer] = []
    views.gate = gate
    threads = [
        threading.Thread(target=lambda path=path: answers.append(visitor.ask(path)))
        for path in paths
    ]
    for thread in threads:
        thread.start()
    if meet:
        loaded.wait(PATIENCE)
    meanwhile()
    go_on.set()
    for thread in threads:
        thread.join()
    return answers
