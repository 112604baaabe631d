"""Two seconds without a server: what the requests of eight workers see."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..valkey import Valkey
from .peers import make_app
from .visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 8
BEFORE = 0.5
OUTAGE = 2.0
AFTERWARDS = 4.0
"""Seconds that are watched once the server is back, longer while a request is still held."""

PAUSE = 0.005
"""Between two requests of a worker, so that they are not each other's outage."""


@dataclass
class Worker:
    """One worker with its own visitor, who takes turns between two pages."""

    number: int
    visitor: Visitor
    longest: dict[str, float] = field(default_factory=lambda: {"session": 0.0, "plain": 0.0})
    plain_errors: int = 0
    refusals: list[float] = field(default_factory=list)
    anonymous: int = 0
    good_since: float | None = None

    def work(self, stop: threading.Event) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            if not self.plain_page():
                self.plain_errors += 1
            self.session_page("/write/word" if turn % 5 == 0 else "/read/word")
            time.sleep(PAUSE)

    def plain_page(self) -> bool:
        return self._ask("plain", "/plain/word")[0] == 200

    def session_page(self, path: str) -> None:
        status, text, seconds = self._ask("session", path)
        if (status, text) == (200, f"user{self.number}"):
            if self.good_since is None:
                self.good_since = time.monotonic()
            return
        self.good_since = None
        if status == 200:
            self.anonymous += 1
        else:
            self.refusals.append(seconds)

    def _ask(self, kind: str, path: str) -> tuple[int, str, float]:
        begun = time.monotonic()
        answer = self.visitor.get(path)
        seconds = time.monotonic() - begun
        self.longest[kind] = max(self.longest[kind], seconds)
        return answer.status, answer.text, seconds


def measure(peer: str) -> dict[str, dict[str, Any]]:
    """Return what was seen while the server was stopped, and while it was killed."""
    with Valkey(durable=True) as server:
        app = make_app(peer, server.url)
        return {
            "stopped": _watch(app, server.pause, server.resume),
            "killed": _watch(app, server.kill, server.start),
        }


def _watch(app: Any, hurt: Callable[[], None], heal: Callable[[], None]) -> dict[str, Any]:
    workers = [Worker(number, Visitor(app)) for number in range(WORKERS)]
    for worker in workers:
        worker.visitor.get(f"/start/user{worker.number}")
    stop = threading.Event()
    threads = [threading.Thread(target=worker.work, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    time.sleep(BEFORE)
    hurt()
    time.sleep(OUTAGE)
    heal()
    healed = time.monotonic()
    time.sleep(AFTERWARDS)
    stop.set()
    for thread in threads:
        thread.join()
    return _summary(workers, healed)


def _summary(workers: list[Worker], healed: float) -> dict[str, Any]:
    logged_in = [worker for worker in workers if worker.good_since is not None]
    recovery = [max(worker.good_since - healed, 0.0) for worker in logged_in if worker.good_since]
    refusals = sorted(seconds for worker in workers for seconds in worker.refusals)
    return {
        "longest session page": max(worker.longest["session"] for worker in workers),
        "longest plain page": max(worker.longest["plain"] for worker in workers),
        "plain errors": sum(worker.plain_errors for worker in workers),
        "refused": len(refusals),
        "a refusal, p95": refusals[len(refusals) * 95 // 100] if refusals else 0.0,
        "anonymous": sum(worker.anonymous for worker in workers),
        "recovery": max(recovery) if len(logged_in) == len(workers) else None,
        "logged in": len(logged_in),
    }
