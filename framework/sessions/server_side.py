"""ServerSideSessionInterface: the cookie holds a signed id, a ``SessionStore`` holds the data."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from ..redis_transport.budget import TimeBudget
from ..redis_transport.exceptions import RedisURLError
from . import codec
from .changes import USER
from .exceptions import SessionConfigError, SessionConflict, SessionGone, SessionUnavailable
from .exclusive import ExclusiveAccess
from .fields import decode
from .headers import forbid_storing, vary_by_cookie
from .ids import SessionIds
from .interface import SessionInterface, SessionSettings, cookie_from, secret_keys
from .server_side_session import ServerSideSession
from .users import UserSessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from werkzeug.wrappers import Request, Response

    from .changes import Changes
    from .headers import SessionCookie
    from .ids import SessionId
    from .session import Session, UserId
    from .store import Record, SessionStore

MOST_REPEATS = 100
"""Each repeat is lost to one other request that was saved, so there can hardly be more."""
TOKEN_BYTES = 8
EXCLUSIVE = ExclusiveAccess()


class ServerSideSessionInterface(SessionInterface):
    """The cookie holds a signed id, a ``SessionStore`` holds the data.

    An id that was not signed here costs the store nothing, and one the store does not know is never
    adopted: the visitor's first write makes a new one.

    :param time_budget: seconds one request may wait for the store, all its commands together.
    :param anonymous_fallback: while the store is away, visitors are anonymous and their sessions
        read-only, instead of an answer with 503.
    """

    can_be_exclusive = True

    def __init__(
        self,
        store: SessionStore,
        ids: SessionIds,
        cookie: SessionCookie,
        *,
        time_budget: float = 0.25,
        exclusive: ExclusiveAccess = EXCLUSIVE,
        anonymous_fallback: bool = False,
    ) -> None:
        self.store = store
        self.ids = ids
        self.cookie = cookie
        self.users = UserSessions(store, ids)
        self.time_budget = time_budget
        self.exclusive = exclusive
        self.anonymous_fallback = anonymous_fallback

    @classmethod
    def from_config(cls, config: SessionSettings) -> Self:
        from ..redis_transport.transport import RedisTransport
        from .redis_store import RedisSessionStore

        if not config.redis_url:
            raise SessionConfigError(
                "Sessions in Redis need REDIS_URL, for example redis://cache.internal:6379/0."
            )
        try:
            transport = RedisTransport(config.redis_url, timeout=config.session_redis_timeout)
        except RedisURLError as error:
            raise SessionConfigError(f"REDIS_URL: {error}") from None
        store = RedisSessionStore(
            transport,
            idle_timeout=config.session_idle_timeout,
            absolute_timeout=config.session_absolute_timeout,
        )
        return cls(
            store,
            SessionIds(secret_keys(config)),
            cookie_from(config),
            time_budget=config.session_redis_timeout,
            exclusive=ExclusiveAccess(
                config.session_exclusive_lease, config.session_exclusive_wait
            ),
            anonymous_fallback=config.session_anonymous_fallback,
        )

    def open(self, request: Request, *, exclusive: bool = False) -> ServerSideSession:
        return self.open_id(self.verified_id(request), exclusive=exclusive)

    def verified_id(self, request: Request) -> SessionId | None:
        """Return the id in the cookie, if it was signed here; the store may not know it."""
        value = self.cookie.read(request)
        return self.ids.verify(value) if value else None

    def open_id(
        self, session_id: SessionId | None, *, exclusive: bool = False
    ) -> ServerSideSession:
        """Return the session of an id, a new one if there is none."""
        budget = TimeBudget(self.time_budget)
        if session_id is None:
            return ServerSideSession(self.ids, budget)
        try:
            return self._load(session_id, budget, exclusive=exclusive)
        except SessionUnavailable:
            if not self.anonymous_fallback:
                raise
            session = ServerSideSession(self.ids, budget, session_id)
            session.unavailable = True
            return session

    def _load(
        self, session_id: SessionId, budget: TimeBudget, *, exclusive: bool
    ) -> ServerSideSession:
        token = b""
        if exclusive:
            token = os.urandom(TOKEN_BYTES).hex().encode()
            record = self.exclusive.load(self.store, session_id, token)
        else:
            with budget:
                record = self.store.load(session_id)
        session = ServerSideSession(self.ids, budget, session_id, record)
        if record is not None and not record.retired:
            session.lock = token
        return session

    def save(self, request: Request, session: Session, response: Response) -> None:
        if not isinstance(session, ServerSideSession):
            return
        try:
            if session.accessed:
                vary_by_cookie(response)
                with session.budget:
                    self._save(request, session, response)
        finally:
            if session.lock:
                self.release(session)

    def release(self, session: Session) -> None:
        """Give back a session that the request had to itself, unless its commit did."""
        if not isinstance(session, ServerSideSession) or not session.lock or not session.origin:
            return
        token, session.lock = session.lock, b""
        # If that fails, the lease ends it.
        with suppress(SessionUnavailable), session.budget:
            self.store.unlock(session.origin[0], token)

    def log_out_everywhere(self, user_id: UserId) -> int:
        return self.users.log_out(user_id)

    def check(self) -> None:
        self.store.check()

    def close(self) -> None:
        self.store.close()

    def _save(self, request: Request, session: ServerSideSession, response: Response) -> None:
        if session.unavailable:
            forbid_storing(response)
            return
        if session.deleted:
            self._end(session)
        changes = session.changes()
        origin = None if session.new else session.origin
        if origin is None:
            self._save_new(request, session, response, changes)
        elif session.regenerated:
            self.cookie.require_https(request)
            self._save_under_new_id(session, changes)
            self.cookie.write(request, response, session.new_id().value)
        else:
            self._save_in_place(session, *origin, changes)

    def _end(self, session: ServerSideSession) -> None:
        """Delete the record that the request began with."""
        if session.origin is None:
            return
        session_id, record = session.origin
        self.store.delete(session_id)
        session.lock = b""
        if (user_id := _user_of(record)) is not None:
            self.users.leave(user_id, session_id)

    def _save_new(
        self, request: Request, session: ServerSideSession, response: Response, changes: Changes
    ) -> None:
        if changes:
            self.cookie.require_https(request)
            self._save_under_new_id(session, changes)
        if changes or session.next_id is not None:
            # Without a record, an id on which the token of a form depends.
            self.cookie.write(request, response, session.new_id().value)
        elif session.deleted:
            self.cookie.clear(request, response)

    def _save_under_new_id(self, session: ServerSideSession, changes: Changes) -> None:
        """Create the record or move it; a session with a user has to be on the user's list."""
        new_id, user_id = session.new_id(), session.user_id
        begun = 0.0
        if user_id is not None:
            begun = self.users.join(user_id, new_id, session.opened)
            if session.logs_out_elsewhere:
                begun = self.users.log_out_elsewhere(user_id, session.records(), begun)
        try:
            self._store_under(new_id, session, changes)
        except SessionConflict:
            if user_id is not None:
                self.users.leave(user_id, new_id)
            raise
        if user_id is not None:
            self.users.confirm(user_id, new_id, begun)
        session.session_id = new_id.value

    def _store_under(self, new_id: SessionId, session: ServerSideSession, changes: Changes) -> None:
        if session.new or session.origin is None:
            self.store.commit(new_id, changes, create=True)
            return
        old_id, record = session.origin
        self._write(session, old_id, changes, partial(self.store.rotate, old_id, new_id))
        if (former := _user_of(record)) is not None:
            self.users.leave(former, old_id)

    def _save_in_place(
        self, session: ServerSideSession, session_id: SessionId, record: Record, changes: Changes
    ) -> None:
        if session.logs_out_elsewhere and session.user_id is not None:
            self.users.log_out_elsewhere(session.user_id, session.records())
        if changes:
            self._write(session, session_id, changes, partial(self.store.commit, session_id))
        else:
            # A session that cannot be touched now is still good for what was read.
            with suppress(SessionUnavailable):
                self.store.touch(session_id, record)

    def _write(
        self,
        session: ServerSideSession,
        session_id: SessionId,
        changes: Changes,
        write: Callable[[Changes], None],
    ) -> None:
        """Write the changes; again with new ones where ``update_atomic`` lost a race."""
        for _ in range(MOST_REPEATS):
            try:
                write(changes)
            except SessionConflict as conflict:
                if not session.can_repeat(conflict.key):
                    raise
            else:
                session.lock = b""
                return
            record = self.store.load(session_id)
            if record is None or record.retired:
                raise SessionGone
            session.repeat_on(record.fields)
            changes = session.changes()
        raise SessionConflict


def _user_of(record: Record) -> UserId | None:
    data = record.fields.get(USER)
    return None if data is None else decode(codec.decode, data)
