"""Slots: bounded, in order, and never lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from framework.redis_transport.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable

# A deadline that has passed, so nobody waits.
NOW = 0.0


def test_no_more_callers_than_slots_get_one() -> None:
    slots = Slots(2)
    assert slots.acquire(NOW)
    assert slots.acquire(NOW)
    assert not slots.acquire(time.monotonic() + 0.01)
    slots.release()
    assert slots.acquire(NOW)


def test_waiting_callers_are_served_in_order(wait_until: Callable[..., None]) -> None:
    slots, served = Slots(1), []
    assert slots.acquire(NOW)

    def caller(number: int) -> None:
        assert slots.acquire(time.monotonic() + 60)
        served.append(number)
        slots.release()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=caller, args=(number,)))
        threads[-1].start()
        wait_until(lambda number=number: len(slots._waiting) == number + 1)
    slots.release()
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]
    assert slots.free == 1


def test_a_slot_given_to_one_who_was_interrupted_is_passed_on() -> None:
    slots = Slots(1)
    assert slots.acquire(NOW)

    class Turn:
        """A lock whose owner is interrupted at the moment it is given its turn."""

        given = False

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            if timeout != -1:
                slots.release()
                raise SystemExit
            return blocking or self.given

        def release(self) -> None:
            self.given = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework.redis_transport.slots.threading.Lock", Turn)
        with pytest.raises(SystemExit):
            slots.acquire(time.monotonic() + 60)
    assert slots.free == 1
    assert not slots._waiting


def test_a_slot_that_is_given_back_just_before_somebody_waits_is_not_missed() -> None:
    slots = Slots(1)
    assert slots.acquire(NOW)

    class Turn:
        """A lock; while it is made the slot is given back, and nobody is seen waiting yet."""

        def __init__(self) -> None:
            self._lock = lock()
            slots.release()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._lock, name)

    lock = threading.Lock
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework.redis_transport.slots.threading.Lock", Turn)
        assert slots.acquire(NOW)
    assert slots.free == 0
    assert not slots._waiting


def test_many_threads_lose_no_slot(
    at_once: Callable[[list[Callable[[], bool]]], list[bool]],
) -> None:
    slots = Slots(3)

    def caller() -> bool:
        for _ in range(200):
            if slots.acquire(time.monotonic() + 0.0001):
                slots.release()
        return True

    assert at_once([caller] * 20) == [True] * 20
    assert slots.free == 3
