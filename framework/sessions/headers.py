"""The headers a session travels in: its cookie, and what caches have to know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .exceptions import InsecureSessionCookie

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response


@dataclass(frozen=True)
class SessionCookie:
    """The cookie that carries a session or its id.

    A secure one has the prefix ``__Host-``: browsers then refuse it over http, for a whole domain,
    or under a path, so neither a neighbour's subdomain nor plain http can plant one.

    :param max_age: seconds the browser keeps it; the server's timeouts count, not this one.
    """

    base_name: str
    secure: bool
    max_age: float

    @cached_property
    def name(self) -> str:
        return f"__Host-{self.base_name}" if self.secure else self.base_name

    @cached_property
    def _attributes(self) -> str:
        """What stands behind name and value; browsers prefer Max-Age to Expires."""
        secure = "Secure; " if self.secure else ""
        return f"; Max-Age={round(self.max_age)}; {secure}HttpOnly; Path=/; SameSite=Lax"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|; ){re.escape(self.name)}=([\w.-]*)(?:;|$)", re.ASCII)

    def read(self, request: Request) -> str | None:
        header: str = request.environ.get("HTTP_COOKIE", "")
        count = header.count(self.name)
        # What was written here stands once and as it is; the rest is left to the full parser.
        if count == 1 and (match := self._pattern.search(header)):
            return match[1]
        return request.cookies.get(self.name) if count else None

    def require_https(self, request: Request) -> None:
        """Make sure that the browser would take the cookie.

        :raises InsecureSessionCookie: it would drop it, for the request came over plain http.
        """
        if self.secure and not request.is_secure:
            raise InsecureSessionCookie(self.name)

    def write(self, request: Request, response: Response, value: str) -> None:
        """Set the cookie to ``value``, which is of letters, digits, ``-``, ``_`` and ``.``."""
        self.require_https(request)
        response.headers.add("Set-Cookie", f"{self.name}={value}{self._attributes}")
        forbid_storing(response)

    def clear(self, request: Request, response: Response) -> None:
        if self.name in request.cookies:
            response.delete_cookie(
                self.name, path="/", secure=self.secure, httponly=True, samesite="Lax"
            )
            forbid_storing(response)


def forbid_storing(response: Response) -> None:
    """Tell browsers and caches not to keep the answer."""
    if _has_header(response, "cache-control"):
        response.headers["Cache-Control"] = "no-store"
    else:
        response.headers.add("Cache-Control", "no-store")


def vary_by_cookie(response: Response) -> None:
    """Tell caches that the answer depends on the cookie."""
    if _has_header(response, "vary"):
        response.vary.add("Cookie")
    else:
        response.headers.add("Vary", "Cookie")


def _has_header(response: Response, name: str) -> bool:
    # Asking the headers raises an exception inside; adding is cheaper than setting, too.
    return name in [known.lower() for known, _ in response.headers]
