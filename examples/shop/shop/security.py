"""An extension: headers that restrict what a page may do, and no posts from other sites.

    Security().init_app(app)

Like any extension it works with the app it is given and imports no framework.
"""

from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import Forbidden

NAME = "security"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Security:
    """Adds headers to every answer, and refuses what another site's page sends."""

    def init_app(self, app: Any) -> None:
        """Attach this to ``app``, in the module that creates it."""
        app.extensions[NAME] = self
        app.before_request(self.refuse_other_sites)
        app.after_request(self.add_headers)

    def refuse_other_sites(self, request: Any) -> None:
        """Raise ``Forbidden`` for a POST that a browser sent for another site.

        Browsers say where a request comes from, in ``Sec-Fetch-Site`` or, where that is missing, in
        ``Origin``. What says neither was not sent by a browser that somebody else made use of.
        """
        if request.method in SAFE_METHODS:
            return
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin")
        if site is not None:
            allowed = site in ("same-origin", "none")
        else:
            allowed = origin is None or urlsplit(origin).netloc == request.host
        if not allowed:
            raise Forbidden("This form was sent by a page of another site.")

    def add_headers(self, request: Any, response: Any) -> None:
        """Add what the answer does not say itself."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
