"""RedisSessionInterface: what a Flask app's ``session_interface`` is set to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import flask
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException

from ...redis_transport.transport import RedisTransport
from ...sessions import (
    ServerSideSessionInterface,
    SessionConfigError,
    SessionIds,
    SessionUnavailable,
)
from ...sessions.flask_session import ID_BYTES, FlaskSessionRecords, MigratingSessionInterface
from ...sessions.headers import forbid_storing, vary_by_cookie
from ...sessions.redis_store import RedisSessionStore
from .session import FlaskSession, KeylessSession
from .settings import IncomingCookie, as_text, refuse_unusable, signing_keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Flask
    from flask.wrappers import Request, Response

    from ...sessions.session import UserId

    StoredSessions = ServerSideSessionInterface | MigratingSessionInterface

LONGEST_COOKIE = timedelta(days=400)
"""Browsers shorten the life of any cookie to this."""


class RedisSessionInterface(SessionInterface):
    """Keeps the sessions of a Flask app in Redis or Valkey, by the app's own settings.

    ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS`` sign the ids, ``SESSION_COOKIE_*`` shape the cookie,
    and ``PERMANENT_SESSION_LIFETIME`` is how long an unused session is kept, permanent or not.
    Reading it counts as use, unless ``SESSION_REFRESH_EACH_REQUEST`` is off.

    :param url: where the sessions are, ``redis://cache.internal:6379/0`` for example.
    :param timeout: seconds a request waits for Redis before it is answered with 503.
    :param absolute_timeout: how long a session is kept at most, however much it is used; a
        ``timedelta`` or seconds.
    :param permanent: whether sessions are permanent that do not say so themselves.
    :param login_keys: session keys that say who is logged in, Flask-Login's unless given; when one
        is set or removed, the session gets a new id.
    :param anonymous_fallback: while Redis is away, visitors get an empty session that cannot be
        written to, instead of an answer with 503.
    :param migrate_from: the prefix of Flask-Session's records in the same Redis, most likely
        ``session:``, to go on with the sessions of visitors who come with its cookie.
    :param old_interface: Flask-Session's, while some nodes know nothing else: it keeps all sessions
        that no other node has migrated.
    :raises RedisURLError: the URL says nothing that can be connected to.
    """

    null_session_class = KeylessSession

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.25,
        absolute_timeout: timedelta | float = LONGEST_COOKIE,
        permanent: bool = False,
        login_keys: Collection[str] = ("_user_id",),
        anonymous_fallback: bool = False,
        migrate_from: str | None = None,
        old_interface: SessionInterface | None = None,
    ) -> None:
        if old_interface is not None and migrate_from is None:
            raise SessionConfigError(
                "old_interface is there for a migration and needs migrate_from, the prefix of "
                "Flask-Session's records: RedisSessionInterface(…, migrate_from='session:')."
            )
        self.transport = RedisTransport(url, timeout=timeout)
        if not isinstance(absolute_timeout, timedelta):
            absolute_timeout = timedelta(seconds=absolute_timeout)
        self.absolute_timeout = absolute_timeout
        self.permanent = permanent
        self.login_keys = frozenset([login_keys] if isinstance(login_keys, str) else login_keys)
        self.anonymous_fallback = anonymous_fallback
        self.migrate_from = migrate_from
        self.old_interface = old_interface
        self._sessions: dict[tuple[object, ...], StoredSessions] = {}

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        if not app.secret_key:
            return None
        sessions = self.sessions_of(app)
        if self.old_interface is not None and _is_unmigrated(sessions, request):
            return self.old_interface.open_session(app, request)
        return FlaskSession(request, sessions, permanent=self.permanent, login_keys=self.login_keys)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if isinstance(session, FlaskSession):
            self._save(app, session, response)
        elif self.old_interface is not None:
            self.old_interface.save_session(app, session, response)

    def get_expiration_time(self, app: Flask, session: SessionMixin) -> datetime | None:
        """When the browser may forget a permanent session: when Redis has forgotten it surely.

        The cookie is sent once for each id. To move its end with each use as well, the answer to a
        slow request could bring back the old id after a login.
        """
        return datetime.now(UTC) + self.absolute_timeout if session.permanent else None

    def regenerate(self, session: SessionMixin) -> None:
        """Give the session a new id; what Flask-Session's interface has under this name."""
        if isinstance(session, FlaskSession):
            session.regenerate()

    def log_out_everywhere(self, app: Flask, user_id: UserId) -> int:
        """End all sessions that have said ``session.log_in(user_id)``; return how many."""
        return self.sessions_of(app).log_out_everywhere(user_id)

    def check(self, app: Flask) -> None:
        """Make sure that sessions can be kept; a server may call it where a node starts.

        :raises SessionConfigError: a setting cannot work, or Redis does not answer.
        """
        if not app.secret_key:
            raise SessionConfigError(
                "SECRET_KEY is not set, and signs the ids of sessions. Set the same on every node: "
                "app.secret_key = os.environ['SECRET_KEY']."
            )
        self.sessions_of(app).check()

    def close(self) -> None:
        """Let go of connections."""
        self.transport.drop_idle()

    def sessions_of(self, app: Flask) -> StoredSessions:
        """Return what opens and saves sessions by the app's settings.

        :raises SessionConfigError: a setting cannot work.
        """
        name, lifetime = self.get_cookie_name(app), app.permanent_session_lifetime
        settings = (name, lifetime, signing_keys(app))
        found = self._sessions.get(settings)
        if found is None:
            refuse_unusable(app, self, self.absolute_timeout)
            found = self._sessions[settings] = self._make_sessions(app, name)
        return found

    def _make_sessions(self, app: Flask, name: str) -> StoredSessions:
        store = RedisSessionStore(
            self.transport,
            idle_timeout=app.permanent_session_lifetime.total_seconds(),
            absolute_timeout=self.absolute_timeout.total_seconds(),
        )
        sessions = ServerSideSessionInterface(
            store,
            SessionIds([as_text(key) for key in signing_keys(app)]),
            # Neither is said of the cookie that is sent.
            IncomingCookie(name, secure=False, max_age=0),
            time_budget=self.transport.timeout,
            anonymous_fallback=self.anonymous_fallback,
        )
        if self.migrate_from is None:
            return sessions
        signed = app.config.get("SESSION_USE_SIGNER", False)
        records = FlaskSessionRecords(
            self.transport,
            prefix=self.migrate_from,
            id_bytes=app.config.get("SESSION_ID_LENGTH", ID_BYTES),
            signing_keys=signing_keys(app) if signed else (),
        )
        return MigratingSessionInterface(sessions, store, records)

    def _save(self, app: Flask, session: FlaskSession, response: Response) -> None:
        if session.accessed:
            vary_by_cookie(response)
        if session.is_open and not session.saved:
            session.saved = True
            try:
                session.save(response, refresh=app.config["SESSION_REFRESH_EACH_REQUEST"])
            except HTTPException as error:
                if not _is_of_this_request(session):
                    # A test client's ``session_transaction``, which looks at no answer.
                    raise
                _answer_instead(app, response, error)
        # Also when it was saved before, and the answer is now the one to a later crash.
        if session.is_open and session.failure is None:
            self._send_cookie(app, session, response)

    def _send_cookie(self, app: Flask, session: FlaskSession, response: Response) -> None:
        """Tell the browser the id if it does not know it, and to forget it after a logout."""
        name, opened = self.get_cookie_name(app), session.opened
        sent = session.request.cookies.get(name)
        if opened.session_id and (opened.session_id != sent or session.permanence_changed):
            expires = self.get_expiration_time(app, session)
            response.set_cookie(name, opened.session_id, expires=expires, **self._attributes(app))
        elif opened.deleted and not opened.session_id and sent is not None:
            response.delete_cookie(name, **self._attributes(app))
        else:
            return
        vary_by_cookie(response)
        forbid_storing(response)

    def _attributes(self, app: Flask) -> dict[str, Any]:
        return {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "partitioned": self.get_cookie_partitioned(app),
            "samesite": self.get_cookie_samesite(app),
            "httponly": self.get_cookie_httponly(app),
        }


def _is_of_this_request(session: FlaskSession) -> bool:
    current: SessionMixin = flask.session._get_current_object()  # type: ignore[attr-defined]
    return current is session


def _is_unmigrated(sessions: StoredSessions, request: Request) -> bool:
    try:
        return isinstance(sessions, MigratingSessionInterface) and not sessions.has_session(request)
    except SessionUnavailable:
        # Ours answers with 503 when it is used, and only then.
        return False


def _answer_instead(app: Flask, response: Response, error: HTTPException) -> None:
    """Make ``response`` the answer to ``error``, which came after the view was done.

    Flask would take the error for a crash, as it takes every exception of that time. Like there,
    the app's error handlers and ``after_request`` functions see the new answer.
    """
    answer = app.process_response(app.make_response(app.handle_user_exception(error)))
    for body in (response.response, answer):
        if close := getattr(body, "close", None):
            response.call_on_close(close)
    response.status = answer.status
    response.headers = answer.headers
    response.response = answer.response
    response.direct_passthrough = answer.direct_passthrough
