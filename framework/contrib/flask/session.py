"""FlaskSession: what ``flask.session`` stands for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flask.sessions import NullSession, SessionMixin
from werkzeug.exceptions import HTTPException

from ...sessions import Session, codec
from ...sessions.changes import VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from werkzeug.wrappers import Request, Response

    from ...sessions import SessionInterface
    from ...sessions.session import UserId

FLASHES = "_flashes"
PERMANENT = "_permanent"


class KeylessSession(NullSession):
    """What ``flask.session`` is without ``SECRET_KEY``: empty, and Flask's error when changed."""

    def _refuse(self, *args: object, **kwargs: object) -> None:
        self.clear()

    incr = update_atomic = regenerate = log_in = log_out_elsewhere = _refuse


class FlaskSession(SessionMixin):
    """What ``flask.session`` stands for: a session that is loaded when it is first looked at.

    Flask keeps flashed messages in a list under one key. Here each is stored for itself, so that
    messages which are flashed at the same moment are all kept; the list is what they look like.

    :param permanent: whether a session is permanent that does not say so itself.
    :param login_keys: keys that say who is logged in; the session gets a new id when one is set or
        removed.
    """

    def __init__(
        self,
        request: Request,
        sessions: SessionInterface,
        *,
        permanent: bool,
        login_keys: Collection[str],
    ) -> None:
        self.request = request
        self.accessed = False
        self.saved = False
        self.failure: HTTPException | None = None
        self.permanence_changed = False
        self._sessions = sessions
        self._permanent = permanent
        self._login_keys = login_keys
        self._opened: Session | None = None
        self._unwanted = False
        self._says_permanent = False
        self._flashes: list[Any] | None = None
        self._known_flashes: list[Any] = []

    @property
    def is_open(self) -> bool:
        """Whether anybody has looked at the session."""
        return self._opened is not None

    @property
    def opened(self) -> Session:
        """The session itself, with what Flask's own sessions cannot do.

        :raises SessionUnavailable: it cannot be loaded. Whoever asks after that, an error page for
            example, gets an empty session, and if something is written to it, the answer is a 503.
        """
        if self._opened is None:
            self.accessed = True
            try:
                self._opened = self._sessions.open(self.request)
            except HTTPException as error:
                self.failure = error
                self._opened = Session(codec)
                raise
        return self._opened

    def save(self, response: Response, *, refresh: bool) -> None:
        """Write what the request changed.

        :param refresh: that it was read counts as use, and moves the idle deadline.
        :raises HTTPException: the answer has to be another one.
        """
        if self.failure is not None:
            # The answer at hand is either the one to this failure, or comes from a view that went
            # on without the session; but not if it is the 500 of a failure outside of the view.
            if self.failure is sys.exception() or self.modified:
                raise self.failure
            return
        if self._unwanted or self._is_bare() or not (refresh or self.modified):
            return
        self._pass_flashes_on()
        try:
            if self._says_permanent:
                self.permanence_changed = VALUE + PERMANENT.encode() in self.opened.changes().sets
            self._sessions.save(self.request, self.opened, response)
        except HTTPException as error:
            self.failure = error
            raise

    def _is_bare(self) -> bool:
        """Whether this is a new session that would hold nothing but that it is permanent."""
        return self.opened.new and not self.opened.deleted and list(self) == [PERMANENT]

    # The flags of Flask's sessions

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether the visitor came without a session."""
        return self.opened.new

    @property
    def permanent(self) -> bool:
        """Whether the browser keeps the session when it is closed."""
        return bool(self.get(PERMANENT, self._permanent))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self[PERMANENT] = bool(value)

    @property
    def modified(self) -> bool:
        """Whether there is something to save, changes inside of values included.

        Setting it to ``True`` is not needed to have such changes saved; it counts as a use of the
        session. After ``False`` nothing is saved, unless the session is changed again.
        """
        if not self.is_open or self._unwanted:
            return False
        self._pass_flashes_on()
        return self.opened.modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self.opened.accessed = True
        self._unwanted = not value

    # The mapping

    def __getitem__(self, key: str) -> Any:
        if key != FLASHES:
            return self.opened[key]
        if flashes := self._flash_list():
            return flashes
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._unwanted = False
        if key == FLASHES:
            self._flash_list()
            self._flashes = value
            return
        self._says_permanent |= key == PERMANENT
        self.opened[key] = value
        self._note_login(key)

    def __delitem__(self, key: str) -> None:
        self._unwanted = False
        if key == FLASHES:
            self._flash_list()
            self._flashes = []
            return
        del self.opened[key]
        self._note_login(key)

    def __contains__(self, key: object) -> bool:
        return bool(self._flash_list()) if key == FLASHES else key in self.opened

    def __iter__(self) -> Iterator[str]:
        yield from self.opened
        if self._flash_list():
            yield FLASHES

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        state = repr(self._opened) if self.is_open else "not loaded"
        return f"<{type(self).__name__} {state}>"

    def clear(self) -> None:
        """End the session, as a logout does. What is set afterwards begins one with a new id."""
        self._unwanted = False
        self._flashes = None
        self.opened.delete()

    # What Flask's own sessions cannot do

    def incr(self, key: str, by: int = 1) -> int:
        """See ``Session.incr``."""
        return self.opened.incr(key, by)

    def update_atomic(
        self, key: str, function: Callable[[Any], Any], *, default: object = None
    ) -> Any:
        """See ``Session.update_atomic``."""
        return self.opened.update_atomic(key, function, default=default)

    def regenerate(self) -> None:
        """See ``Session.regenerate``."""
        self.opened.regenerate()

    def log_in(self, user_id: UserId) -> None:
        """See ``Session.log_in``."""
        self.opened.log_in(user_id)

    def log_out_elsewhere(self) -> None:
        """See ``Session.log_out_elsewhere``."""
        self.opened.log_out_elsewhere()

    def _note_login(self, key: str) -> None:
        if key in self._login_keys:
            self.opened.regenerate()

    def _flash_list(self) -> list[Any]:
        if self._flashes is None:
            self._known_flashes = [tuple(flash) for flash in self.opened.flashes]
            self._flashes = list(self._known_flashes)
        return self._flashes

    def _pass_flashes_on(self) -> None:
        """Flash what the app has put on the list; the rest stays as it is stored."""
        if self._flashes is None:
            return
        known, wanted = self._known_flashes, list(self._flashes)
        if wanted[: len(known)] != known:
            self.opened.pop_flashes()
            known = []
        for category, message in wanted[len(known) :]:
            self.opened.flash(message, category)
        self._known_flashes = wanted
