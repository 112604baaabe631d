"""The pool of connections: SQLAlchemy's, with a lighter queue for those that nobody uses.

SQLAlchemy's own takes a lock and notifies others at each request, in Python. A list needs none for
adding and taking at its end; only who has to wait for a connection needs one.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from sqlalchemy.pool import QueuePool
from sqlalchemy.util.queue import Empty, Full, QueueCommon


class IdleConnections(QueueCommon[Any]):
    """A stack: the connection that was used last is used next, and the others can be closed.

    It makes nobody wait to put one back: there are never more than the pool has made.
    """

    def __init__(self, maxsize: int = 0, use_lifo: bool = True) -> None:
        self.maxsize = maxsize
        self.use_lifo = use_lifo
        self._stack: list[Any] = []
        self._waiting = 0
        self._returned = threading.Condition()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if 0 < self.maxsize <= len(self._stack):
            raise Full
        self._stack.append(item)
        # Whoever waits has said so before looking at the stack for the last time.
        if self._waiting:
            with self._returned:
                self._returned.notify()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self._stack.pop()
        except IndexError:
            if not block:
                raise Empty from None
        return self._wait(timeout)

    def _wait(self, timeout: float | None) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._returned:
            self._waiting += 1
            try:
                while True:
                    # What was put back may go to somebody who did not wait.
                    with suppress(IndexError):
                        return self._stack.pop()
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        raise Empty
                    self._returned.wait(left)
            finally:
                self._waiting -= 1

    def put_nowait(self, item: Any) -> None:
        self.put(item, block=False)

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def qsize(self) -> int:
        return len(self._stack)

    def empty(self) -> bool:
        return not self._stack

    def full(self) -> bool:
        return 0 < self.maxsize <= len(self._stack)


class LightPool(QueuePool):
    """SQLAlchemy's pool; were it not to know the attribute any more, it would only be slower."""

    _queue_class = IdleConnections
