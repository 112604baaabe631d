"""Users: which sessions belong to a user, so that they can be ended from anywhere.

A user's list and the sessions on it may lie on different servers of a cluster, so no single step
changes both. What makes it safe is the order. A login is listed before its session names the user:
whoever is logged in can be found. And a logout everywhere leaves its time before it reads the list;
a login looks for that time when it is listed and again when it is done, so one of the two always
sees the other. What counts is when the login's request opened its session: a password that was
checked before the logout does not let anybody in after it. A login within the same moment, the
length of one round trip, may be refused as well.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from .exceptions import LoginRefused, SessionUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection

    from .ids import SessionId, SessionIds
    from .session import UserId
    from .store import SessionStore


class UserSessions:
    """Logs users in and out, across all of their sessions."""

    def __init__(self, store: SessionStore, ids: SessionIds) -> None:
        self._store = store
        self._ids = ids

    def join(self, user_id: UserId, session_id: SessionId, opened: float) -> float:
        """List a session that is about to name its user; return what ``confirm`` wants to know.

        :param opened: when the login's request opened its session, by ``time.monotonic()``.
        :raises LoginRefused: the user was logged out everywhere since.
        """
        user, *_ = self._ids.user_keys(user_id)
        listed = self._store.users.join(user, session_id, opened)
        self._end(user, listed.surplus)
        return listed.begun

    def confirm(self, user_id: UserId, session_id: SessionId, begun: float) -> None:
        """Make sure that nobody has missed the session that now names its user.

        :raises LoginRefused: the user was logged out everywhere meanwhile, and so is this session.
        """
        user, *_ = self._ids.user_keys(user_id)
        try:
            self._store.users.confirm(user, begun)
        except LoginRefused:
            self._end(user, [session_id.key])
            raise

    def leave(self, user_id: UserId, session_id: SessionId) -> None:
        """Forget a session that has ended. If that fails, it is forgotten at its deadline."""
        for user in self._ids.user_keys(user_id):
            with suppress(SessionUnavailable):
                self._store.users.leave(user, [session_id.key])

    def log_out(self, user_id: UserId) -> int:
        """End all sessions of a user; return how many there were.

        Takes one step for each session. If one fails, calling it again ends the rest.
        """
        ended = 0
        for user in self._ids.user_keys(user_id):
            names = self._store.users.log_out(user).names
            ended += self._end(user, names)
        return ended

    def log_out_elsewhere(
        self, user_id: UserId, keep: Collection[bytes], begun: float | None = None
    ) -> float:
        """End all sessions of a user but those in the records ``keep``.

        :param begun: if one of them is a login that has just been listed: what ``join`` returned.
        :returns: the same for this login from now on.
        :raises LoginRefused: somebody else has logged the user out everywhere since.
        """
        user, *former = self._ids.user_keys(user_id)
        logged_out = self._store.users.log_out(user)
        if begun is not None and logged_out.before > begun:
            raise LoginRefused
        self._end(user, [name for name in logged_out.names if name not in keep])
        for other in former:
            names = self._store.users.log_out(other).names
            self._end(other, [name for name in names if name not in keep])
        return logged_out.at

    def _end(self, user: bytes, names: Collection[bytes]) -> int:
        ended = sum(self._store.end(name) for name in names)
        if names:
            self._store.users.leave(user, names)
        return ended
