"""Lookout: when to ask again where the servers are, and who does it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from .connections import seconds_until

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds between two looks at least, and for one that others could do without.
PAUSE = 0.1
LIMIT = 0.1


class Lookout:
    """Has one caller look when it is time to, while the others go on with what is known.

    :param every: seconds after which it is time again.
    """

    def __init__(self, *, every: float) -> None:
        self._every = every
        self._due = 0.0
        self._earliest = 0.0
        self._lock = threading.Lock()

    def soon(self) -> None:
        """Look again at the next opportunity, for something has gone wrong."""
        self._due = self._earliest

    def keep(self, look: Callable[[float], None], deadline: float, *, known: bool) -> None:
        """Look if it is time to.

        :param look: is given its deadline.
        :param known: there is something to go on with meanwhile; otherwise a look of somebody else
            is waited for.
        """
        now = time.monotonic()
        if now < self._due:
            return
        if known:
            deadline = min(deadline, now + LIMIT)
            if not self._lock.acquire(blocking=False):
                return
        elif not self._lock.acquire(timeout=seconds_until(deadline)):
            return
        try:
            if now >= self._due:
                self._look_and_note(look, deadline)
        finally:
            self._lock.release()

    def _look_and_note(self, look: Callable[[float], None], deadline: float) -> None:
        try:
            look(deadline)
        finally:
            now = time.monotonic()
            self._due, self._earliest = now + self._every, now + PAUSE
