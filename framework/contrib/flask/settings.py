"""What the interface takes from a Flask app's settings, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ...sessions import SessionConfigError, SessionCookie

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask
    from flask.sessions import SessionInterface
    from werkzeug.wrappers import Request, Response


class IncomingCookie(SessionCookie):
    """Only reads the id; the answer's cookie depends on more than a ``SessionCookie`` knows."""

    def write(self, request: Request, response: Response, value: str) -> None:
        return

    def clear(self, request: Request, response: Response) -> None:
        return


def signing_keys(app: Flask) -> tuple[str | bytes, ...]:
    """The key that signs, then the ones that are still accepted."""
    fallbacks: Sequence[str | bytes] = app.config["SECRET_KEY_FALLBACKS"] or ()
    return (app.secret_key or "", *fallbacks)


def as_text(key: str | bytes) -> str:
    """A key as text; every key of bytes has one of its own."""
    return key if isinstance(key, str) else key.decode("latin-1")


def refuse_unusable(app: Flask, interface: SessionInterface, absolute_timeout: timedelta) -> None:
    """Make sure that sessions can live, and that browsers take their cookie.

    :raises SessionConfigError: a setting cannot work; browsers would drop the cookie without a
        word.
    """
    lifetime = app.permanent_session_lifetime
    if lifetime <= timedelta(0):
        raise SessionConfigError(
            f"PERMANENT_SESSION_LIFETIME is {lifetime}, so every session would have ended before "
            "the next request. Set the seconds that an unused session is kept."
        )
    if absolute_timeout < lifetime:
        raise SessionConfigError(
            f"absolute_timeout is {absolute_timeout}, less than PERMANENT_SESSION_LIFETIME, "
            f"{lifetime}, which could never be reached. Lower the setting or raise the argument."
        )
    _refuse_dropped_cookie(app, interface)


def _refuse_dropped_cookie(app: Flask, interface: SessionInterface) -> None:
    name = interface.get_cookie_name(app)
    # Werkzeug marks a partitioned cookie as secure.
    secure = interface.get_cookie_secure(app) or interface.get_cookie_partitioned(app)
    if not secure and name.startswith(("__Host-", "__Secure-")):
        raise SessionConfigError(
            f"SESSION_COOKIE_NAME is {name!r}, a name that browsers take from secure cookies only. "
            "Set SESSION_COOKIE_SECURE to True, or choose another name."
        )
    if not secure and (interface.get_cookie_samesite(app) or "").lower() == "none":
        raise SessionConfigError(
            "SESSION_COOKIE_SAMESITE is 'None', which browsers take from secure cookies only. "
            "Set SESSION_COOKIE_SECURE to True, or SESSION_COOKIE_SAMESITE to 'Lax'."
        )
    bound = interface.get_cookie_path(app) == "/" and not interface.get_cookie_domain(app)
    if name.startswith("__Host-") and not bound:
        raise SessionConfigError(
            f"SESSION_COOKIE_NAME is {name!r}, a name that browsers take only with the path / and "
            "without a domain. Unset SESSION_COOKIE_DOMAIN and SESSION_COOKIE_PATH, or choose "
            "another name."
        )
