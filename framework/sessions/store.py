"""SessionStore: what a store of sessions has to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .changes import Changes
    from .ids import SessionId
    from .user_index import UserIndex

# A session that is used moves its idle deadline only after this part of the idle timeout has
# passed, so the effective timeout is 90 to 100 % of the configured one.
TOUCH_AFTER = 0.1
# How long, in seconds, a replaced id is known as such. Requests that were on their way with it get
# an empty session that neither writes nor replaces the cookie of the new one.
RETIRED_FOR = 10


@dataclass(frozen=True, slots=True)
class Record:
    """A loaded session.

    :param fields: the stored fields; may hold more than the session's own.
    :param touched: when it was last written or touched, in seconds on the store's clock.
    :param idle: its idle timeout in seconds.
    :param retired: its id was replaced; there are no fields.
    """

    fields: Mapping[bytes, bytes]
    touched: float = 0.0
    idle: float = 0.0
    retired: bool = False


class SessionStore(Protocol):
    """Keeps sessions by id. Every verb is one atomic step.

    Two commits to one session both take effect when they write different keys. When both write one
    key, the later wins, unless its guards say that it depended on what it had read: then it is
    refused. A session that was deleted or has expired stays so, whoever still holds it.

    All verbs raise ``SessionUnavailable`` when the store cannot answer.
    """

    @property
    def users(self) -> UserIndex:
        """Which sessions belong to a user."""
        ...

    def load(self, session_id: SessionId) -> Record | None:
        """Return the record, ``None`` for an id the store does not know."""
        ...

    def load_exclusively(self, session_id: SessionId, token: bytes, lease: float) -> Record | None:
        """Load a session and have it to oneself, until it is given back or ``lease`` seconds end.

        It is given back by ``unlock``, and by a commit of changes with that ``lock``. A record
        without data to change, of a replaced id, is not locked.

        :raises SessionBusy: another request has it.
        """
        ...

    def unlock(self, session_id: SessionId, token: bytes) -> None:
        """Give a session back; fine if it has ended or belongs to another request by now."""
        ...

    def commit(
        self,
        session_id: SessionId,
        changes: Changes,
        *,
        create: bool = False,
    ) -> None:
        """Apply ``changes`` and move the idle deadline.

        :param create: the session is new; nothing else ever creates one.
        :raises SessionConflict: a guarded field has changed, or the lock is another request's.
        :raises SessionGone: there is no such session (any more), or its id was replaced.
        :raises SessionTooLarge: the session would pass 128 keys or 64 KiB.
        """
        ...

    def rotate(self, old_id: SessionId, new_id: SessionId, changes: Changes) -> None:
        """Apply ``changes``, move the session to ``new_id`` and restart its absolute timeout.

        :raises: as ``commit``.
        """
        ...

    def touch(self, session_id: SessionId, record: Record) -> None:
        """Move the idle deadline of a session that was only read, when it is time to.

        Does nothing for a session that has ended meanwhile.
        """
        ...

    def delete(self, session_id: SessionId) -> None:
        """End a session; one that has ended already is fine.

        :raises SessionGone: the id was replaced, so the session lives on under another one.
        """
        ...

    def end(self, name: bytes) -> bool:
        """End the session in the record ``name``, whoever's it is; return whether there was one."""
        ...

    def check(self) -> None:
        """Make sure that the store can be used; one that is just starting is waited for.

        :raises SessionConfigError: it cannot; says what to do.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
