"""UserIndex: what a store has to do to know which sessions belong to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .ids import SessionId

MAX_SESSIONS = 100
"""A user's next login ends the session that would have ended first."""
REMEMBERED_FOR = 3600
"""Seconds the time of a logout everywhere is kept: no request that logs in lasts longer."""


class Listed(NamedTuple):
    """What came of listing a session."""

    begun: float
    """When the login began, or a little before, on the store's clock and in its unit."""
    surplus: tuple[bytes, ...]
    """The names of the records that have to end, because the user has too many."""


class LoggedOut(NamedTuple):
    """What came of logging a user out everywhere."""

    at: float
    """When, on the store's clock and in its unit; logins that began before are refused."""
    before: float
    """When that was done the last time, or 0."""
    names: list[bytes]
    """The names of the records that were listed."""


class UserIndex(Protocol):
    """The sessions of each user, by the names of their records. Every verb is one atomic step.

    ``user`` is one of ``SessionIds.user_keys``. All verbs may run twice, and raise
    ``SessionUnavailable`` when the store cannot answer.
    """

    def join(self, user: bytes, session_id: SessionId, opened: float) -> Listed:
        """List a session of a login.

        :param opened: when the login began, by ``time.monotonic()``.
        :raises LoginRefused: the user was logged out everywhere since.
        """
        ...

    def confirm(self, user: bytes, begun: float) -> None:
        """Make sure that a login which began at ``begun`` still holds.

        :raises LoginRefused: the user was logged out everywhere since.
        """
        ...

    def leave(self, user: bytes, names: Iterable[bytes]) -> None:
        """Take sessions that have ended off the list."""
        ...

    def log_out(self, user: bytes) -> LoggedOut:
        """Refuse all logins that have begun; the sessions are left to the caller."""
        ...
