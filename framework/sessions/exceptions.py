"""What can go wrong with a session, as answers to the visitor and as errors for the developer.

::

    HTTPException (Werkzeug)
    ├── SessionUnavailable     503  the store cannot be asked, or the record cannot be read
    ├── SessionBusy            503  other requests of an exclusive session took too long
    ├── CsrfTokenRefused       403  a form was sent without the token of its session
    └── SessionConflict        409  another request changed what this one read and then wrote
        └── SessionGone        409  the session was deleted, expired or given a new id meanwhile
            └── LoginRefused   409  the user was logged out everywhere during the login
    AppError
    ├── SessionConfigError          a setting or the store's URL is wrong (also a ConfigError)
    ├── SessionTooLarge             the session holds more than it may (also a ValueError)
    └── InsecureSessionCookie       a Secure cookie would go out over plain http
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import Conflict, Forbidden, HTTPException, ServiceUnavailable

from ..exceptions import AppError, ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.sansio.response import Response


class _NeverStored(HTTPException):
    """An answer that is about one visitor's moment, and so nothing for a cache."""

    def get_headers(
        self,
        environ: WSGIEnvironment | None = None,
        scope: dict[str, Any] | None = None,
    ) -> list[tuple[str, str]]:
        return [*super().get_headers(environ, scope), ("Cache-Control", "no-store")]


class SessionUnavailable(_NeverStored, ServiceUnavailable):
    """The session cannot be loaded or saved now.

    Nothing of this request was written, nor will be later, though a session that it was to end may
    end; or all of it was written, if only the reply was lost.

    :param reason: for the log; the visitor is not told.
    """

    description = "The session store cannot be reached at the moment. Please try again."

    def __init__(self, reason: str, *, retry_after: int = 1) -> None:
        super().__init__(retry_after=retry_after)
        self.reason = reason

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.reason})"


class SessionBusy(_NeverStored, ServiceUnavailable):
    """Another request of this session had it to itself for too long; nothing was done.

    A route with ``session="exclusive"`` waits for ``session_exclusive_wait`` seconds.
    """

    description = "Another request of yours is still being answered. Please try again."

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class CsrfTokenRefused(_NeverStored, Forbidden):
    """A form came without the token of the session, or with an outdated one."""

    description = "This form is no longer valid. Please load the page again and repeat."


class SessionConflict(_NeverStored, Conflict):
    """The request read a session key and wrote it, and another request wrote it in between.

    Nothing of this request's session was written, so it can be repeated as it is.

    :param key: the session key, where one is at fault.
    """

    description = "Another request changed your session at the same moment. Please try again."

    def __init__(self, key: str | None = None, *, response: Response | None = None) -> None:
        super().__init__(response=response)
        self.key = key

    def __str__(self) -> str:
        return f"{super().__str__()} (session key {self.key!r})" if self.key else super().__str__()


class SessionGone(SessionConflict):
    """The session ended while the request was in flight; it is not brought back."""

    description = "Your session ended while this request was being answered. Please try again."


class LoginRefused(SessionGone):
    """The user was logged out everywhere after this request had opened its session.

    So a login that was checked against an old password does not survive the new one. To log in and
    end all other sessions in one request, call ``session.log_in`` and ``session.log_out_elsewhere``
    instead of the interface's ``log_out_everywhere``.
    """

    description = "You were logged out everywhere just now. Please log in again."


class SessionTooLarge(AppError, ValueError):
    """A value, or all of them together, pass the limits of a session."""


class SessionConfigError(ConfigError):
    """The session settings cannot work; says which setting and what to write instead."""


class InsecureSessionCookie(AppError):
    """The session cookie is marked Secure and the request came over plain http."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The cookie {name!r} is Secure, but this request came over plain http, where "
            "browsers drop such a cookie and the visitor would lose the session without a word. "
            "Serve the app over https (behind a balancer: let the app trust its "
            "X-Forwarded-Proto), or set SESSION_COOKIE_SECURE=false for development."
        )
