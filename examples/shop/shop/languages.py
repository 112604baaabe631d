"""The visitor's language: chosen without the session, so that the catalogue needs none."""

from werkzeug.wrappers import Response

from framework import Request
from shop.redirects import safe_path

COOKIE = "locale"
A_YEAR = 365 * 24 * 3600


def choose_language(request: Request) -> Response:
    """Remember the language that was chosen, and show the page again."""
    response = request.redirect(safe_path(request.form.get("next")) or "/")
    response.set_cookie(
        COOKIE,
        str(wanted(request.form.get("locale"), request)),
        max_age=A_YEAR,
        secure=request.app.config.session_cookie_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def wanted(name: str | None, request: Request) -> str:
    """Return ``name`` if it is a language of the shop, else the one of this page."""
    names = [str(locale) for locale in request.app.i18n.locales]
    return name if name in names else str(request.locale)
