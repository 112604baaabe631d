"""RedisSessionStore: sessions in Redis ≥ 6.2 or Valkey ≥ 7.2.

One hash a session, created by its first write::

    h       version, check of the id, created, absolute deadline, idle timeout (ms of Redis' clock)
    t       last touch (ms)
    n       the nonces of the last 8 commits
    m       only after regeneration: this id was replaced
    u       the user's id, once somebody has logged in
    o       the record of Flask-Session that the session was made of
    l       while a request has the session to itself: its token and when the lease ends (ms)
    =key    a value (MessagePack)
    +key    a whole number
    !…      a flashed message

Reading is one HGETALL. A write is one script, so that no other request comes between its checks and
its writes. Regeneration is the same script with a second key name: it differs by one RENAME, and
two scripts would repeat the rest. Deleting is a script as well, not a bare UNLINK, because the mark
of a replaced id has to outlive a late logout. Expiry is Redis' own and counts on Redis' clock.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from .changes import MAX_COUNTER, MAX_KEYS, MAX_TOTAL_BYTES, Changes, key_of, too_large
from .exceptions import SessionBusy, SessionConflict, SessionGone, SessionUnavailable
from .redis_check import check
from .redis_commands import RedisCommands, read_script
from .redis_users import RedisUserIndex
from .store import RETIRED_FOR, TOUCH_AFTER, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..redis_transport.scripts import Script
    from ..redis_transport.transport import RedisTransport
    from .ids import SessionId

logger = logging.getLogger(__name__)

VERSION = b"1"
LIMITS = (b"%d" % MAX_KEYS, b"%d" % MAX_TOTAL_BYTES, b"%d" % MAX_COUNTER)
NO_PAIRS = (b"0",)


class RedisSessionStore:
    """A ``SessionStore`` in Redis, shared by all nodes.

    :param idle_timeout: seconds an unused new session lives.
    :param absolute_timeout: seconds a new session lives at most.
    """

    def __init__(
        self, transport: RedisTransport, *, idle_timeout: float, absolute_timeout: float
    ) -> None:
        self.transport = transport
        self._redis = RedisCommands(transport)
        self._timeouts = tuple(
            b"%d" % round(seconds * 1000)
            for seconds in (idle_timeout, absolute_timeout, RETIRED_FOR)
        )
        self._commit = read_script("commit")
        self._touch = read_script("touch")
        self._adopt = read_script("adopt")
        self._delete = read_script("delete")
        self._lock = read_script("lock")
        self._unlock = read_script("unlock")
        self.users = RedisUserIndex(self._redis, absolute_timeout=absolute_timeout)
        # Redis' clock less this process' monotonic one, in seconds; learnt from replies.
        self._clock_offset: float | None = None

    def load(self, session_id: SessionId) -> Record | None:
        key = session_id.key
        return self._record(session_id, self._redis.execute(b"HGETALL", key, key=key))

    def load_exclusively(self, session_id: SessionId, token: bytes, lease: float) -> Record | None:
        args = (token, session_id.check, b"%d" % round(lease * 1000))
        status, *flat = self._run_in_time(self._lock, (session_id.key,), args)
        if status == b"busy":
            raise SessionBusy
        return self._record(session_id, flat[0])

    def unlock(self, session_id: SessionId, token: bytes) -> None:
        self._redis.run(self._unlock, (session_id.key,), (token,))

    def commit(
        self,
        session_id: SessionId,
        changes: Changes,
        *,
        create: bool = False,
    ) -> None:
        self._run_commit(session_id, None, changes, create=create)

    def rotate(self, old_id: SessionId, new_id: SessionId, changes: Changes) -> None:
        self._run_commit(old_id, new_id, changes, create=False)

    def adopt(
        self, session_id: SessionId, fields: Mapping[bytes, bytes], remaining: float | None
    ) -> bool:
        """Make a session of data from elsewhere, unless it is there; return whether it was not.

        :param remaining: seconds for which the data would have been kept there, ``None`` for ever.
        """
        idle, absolute, _ = self._timeouts
        left = b"" if remaining is None else b"%d" % round(remaining * 1000)
        flat = (part for item in fields.items() for part in item)
        args = (session_id.check, idle, absolute, left, *flat)
        _, made = self._run_in_time(self._adopt, (session_id.key,), args)
        return bool(made)

    def touch(self, session_id: SessionId, record: Record) -> None:
        # A record from the future: what is known of the clock is wrong, and the reply will tell.
        due_in = record.idle * TOUCH_AFTER
        if record.retired or abs(self._now(session_id.key) - record.touched) < due_in:
            return
        status, now = self._redis.run(self._touch, (session_id.key,))
        self._note_time(now)
        if status == b"unreadable":
            raise SessionUnavailable(f"the record {session_id.key!r} is of an unknown version")

    def delete(self, session_id: SessionId) -> None:
        status, *_ = self._redis.run(self._delete, (session_id.key,))
        if status == b"gone":
            raise SessionGone

    def end(self, name: bytes) -> bool:
        *_, ended = self._redis.run(self._delete, (name,))
        return bool(ended)

    def check(self) -> None:
        check(self.transport)

    def close(self) -> None:
        self.transport.drop_idle()

    def _record(self, session_id: SessionId, flat: list[bytes]) -> Record | None:
        if not flat:
            return None
        items = iter(flat)
        fields: dict[bytes, bytes] = dict(zip(items, items, strict=True))
        header = fields.get(b"h", b"").split(b" ")
        if header[0] != VERSION or len(header) < 5:
            raise SessionUnavailable(f"the record {session_id.key!r} is of an unknown version")
        if header[1] != session_id.check:
            raise self._foreign(session_id)
        if b"m" in fields:
            return Record({}, retired=True)
        try:
            return Record(fields, touched=int(fields[b"t"]) / 1000, idle=int(header[4]) / 1000)
        except (KeyError, ValueError):
            raise SessionUnavailable(f"the record {session_id.key!r} is damaged") from None

    def _run_commit(
        self,
        session_id: SessionId,
        new_id: SessionId | None,
        changes: Changes,
        *,
        create: bool,
    ) -> None:
        keys = (session_id.key, new_id.key) if new_id else (session_id.key,)
        args = (
            changes.nonce,
            session_id.check,
            new_id.check if new_id else b"",
            b"create" if create else b"",
            *self._timeouts,
            *LIMITS,
            changes.lock,
            *_pairs(changes.guards),
            *_pairs(changes.sets),
            b"%d" % len(changes.deletes),
            *changes.deletes,
            *_pairs({name: b"%d" % by for name, by in changes.increments.items()}),
        )
        status, *detail = self._run_in_time(self._commit, keys, args)
        if status != b"ok":
            raise self._refusal(session_id, status, detail)

    def _run_in_time(
        self, script: Script, keys: tuple[bytes, ...], args: tuple[bytes, ...]
    ) -> list[Any]:
        """Run a script that does nothing once nobody waits for it any more.

        What was sent to a hung server, or into a broken network, arrives in the end: after the 503,
        and perhaps after what the visitor has saved since.
        """
        for _ in range(2):
            latest = b"%d" % ((self._now(keys[0]) + self.transport.timeout) * 1000)
            status, now, *detail = self._redis.run(script, keys, (latest, *args))
            self._note_time(now)
            if status != b"late":
                return [status, *detail]
            # Somebody does wait, so what was known of the clock was wrong, as after a failover.
        raise SessionUnavailable("the server's clock runs unevenly")

    def _refusal(self, session_id: SessionId, status: bytes, detail: list[Any]) -> Exception:
        match status:
            case b"conflict":
                return SessionConflict(key_of(detail[0]) if detail else None)
            case b"gone":
                return SessionGone()
            case b"foreign":
                return self._foreign(session_id)
            case b"large":
                return too_large(*detail)
        return SessionUnavailable(f"the record {session_id.key!r} cannot be written: {status!r}")

    def _foreign(self, session_id: SessionId) -> SessionUnavailable:
        """The record of another id came back; no connection can be trusted any more."""
        self.transport.drop_idle()
        logger.critical("the record %r belongs to another session id", session_id.key)
        return SessionUnavailable("the record belongs to another session id")

    def _now(self, key: bytes) -> float:
        """The time in seconds by the clock of the server that has ``key``, or had the last one."""
        if self._clock_offset is None:
            seconds, microseconds = self._redis.execute(b"TIME", key=key)
            self._note_time(int(seconds) * 1000 + int(microseconds) // 1000)
        return time.monotonic() + (self._clock_offset or 0.0)

    def _note_time(self, milliseconds: float) -> None:
        self._clock_offset = milliseconds / 1000 - time.monotonic()


def _pairs(items: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    """The number of pairs, then each name and value."""
    if not items:
        return NO_PAIRS
    return (b"%d" % len(items), *(part for item in items.items() for part in item))
