"""RedisUserIndex: which sessions belong to a user, in Redis.

``s:u:{hash}`` is a sorted set of records' names by the absolute deadlines of the sessions, and
``s:u:{hash}:x`` the time of the last logout everywhere. Both expire.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .exceptions import LoginRefused
from .redis_commands import read_script
from .user_index import MAX_SESSIONS, REMEMBERED_FOR, Listed, LoggedOut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .ids import SessionId
    from .redis_commands import RedisCommands

CLOCK_MARGIN = 60
"""Seconds by which the clocks of a cluster's servers may differ."""


class RedisUserIndex:
    """The ``UserIndex`` of a ``RedisSessionStore``."""

    def __init__(self, redis: RedisCommands, *, absolute_timeout: float) -> None:
        self._redis = redis
        self._absolute_timeout = absolute_timeout
        self._join = read_script("user_join")
        self._log_out = read_script("user_end")

    def join(self, user: bytes, session_id: SessionId, opened: float) -> Listed:
        args = (
            session_id.key,
            b"%d" % round(self._absolute_timeout * 1000),
            b"%d" % MAX_SESSIONS,
            b"%d" % (CLOCK_MARGIN * 1000),
        )
        now, logged_out, surplus = self._redis.run(self._join, _keys(user), args)
        # Measured now, so that the time the reply took can only make it earlier.
        begun = int(now) - (time.monotonic() - opened) * 1_000_000
        if int(logged_out) > begun:
            self.leave(user, [session_id.key])
            raise LoginRefused
        return Listed(begun, tuple(surplus))

    def confirm(self, user: bytes, begun: float) -> None:
        _, mark = _keys(user)
        logged_out = self._redis.execute(b"GET", mark, key=mark)
        if logged_out is not None and int(logged_out) > begun:
            raise LoginRefused

    def leave(self, user: bytes, names: Iterable[bytes]) -> None:
        self._redis.execute(b"ZREM", user, *names, key=user)

    def log_out(self, user: bytes) -> LoggedOut:
        remembered = b"%d" % (REMEMBERED_FOR * 1000)
        at, before, names = self._redis.run(self._log_out, _keys(user), (remembered,))
        return LoggedOut(int(at), int(before), names)


def _keys(user: bytes) -> tuple[bytes, bytes]:
    return user, user + b":x"
