"""ServerSideSession: a session whose data is in a store, and whose visitor has its id."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from . import codec
from .session import Session

if TYPE_CHECKING:
    from ..redis_transport.budget import TimeBudget
    from .changes import Changes
    from .ids import SessionId, SessionIds
    from .store import Record


class ServerSideSession(Session):
    """A session with the id its visitor sent and the record that was found, if there were any.

    :param budget: what this request may still wait for the store.
    """

    def __init__(
        self,
        ids: SessionIds,
        budget: TimeBudget,
        presented: SessionId | None = None,
        record: Record | None = None,
    ) -> None:
        super().__init__(
            codec,
            record.fields if record else None,
            session_id=presented.value if presented and record else None,
        )
        self.origin = (presented, record) if presented and record else None
        self.opened = time.monotonic()
        self.budget = budget
        self.lock = b""
        self.next_id: SessionId | None = None
        self._presented = presented
        self._ids = ids

    def delete(self) -> None:
        super().delete()
        self._presented = self.next_id = None

    def changes(self) -> Changes:
        changes = super().changes()
        return replace(changes, lock=self.lock) if self.lock else changes

    @property
    def csrf_token(self) -> str:
        self.accessed = True
        return self._ids.csrf.make(self._id_from_now_on().value.encode())

    def is_csrf_token(self, token: str | None) -> bool:
        self.accessed = True
        sent = self._presented
        return sent is not None and self._ids.csrf.verify(sent.value.encode(), token)

    def new_id(self) -> SessionId:
        """The id that this request gives the session; the same one each time."""
        if self.next_id is None:
            # The tag of the old id, for the record stays in its slot of a cluster.
            tag = self._presented.tag if self._presented and self.origin else None
            self.next_id = self._ids.new(tag)
        return self.next_id

    def records(self) -> set[bytes]:
        """The names of the records that are this session's, before and after this request."""
        ids = (self.origin[0] if self.origin else None, self.next_id)
        return {session_id.key for session_id in ids if session_id is not None}

    def _id_from_now_on(self) -> SessionId:
        begins = self.new and self.modified
        if self._presented is None or self.regenerated or begins:
            return self.new_id()
        return self._presented
