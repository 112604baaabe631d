"""MemorySessionStore: sessions in this process, by the rules of the store in Redis."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .changes import Changes, apply_changes
from .exceptions import LoginRefused, SessionBusy, SessionConflict, SessionGone
from .store import RETIRED_FOR, TOUCH_AFTER, Record
from .user_index import MAX_SESSIONS, Listed, LoggedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .ids import SessionId

KNOWN_NONCES = 8


@dataclass(slots=True)
class _Stored:
    idle: float
    deadline: float
    touched: float
    fields: dict[bytes, bytes] = field(default_factory=dict)
    nonces: list[bytes] = field(default_factory=list)
    retired_until: float | None = None
    holder: bytes = b""
    held_until: float = 0.0

    @property
    def expires(self) -> float:
        return self.retired_until or min(self.touched + self.idle, self.deadline)


class MemorySessionStore:
    """Sessions in this process, for tests: lost at exit and unknown to other workers.

    :param clock: the time in seconds.
    """

    def __init__(
        self,
        *,
        idle_timeout: float,
        absolute_timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.idle_timeout = idle_timeout
        self.absolute_timeout = absolute_timeout
        self.users = MemoryUserIndex(absolute_timeout, clock)
        self._clock = clock
        self._records: dict[bytes, _Stored] = {}
        self._lock = threading.Lock()

    def load(self, session_id: SessionId) -> Record | None:
        with self._lock:
            return _record(self._find(session_id))

    def load_exclusively(self, session_id: SessionId, token: bytes, lease: float) -> Record | None:
        with self._lock:
            stored = self._find(session_id)
            if stored is not None and not stored.retired_until:
                now = self._clock()
                if stored.holder not in (b"", token) and now < stored.held_until:
                    raise SessionBusy
                stored.holder, stored.held_until = token, now + lease
            return _record(stored)

    def unlock(self, session_id: SessionId, token: bytes) -> None:
        with self._lock:
            stored = self._find(session_id)
            if stored is not None and stored.holder == token:
                stored.holder = b""

    def commit(
        self,
        session_id: SessionId,
        changes: Changes,
        *,
        create: bool = False,
    ) -> None:
        with self._lock:
            self._commit(session_id, changes, create=create)

    def rotate(self, old_id: SessionId, new_id: SessionId, changes: Changes) -> None:
        with self._lock:
            moved = self._find(new_id)
            if moved is not None and changes.nonce in moved.nonces:
                return
            self._commit(old_id, changes)
            now = self._clock()
            stored = self._records[old_id.key]
            self._records[new_id.key] = _Stored(
                idle=self.idle_timeout,
                deadline=now + self.absolute_timeout,
                touched=now,
                fields=stored.fields,
                nonces=stored.nonces,
            )
            stored.fields, stored.retired_until = {}, now + RETIRED_FOR

    def touch(self, session_id: SessionId, record: Record) -> None:
        with self._lock:
            now = self._clock()
            stored = self._find(session_id)
            due = not record.retired and now >= record.touched + record.idle * TOUCH_AFTER
            if due and stored is not None and not stored.retired_until:
                stored.touched = now

    def delete(self, session_id: SessionId) -> None:
        with self._lock:
            stored = self._find(session_id)
            if stored is not None and stored.retired_until:
                raise SessionGone
            self._records.pop(session_id.key, None)

    def end(self, name: bytes) -> bool:
        with self._lock:
            stored = self._records.get(name)
            if stored is None or stored.retired_until:
                return False
            del self._records[name]
            return stored.expires > self._clock()

    def check(self) -> None:
        return

    def close(self) -> None:
        return

    def _find(self, session_id: SessionId) -> _Stored | None:
        stored = self._records.get(session_id.key)
        if stored is None:
            return None
        if stored.expires <= self._clock():
            del self._records[session_id.key]
            return None
        return stored

    def _commit(self, session_id: SessionId, changes: Changes, *, create: bool = False) -> None:
        now = self._clock()
        stored = self._find(session_id)
        if stored is not None and changes.nonce in stored.nonces:
            return
        if create and stored is None:
            stored = _Stored(self.idle_timeout, now + self.absolute_timeout, now)
        elif create or stored is None or stored.retired_until:
            raise SessionGone
        if changes.lock and stored.holder != changes.lock:
            raise SessionConflict
        stored.fields = apply_changes(stored.fields, changes)
        if changes.lock:
            stored.holder = b""
        stored.nonces = [changes.nonce, *stored.nonces][:KNOWN_NONCES]
        stored.touched = now
        self._records[session_id.key] = stored


def _record(stored: _Stored | None) -> Record | None:
    if stored is None:
        return None
    if stored.retired_until:
        return Record({}, retired=True)
    return Record(dict(stored.fields), touched=stored.touched, idle=stored.idle)


class MemoryUserIndex:
    """The ``UserIndex`` of a ``MemorySessionStore``."""

    def __init__(self, absolute_timeout: float, clock: Callable[[], float]) -> None:
        self._absolute_timeout = absolute_timeout
        self._clock = clock
        self._deadlines: dict[bytes, dict[bytes, float]] = {}
        self._logged_out: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def join(self, user: bytes, session_id: SessionId, opened: float) -> Listed:
        with self._lock:
            now = self._clock()
            self._refuse_if_logged_out(user, opened)
            listed = self._deadlines.setdefault(user, {})
            listed[session_id.key] = now + self._absolute_timeout
            for name in [name for name, deadline in listed.items() if deadline < now]:
                del listed[name]
            others = sorted(listed.keys() - {session_id.key}, key=listed.__getitem__)
            return Listed(opened, tuple(others[: max(0, len(listed) - MAX_SESSIONS)]))

    def confirm(self, user: bytes, begun: float) -> None:
        with self._lock:
            self._refuse_if_logged_out(user, begun)

    def leave(self, user: bytes, names: Iterable[bytes]) -> None:
        with self._lock:
            for name in names:
                self._deadlines.get(user, {}).pop(name, None)

    def log_out(self, user: bytes) -> LoggedOut:
        with self._lock:
            now, before = time.monotonic(), self._logged_out.get(user, 0.0)
            self._logged_out[user] = now
            return LoggedOut(now, before, list(self._deadlines.get(user, {})))

    def _refuse_if_logged_out(self, user: bytes, begun: float) -> None:
        if begun < self._logged_out.get(user, begun):
            raise LoginRefused
