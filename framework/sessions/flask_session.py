"""Going on with the sessions of Flask-Session, one visitor at a time.

A visitor who comes with Flask-Session's cookie gets a session of this package that holds the same
data and would have ended at the same time. Its id is derived from the old one with the secret key,
so however many requests come with the old cookie at once, they make one session. The old record is
left to the nodes that still run Flask-Session, until the session is deleted or gets a new id here:
from then on the old id must be worthless everywhere.

MessagePack and JSON are read, pickle is not: such a visitor starts anew.
"""

from __future__ import annotations

import json
import logging
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import ormsgpack

from . import codec
from .changes import apply_changes
from .interface import SessionInterface, SessionSettings
from .redis_commands import RedisCommands
from .server_side import ServerSideSessionInterface
from .server_side_session import ServerSideSession
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from werkzeug.wrappers import Request, Response

    from ..redis_transport.transport import RedisTransport
    from .ids import SessionId
    from .redis_store import RedisSessionStore
    from .session import UserId

logger = logging.getLogger(__name__)

PREFIX = "session:"
ID_BYTES = 32
OLD_KEY = b"o"
"""The field of a session that names the record it was made of."""
FLASHES = "_flashes"
EMPTY_MAP = b"\x80"
ENDLESS, ENDED = -1, -2
"""What PTTL says of a record that never expires, and of one that is not there."""
_OPTIONS = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_DATETIME_AS_TIMESTAMP_EXT


class OldRecord(NamedTuple):
    """What Flask-Session has stored under one id."""

    fields: dict[bytes, bytes]
    """The data, as this package stores it."""
    remaining: float | None
    """Seconds until it ends; ``None`` if it never does."""


class FlaskSessionRecords:
    """The records of Flask-Session in Redis.

    :param prefix: what their names begin with, Flask-Session's ``SESSION_KEY_PREFIX``.
    :param id_bytes: how long their ids are, ``SESSION_ID_LENGTH``.
    :param signing_keys: the secret keys, if the ids in cookies are signed (``SESSION_USE_SIGNER``).
    """

    def __init__(
        self,
        transport: RedisTransport,
        *,
        prefix: str = PREFIX,
        id_bytes: int = ID_BYTES,
        signing_keys: Sequence[str | bytes] = (),
    ) -> None:
        self._redis = RedisCommands(transport)
        self._prefix = prefix.encode()
        # Base64 without padding.
        self._id = re.compile(rf"[\w-]{{{-(-id_bytes * 4 // 3)}}}", re.ASCII)
        self._signing_keys = signing_keys

    def id_in(self, cookie: str) -> str | None:
        """Return the id that a cookie of Flask-Session carries, ``None`` for any other cookie."""
        old_id = self._unsign(cookie) if self._signing_keys else cookie
        return old_id if old_id is not None and self._id.fullmatch(old_id) else None

    def key(self, old_id: str) -> bytes:
        """The name of the record."""
        return self._prefix + old_id.encode()

    def read(self, key: bytes) -> OldRecord | None:
        """Return a record, ``None`` if there is none that can be read.

        :raises SessionTooLarge: it holds more than a session may.
        """
        data = self._redis.execute(b"GET", key)
        if data is None:
            return None
        try:
            content = decode(data)
        except ValueError as error:
            logger.warning("a record of Flask-Session is left alone: %s", error)
            return None
        remaining = self._redis.execute(b"PTTL", key)
        if remaining == ENDED:
            return None
        return OldRecord(_fields(content), None if remaining == ENDLESS else remaining / 1000)

    def exists(self, key: bytes) -> bool:
        return bool(self._redis.execute(b"EXISTS", key))

    def forget(self, key: bytes) -> None:
        self._redis.execute(b"UNLINK", key)

    def _unsign(self, cookie: str) -> str | None:
        from itsdangerous import BadSignature, Signer

        for key in self._signing_keys:
            with suppress(BadSignature):
                signer = Signer(key, salt="flask-session", key_derivation="hmac")
                return signer.unsign(cookie).decode(errors="replace")
        return None


def decode(data: bytes) -> dict[str, Any]:
    """Return what Flask-Session has encoded as MessagePack or JSON.

    :raises ValueError: it is neither.
    """
    # No MessagePack of a dict begins like JSON.
    content = json.loads(data) if data.startswith(b"{") else _unpack(data)
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__} and no dict")
    return {str(key): value for key, value in content.items()}


def _unpack(data: bytes) -> Any:
    # Pickle begins with the byte of an empty dict, and ormsgpack does not mind what comes after.
    if data.startswith(EMPTY_MAP) and data != EMPTY_MAP:
        raise ValueError("it is neither MessagePack nor JSON, but pickle perhaps")
    return ormsgpack.unpackb(data, option=_OPTIONS)


def _fields(content: Mapping[str, Any]) -> dict[bytes, bytes]:
    session = Session(codec)
    for key, value in content.items():
        if key == FLASHES:
            for category, message in value:
                session.flash(message, category)
        else:
            session[key] = value
    return apply_changes({}, session.changes())


class MigratingSessionInterface(SessionInterface):
    """The sessions of ``sessions``, and those of visitors who still come with an old cookie.

    :param store: where ``sessions`` are kept.
    """

    can_be_exclusive = True

    def __init__(
        self,
        sessions: ServerSideSessionInterface,
        store: RedisSessionStore,
        records: FlaskSessionRecords,
    ) -> None:
        self.sessions = sessions
        self.store = store
        self.records = records

    @classmethod
    def from_config(cls, config: SessionSettings, *, migrate_from: str = PREFIX) -> Self:
        sessions = ServerSideSessionInterface.from_config(config)
        store = cast("RedisSessionStore", sessions.store)
        return cls(sessions, store, FlaskSessionRecords(store.transport, prefix=migrate_from))

    def open(self, request: Request, *, exclusive: bool = False) -> Session:
        old_id = self._old_id(request)
        if old_id is None:
            return self.sessions.open(request, exclusive=exclusive)
        session_id = self.sessions.ids.derive(old_id)
        session = self.sessions.open_id(session_id, exclusive=exclusive)
        if session.origin is None and not session.unavailable:
            with session.budget:
                taken = self._take(old_id, session_id)
            return self.sessions.open_id(session_id, exclusive=exclusive) if taken else session
        if session.origin is not None and session.origin[1].retired:
            # The visitor has logged in meanwhile; this request must not replace the new cookie.
            session.session_id = None
        return session

    def save(self, request: Request, session: Session, response: Response) -> None:
        if not isinstance(session, ServerSideSession) or session.origin is None:
            self.sessions.save(request, session, response)
            return
        session_id, record = session.origin
        if (session.deleted or session.regenerated) and OLD_KEY in record.fields:
            # Before the session itself, so that nobody can make it once more.
            with session.budget:
                self.records.forget(record.fields[OLD_KEY])
        self.sessions.save(request, session, response)
        stays = session.session_id == session_id.value and session.accessed
        if stays and self._old_id(request) is not None:
            self.sessions.cookie.write(request, response, session_id.value)

    def has_session(self, request: Request) -> bool:
        """Whether the request's session is one of ours, be it that it comes with an old cookie."""
        old_id = self._old_id(request)
        if old_id is None:
            return self.sessions.verified_id(request) is not None
        return self.store.load(self.sessions.ids.derive(old_id)) is not None

    def release(self, session: Session) -> None:
        self.sessions.release(session)

    def log_out_everywhere(self, user_id: UserId) -> int:
        return self.sessions.log_out_everywhere(user_id)

    def check(self) -> None:
        self.sessions.check()

    def close(self) -> None:
        self.sessions.close()

    def _old_id(self, request: Request) -> str | None:
        """The old id that a visitor has who has no session here."""
        if self.sessions.verified_id(request) is not None:
            return None
        # Flask-Session's cookie has no prefix, whatever ours has.
        cookie = request.cookies.get(self.sessions.cookie.base_name)
        return self.records.id_in(cookie) if cookie else None

    def _take(self, old_id: str, session_id: SessionId) -> bool:
        """Make a session of an old record; return whether there is one now."""
        key = self.records.key(old_id)
        old = self.records.read(key)
        if old is None:
            return False
        made = self.store.adopt(session_id, {**old.fields, OLD_KEY: key}, old.remaining)
        if made and not self.records.exists(key):
            # A logout came in between, or the old record has ended just now.
            self.store.delete(session_id)
            return False
        return True
