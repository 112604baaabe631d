"""The worker processes of ``test_model.py``: random requests of a few visitors, all written down.

Run as a program it is a nursery: for each line of JSON on its input it forks a worker, and prints
the worker's pid. Workers are made to be killed at any moment, so whatever they did is in the
journal, one line for each step, before they go on: ``begin`` before a request, ``plan`` when it has
loaded its session and knows what it will write, and then how it ended.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import App, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework import Request

VISITORS = 3
KINDS = {
    "look": 3,
    "set": 3,
    "forget": 1,
    "set_own": 3,
    "swap": 3,
    "append": 3,
    "count": 3,
    "adjust": 3,
    "take_turns": 1.5,
    "flash": 3,
    "renew": 1.0,
    "log_in": 1.0,
    "log_out": 0.5,
    "log_out_elsewhere": 0.8,
}
"""What a request may do, and how often it does."""


class Interrupted(BaseException):
    """Raised by a signal, as a server's timeout is: wherever the worker happens to be."""


@dataclass
class Life:
    """What the nursery is told about one worker."""

    url: str
    folder: str
    seed: str
    worker: int
    life: int
    operations: int


@dataclass
class Plan:
    """What a request saw in its session, and what it is about to write there."""

    op: str
    kind: str
    origin: str | None = None
    """The operation that began the session; ``None``: there is none to be seen."""

    saw: dict[str, Any] = field(default_factory=dict)
    writes: dict[str, str | None] = field(default_factory=dict)
    appends: bool = False
    adds: dict[str, int] = field(default_factory=dict)
    flashes: bool = False
    shown: list[str] = field(default_factory=list)
    mark: str = "plan"


def make_app(url: str, view: Callable[[Request], str]) -> App:
    """Return an app with one page; it connects to Redis when it is asked for it."""
    app = App(
        "model",
        urls=[
            Rule("/", view, endpoint="page"),
            Rule("/take_turns", view, endpoint="turns", session="exclusive"),
        ],
        config={
            "secret_key": "only for these tests",
            "redis_url": url,
            "session_cookie_secure": False,
            "session_redis_timeout": 20.0,
            "session_idle_timeout": 1000.0,
            "session_absolute_timeout": 10_000.0,
            # A killed worker holds up the others only so long.
            "session_exclusive_lease": 0.5,
            "session_exclusive_wait": 60.0,
        },
    )
    app.start_worker()
    return app


class Worker:
    """One process that makes requests to an app of its own."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.folder = Path(life.folder)
        self.random = random.Random(f"{life.seed}/{life.worker}/{life.life}")
        self.journal = os.open(self.folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.visitor = ""
        self.plan = Plan("", "")
        self.app = make_app(life.url, self.view)

    def work(self) -> None:
        for number in range(self.life.operations):
            self.visitor = f"visitor{self.random.randrange(VISITORS)}"
            (kind,) = self.random.choices(list(KINDS), list(KINDS.values()))
            op = f"{self.visitor}/{self.life.worker}.{self.life.life}.{number}"
            self.plan = Plan(op, kind)
            self.ask()
        self.write_down(mark="lived", worker=self.life.worker, life=self.life.life)

    def ask(self) -> None:
        cookie = self.read_cookie()
        self.write_down(mark="begin", op=self.plan.op, cookie=cookie)
        try:
            status, headers = self.call(cookie)
            outcome = {200: "done", 409: "refused"}.get(status, f"status {status}")
        except Interrupted:
            outcome = "interrupted"
        self.write_down(mark="end", op=self.plan.op, outcome=outcome)
        if outcome == "done":
            self.take_cookie(cookie, headers)
        elif outcome == "refused" and self.random.random() < 0.5:
            # The visitor has had enough of a session that has ended or moved, and starts afresh.
            self.change_cookie(cookie, "")

    def call(self, cookie: str) -> tuple[int, list[tuple[str, str]]]:
        seen: list[Any] = []

        def start_response(status: str, headers: Any, error: Any = None) -> Any:
            seen[:] = status, headers

        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/take_turns" if self.plan.kind == "take_turns" else "/",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "HTTP_COOKIE": f"session={cookie}",
        }
        b"".join(self.app(environ, start_response))
        return int(seen[0][:3]), seen[1]

    def view(self, request: Request) -> str:
        session, plan = request.session, self.plan
        plan.origin = session.get("origin")
        if plan.origin is not None:
            getattr(self, plan.kind)(session, plan)
        elif plan.kind in ("look", "log_out", "log_out_elsewhere"):
            plan.kind = "look"
        else:
            plan.kind, plan.writes = "create", {"origin": plan.op}
            session["origin"] = plan.op
        self.write_down(**asdict(plan))
        return "done"

    # What a request may do

    def look(self, session: Any, plan: Plan) -> None:
        plan.saw = {key: session.get(key) for key in ("theme", "swapped", "renewed")}
        plan.saw |= {key: session.get(key, 0) for key in ("counted", "adjusted", "turns")}
        plan.saw |= {key: session[key] for key in session if key.startswith("own")}
        plan.saw["basket"] = session.get("basket", {}).get("items", [])
        plan.saw["user"] = session.user_id

    def set(self, session: Any, plan: Plan) -> None:
        plan.writes["theme"] = session["theme"] = plan.op

    def forget(self, session: Any, plan: Plan) -> None:
        with suppress(KeyError):
            del session["theme"]
            plan.writes["theme"] = None

    def set_own(self, session: Any, plan: Plan) -> None:
        key = f"own{self.life.worker}"
        plan.writes[key] = session[key] = plan.op

    def swap(self, session: Any, plan: Plan) -> None:
        plan.saw["swapped"] = session.get("swapped")
        plan.writes["swapped"] = session["swapped"] = plan.op

    def append(self, session: Any, plan: Plan) -> None:
        items = session.setdefault("basket", {"items": []})["items"]
        plan.saw["basket"] = list(items)
        items.append(plan.op)
        plan.appends = True

    def count(self, session: Any, plan: Plan) -> None:
        by = plan.adds["counted"] = self.random.randrange(1, 4)
        plan.saw["counted"] = session.incr("counted", by) - by

    def adjust(self, session: Any, plan: Plan) -> None:
        by = plan.adds["adjusted"] = self.random.randrange(1, 4)
        seen = session.update_atomic("adjusted", lambda number: number + by, default=0)
        plan.saw["adjusted"] = seen - by

    def take_turns(self, session: Any, plan: Plan) -> None:
        plan.adds["turns"] = 1
        plan.saw["turns"] = session.get("turns", 0)
        session["turns"] = plan.saw["turns"] + 1

    def flash(self, session: Any, plan: Plan) -> None:
        # Popped first, so that no session ever holds more than it may.
        plan.shown = [flash.message for flash in session.pop_flashes()]
        session.flash(plan.op)
        plan.flashes = True

    def renew(self, session: Any, plan: Plan) -> None:
        session.regenerate()
        plan.writes["renewed"] = session["renewed"] = plan.op

    def log_in(self, session: Any, plan: Plan) -> None:
        session.log_in(self.visitor)

    def log_out(self, session: Any, plan: Plan) -> None:
        session.delete()

    def log_out_elsewhere(self, session: Any, plan: Plan) -> None:
        if session.user_id is None:
            plan.kind = "look"
        else:
            session.log_out_elsewhere()

    # The visitor's cookie, which all workers share as the tabs of a browser do

    def read_cookie(self) -> str:
        try:
            return (self.folder / self.visitor).read_text()
        except FileNotFoundError:
            return ""

    def take_cookie(self, sent: str, headers: list[tuple[str, str]]) -> None:
        for name, value in headers:
            if name == "Set-Cookie":
                self.change_cookie(sent, SimpleCookie(value)["session"].value)

    def change_cookie(self, sent: str, value: str) -> None:
        """Keep ``value``, unless another request has changed the cookie meanwhile."""
        if self.read_cookie() == sent:
            written = self.folder / f"{self.visitor}.{self.life.worker}"
            written.write_text(value)
            written.replace(self.folder / self.visitor)

    def write_down(self, **step: Any) -> None:
        # One write to the end of the file: it is whole and in order, even if this process is
        # killed right after.
        os.write(self.journal, f"{json.dumps(step)}\n".encode())


def interrupt(*_: object) -> None:
    raise Interrupted


def nursery() -> None:
    """Fork a worker for each line of the input, and print its pid."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What an app imports is then there for all workers.
    make_app("redis://127.0.0.1:1", lambda request: "")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGUSR1, interrupt)
                logging.disable(logging.CRITICAL)
                Worker(Life(**json.loads(line))).work()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    nursery()
