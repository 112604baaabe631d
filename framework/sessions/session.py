"""Session: what a view sees, and what it did with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from .changes import USER, Changes
from .fields import decode
from .flashes import Flash, Flashes
from .values import SessionValues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Codec

UserId = str | int | UUID


class Session(SessionValues):
    """The visitor's data: a mapping from str to values, flashed messages, and who is logged in.

    :param codec: encodes and decodes values.
    :param fields: the stored fields, by their names in the store; others than values, counters,
        flashes and the user are left alone.
    :param session_id: the id the visitor sent, if there is a record for it.
    """

    def __init__(
        self,
        codec: Codec,
        fields: Mapping[bytes, bytes] | None = None,
        *,
        session_id: str | None = None,
    ) -> None:
        self.session_id = session_id
        self.new = fields is None
        self.deleted = False
        self.regenerated = False
        self.logs_out_elsewhere = False
        super().__init__(codec, fields or {})

    def _start_from(self, fields: Mapping[bytes, bytes]) -> None:
        super()._start_from(fields)
        self._flashes: Flashes | None = None
        self._new_user: UserId | None = None

    @property
    def modified(self) -> bool:
        """Whether saving the session will write something, nested changes included."""
        return self.deleted or self.regenerated or self.logs_out_elsewhere or bool(self.changes())

    def changes(self) -> Changes:
        """What has to be written, with the bytes that have to be unchanged for it.

        :raises TypeError: a value was changed into something that cannot be stored.
        """
        changes = super().changes()
        if self._flashes is not None:
            forgotten, kept = self._flashes.changes()
            changes = replace(
                changes,
                deletes=(*changes.deletes, *forgotten),
                sets={**changes.sets, **kept},
            )
        if self._new_user is not None:
            user = self._codec.encode("user_id", self._new_user)
            changes = replace(changes, sets={**changes.sets, USER: user})
        return changes

    # Who it belongs to

    @property
    def user_id(self) -> UserId | None:
        """Who is logged in, as ``log_in`` was told; ``None`` for an anonymous visitor."""
        self.accessed = True
        if self._new_user is not None:
            return self._new_user
        data = self._fields.get(USER)
        return None if data is None else decode(self._codec.decode, data)

    def log_in(self, user_id: UserId) -> None:
        """Make this the session of a user: a new id, the data it has, and a new absolute timeout.

        A session of another user is ended first, so nobody inherits data. A logout everywhere since
        the request first used its session refuses the login, so use it before the password is
        checked, as a CSRF check does. To log in here and out everywhere else, as after a new
        password, call ``log_out_elsewhere`` as well. To log out is to ``delete`` the session.
        """
        if type(user_id) not in (str, int, UUID):
            raise TypeError(f"a user id is a str, int or UUID, not {user_id!r}")
        current = self.user_id
        if current is not None and str(current) != str(user_id):
            self.delete()
        self.regenerate()
        self._new_user = user_id

    def log_out_elsewhere(self) -> None:
        """End all other sessions of this session's user, when this one is saved."""
        self._start_write()
        if self.user_id is None:
            raise RuntimeError("session.log_out_elsewhere() needs a user: call log_in(user_id).")
        self.logs_out_elsewhere = True

    def regenerate(self) -> None:
        """Give the session a new id and keep its data; ``log_in`` does, other changes of what the
        visitor may do have to call it.

        The old id is worth nothing as soon as the response is sent.
        """
        self._start_write()
        self.regenerated = True

    def delete(self) -> None:
        """End the session, as logout does. What is set afterwards begins a new one."""
        self._start_write()
        self.deleted = True
        self.regenerated = False
        self.logs_out_elsewhere = False
        self.new = True
        self.session_id = None
        self._start_from({})

    # Forms

    @property
    def csrf_token(self) -> str:
        """What a form of this session has to send back; another one after each new id.

        It follows from the id alone. A visitor without a session gets a cookie with an id for it,
        and no record. Take it after other changes to the session: the first write of a visitor may
        make another id.
        """
        raise NotImplementedError

    def is_csrf_token(self, token: str | None) -> bool:
        """Whether ``token`` belongs to the cookie that this request came with."""
        raise NotImplementedError

    # Messages

    def flash(self, message: object, category: str = "message") -> None:
        """Keep a message for the next page that calls ``pop_flashes``.

        A session keeps the last 16, so that a client that never opens such a page cannot fill it.
        What a session can keep comes back as it is, ``Markup`` included; of anything else, such as
        a lazy translation, it is the text.
        """
        self._start_write()
        self._opened_flashes().add(message, category)

    @property
    def flashes(self) -> list[Flash]:
        """The messages, oldest first, which stay until they are popped."""
        self.accessed = True
        return self._opened_flashes().all()

    def pop_flashes(self) -> list[Flash]:
        """Return the messages, oldest first, and forget them."""
        self.accessed = True
        return self._opened_flashes().pop()

    def _opened_flashes(self) -> Flashes:
        if self._flashes is None:
            self._flashes = Flashes(self._codec, self._fields)
        return self._flashes

    def __repr__(self) -> str:
        state = "new" if self.new else "stored"
        return f"<{type(self).__name__} {state}, keys {sorted(self)}>"
