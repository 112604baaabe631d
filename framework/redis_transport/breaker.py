"""Breaker: after a few failures in a row, stop asking for a moment."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from .exceptions import RedisUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

FAILURES = 5
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 0.5


class Breaker:
    """Answers at once while a server is away, and lets one call a pause through to try.

    :param name: what is guarded, for the log; free of passwords.
    :param clock: the time in seconds, never going back.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._last_failure = ""
        self._pause = FIRST_PAUSE
        self._next_try = 0.0

    def check(self) -> None:
        """Return when a call may be made.

        :raises RedisUnavailable: the server failed a moment ago.
        """
        if self._failures < FAILURES:
            return
        with self._lock:
            now = self._clock()
            if now < self._next_try:
                raise RedisUnavailable(
                    f"{self.name} failed {self._failures} times in a row: {self._last_failure}"
                )
            # Everybody else keeps waiting while this one tries.
            self._next_try = now + LONGEST_PAUSE

    def failed(self, error: BaseException) -> None:
        """Note a call that failed."""
        with self._lock:
            self._failures += 1
            self._last_failure = str(error)
            if self._failures < FAILURES:
                return
            if self._failures == FAILURES:
                self._pause = FIRST_PAUSE
                logger.warning("%s is unavailable: %s", self.name, error)
            self._next_try = self._clock() + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def succeeded(self) -> None:
        """Note a call that was answered."""
        if not self._failures:
            return
        with self._lock:
            if self._failures >= FAILURES:
                logger.info("%s is available again", self.name)
            self._failures = 0
