"""Exclusive sessions: requests of one session that run one after another."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exceptions import SessionBusy, SessionUnavailable

if TYPE_CHECKING:
    from .ids import SessionId
    from .store import Record, SessionStore

ASK_EVERY = 0.02
"""Seconds between two attempts, give or take a half. A waiting request holds no connection."""


@dataclass(frozen=True, slots=True)
class ExclusiveAccess:
    """How long a request may have a session to itself, and how long the next one waits for it.

    :param lease: seconds after which another request may take the session over. The first one can
        then no longer save anything; neither can a node that died, which holds it up for as long.
    :param wait: seconds until a waiting request gives up.
    """

    lease: float = 30.0
    wait: float = 5.0

    def load(self, store: SessionStore, session_id: SessionId, token: bytes) -> Record | None:
        """Load a session when it is this request's turn.

        :raises SessionBusy: it did not come.
        """
        deadline = time.monotonic() + self.wait
        while True:
            try:
                return store.load_exclusively(session_id, token, self.lease)
            except SessionBusy:
                if time.monotonic() >= deadline:
                    raise
            except SessionUnavailable:
                raise
            except BaseException:
                # A timeout of the worker, for one: it may have come after the server's answer.
                with suppress(SessionUnavailable):
                    store.unlock(session_id, token)
                raise
            # Not all at the same moments, and nobody more often than those who wait longer.
            time.sleep(ASK_EVERY * random.uniform(0.5, 1.5))  # noqa: S311
