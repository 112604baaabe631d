"""Lookout: one caller looks, at the right time, and nobody else waits without need."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from framework.redis_transport import lookout
from framework.redis_transport.lookout import Lookout

if TYPE_CHECKING:
    from collections.abc import Callable

FAR = time.monotonic() + 10_000


def test_the_first_caller_looks_and_the_next_ones_rely_on_it() -> None:
    looks: list[float] = []
    watching = Lookout(every=1000)
    for _ in range(3):
        watching.keep(looks.append, FAR, known=bool(looks))
    assert len(looks) == 1


def test_it_looks_again_when_the_time_has_come() -> None:
    looks: list[float] = []
    watching = Lookout(every=0)
    for _ in range(3):
        watching.keep(looks.append, FAR, known=True)
    assert len(looks) == 3


def test_a_failure_is_followed_by_a_look_but_not_by_one_each(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    monkeypatch.setattr(lookout, "PAUSE", 1000)
    looks: list[float] = []
    watching = Lookout(every=FAR)
    watching.keep(looks.append, FAR, known=True)
    for _ in range(3):
        watching.soon()
        watching.keep(looks.append, FAR, known=True)
    assert len(looks) == 1
    monkeypatch.setattr(lookout, "PAUSE", 0)
    watching._earliest = 0.0
    for _ in range(3):
        watching.soon()
        watching.keep(looks.append, FAR, known=True)
    assert len(looks) == 4


def test_who_knows_enough_does_not_wait_for_a_look_of_another(
    wait_until: Callable[..., None],
) -> None:
    may_end = threading.Event()
    looks: list[float] = []

    def look(deadline: float) -> None:
        looks.append(deadline)
        may_end.wait(30)

    watching = Lookout(every=1000)
    first = threading.Thread(target=watching.keep, args=(look, FAR), kwargs={"known": False})
    first.start()
    wait_until(lambda: looks)
    watching.keep(look, FAR, known=True)
    # One that knows nothing waits, but no longer than it may.
    watching.keep(look, time.monotonic() + 0.01, known=False)
    assert first.is_alive()
    late = threading.Thread(target=watching.keep, args=(look, FAR), kwargs={"known": False})
    late.start()
    may_end.set()
    for thread in (first, late):
        thread.join(30)
    assert len(looks) == 1


def test_a_look_that_others_could_do_without_has_little_time() -> None:
    looks: list[float] = []
    watching = Lookout(every=0)
    watching.keep(looks.append, FAR, known=False)
    watching.keep(looks.append, FAR, known=True)
    assert looks[0] == FAR
    assert looks[1] <= time.monotonic() + lookout.LIMIT


def test_a_look_that_was_interrupted_leaves_the_way_free() -> None:
    looks: list[float] = []

    def look(deadline: float) -> None:
        looks.append(deadline)
        if len(looks) == 1:
            raise SystemExit

    watching = Lookout(every=0)
    with pytest.raises(SystemExit):
        watching.keep(look, FAR, known=False)
    watching.keep(look, FAR, known=False)
    assert len(looks) == 2
