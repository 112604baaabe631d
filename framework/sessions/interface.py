"""SessionInterface: opens the session of a request and saves it into the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .exceptions import SessionConfigError
from .headers import SessionCookie

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from werkzeug.wrappers import Request, Response

    from .session import Session, UserId


class SessionSettings(Protocol):
    """The settings an interface reads; the app's configuration has them."""

    @property
    def secret_key(self) -> str | None: ...
    @property
    def secret_key_fallbacks(self) -> Sequence[str]: ...
    @property
    def redis_url(self) -> str | None: ...
    @property
    def session_cookie_name(self) -> str: ...
    @property
    def session_cookie_secure(self) -> bool: ...
    @property
    def session_idle_timeout(self) -> float: ...
    @property
    def session_absolute_timeout(self) -> float: ...
    @property
    def session_redis_timeout(self) -> float: ...
    @property
    def session_exclusive_lease(self) -> float: ...
    @property
    def session_exclusive_wait(self) -> float: ...
    @property
    def session_anonymous_fallback(self) -> bool: ...


class SessionInterface:
    """Opens and saves sessions; the concrete ones say where the data is.

    ``open`` runs at a request's first use of its session, and ``save`` when the response is ready
    and the session was opened. Both may raise HTTP exceptions. After a ``save`` that returned,
    every write of the request is kept; after one that raised, none is, though what it had to end
    may have ended: the old session at a logout that began a new one, the user's other sessions.
    """

    can_be_exclusive = False
    """Whether a request can have a session to itself, as ``session="exclusive"`` asks for."""

    @classmethod
    def from_config(cls, config: SessionSettings) -> Self:
        """Build the interface that the settings describe; connects to nothing.

        :raises SessionConfigError: the settings cannot work.
        """
        raise NotImplementedError

    def open(self, request: Request, *, exclusive: bool = False) -> Session:
        """Return the visitor's session, a new one for a visitor without.

        :param exclusive: other requests that open it so wait until this one is over.
        """
        raise NotImplementedError

    def save(self, request: Request, session: Session, response: Response) -> None:
        """Write what the request changed, and set the headers that follow from it."""
        raise NotImplementedError

    def release(self, session: Session) -> None:
        """Let go of a session when its request is over, saved or not; may be called twice."""

    def log_out_everywhere(self, user_id: UserId) -> int:
        """End all sessions of a user, and logins that have begun; return how many there were.

        For use outside of the user's own requests. Inside, ``session.log_out_elsewhere`` leaves the
        session that it is called on.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Make sure, where a node starts, that sessions can be kept.

        :raises SessionConfigError: they cannot; says what to do.
        """

    def close(self) -> None:
        """Let go of connections."""


def secret_keys(config: SessionSettings) -> list[str]:
    """The key that signs, then the ones that are still accepted.

    :raises SessionConfigError: there is none.
    """
    if not config.secret_key:
        raise SessionConfigError(
            "Sessions need SECRET_KEY: the same long random value on every node. Make one with "
            "python -c 'import secrets; print(secrets.token_hex(32))'."
        )
    return [config.secret_key, *config.secret_key_fallbacks]


def cookie_from(config: SessionSettings) -> SessionCookie:
    """The cookie that the settings describe."""
    return SessionCookie(
        base_name=config.session_cookie_name,
        secure=config.session_cookie_secure,
        max_age=config.session_absolute_timeout,
    )
