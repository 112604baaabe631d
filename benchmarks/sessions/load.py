"""Throughput of one process: many callers at once, four reads to each write."""

from __future__ import annotations

import threading
import time

from ..valkey import Valkey
from .cost import share_a_core
from .peers import make_app
from .visitor import Visitor

WARM_UP = 0.5
SECONDS = 2.5
"""How long callers call, warm-up not included."""


def measure(peer: str, callers: int, *, take_turns: bool = False) -> dict[str, float]:
    """Return good answers a second, and the part of all answers that were not.

    With ``take_turns`` each lets the others go on after every answer, as greenlets do when they
    read the next request; an answer without I/O would keep the others waiting.
    """
    share_a_core()
    with Valkey() as server:
        app = make_app(peer, server.url)
        visitors = [Visitor(app) for _ in range(callers)]
        for number, visitor in enumerate(visitors):
            visitor.get(f"/start/visitor{number}")
        good, bad = _run(visitors, take_turns)
    return {"per second": good / SECONDS, "errors": bad / max(good + bad, 1)}


def _run(visitors: list[Visitor], take_turns: bool) -> tuple[int, int]:
    counts: list[tuple[int, int]] = []
    begin = time.monotonic() + WARM_UP
    threads = [
        threading.Thread(target=_call, args=(number, visitor, begin, take_turns, counts))
        for number, visitor in enumerate(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(good for good, _ in counts), sum(bad for _, bad in counts)


def _call(
    number: int, visitor: Visitor, begin: float, take_turns: bool, counts: list[tuple[int, int]]
) -> None:
    good = bad = 0
    turn = number
    while (now := time.monotonic()) < begin + SECONDS:
        turn += 1
        if take_turns:
            time.sleep(0)
        answer = visitor.get("/write/word" if turn % 5 == 0 else "/read/word")
        if now < begin:
            continue
        if (answer.status, answer.text) == (200, f"visitor{number}"):
            good += 1
        else:
            bad += 1
    counts.append((good, bad))
