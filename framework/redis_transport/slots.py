"""Slots: at most so many callers at a time; the others wait in line."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress


class Slots:
    """A semaphore that stays right when a waiting caller is interrupted.

    ``threading.Semaphore`` can lose a slot when ``gevent.Timeout`` is raised inside of it, because
    it may wait for its own lock while giving one back. Here nothing waits but a caller for its own
    turn, and one that gives up passes a slot on that it was given at the same moment.

    Where nobody waits, a slot is an entry taken off a list, which is one step without a lock.
    """

    def __init__(self, count: int) -> None:
        self._free = [None] * count
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    @property
    def free(self) -> int:
        return len(self._free)

    def acquire(self, deadline: float) -> bool:
        """Take a slot; ``False`` if none is free until ``deadline`` on the monotonic clock."""
        if not self._waiting:
            try:
                self._free.pop()
            except IndexError:
                pass
            else:
                return True
        return self._wait(deadline)

    def release(self) -> None:
        """Give a slot back, to whoever has waited longest."""
        self._free.append(None)
        if self._waiting:
            self._hand_out()

    def _wait(self, deadline: float) -> bool:
        turn = threading.Lock()
        turn.acquire()
        granted = False
        try:
            with self._mutex:
                self._waiting.append(turn)
            # For a slot that was given back before anybody could see that somebody waits.
            self._hand_out()
            granted = turn.acquire(timeout=max(deadline - time.monotonic(), 0))
        finally:
            if not granted:
                self._give_up(turn)
        return granted

    def _hand_out(self) -> None:
        with self._mutex, suppress(IndexError):
            while self._waiting:
                self._free.pop()
                self._waiting.popleft().release()

    def _give_up(self, turn: threading.Lock) -> None:
        with self._mutex:
            with suppress(ValueError):
                self._waiting.remove(turn)
            given = turn.acquire(blocking=False)
        if given:
            self.release()
