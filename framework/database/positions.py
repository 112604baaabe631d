"""How far the database had come when a visitor last wrote, kept in the visitor's cookies.

A position is where the primary's log ended after a commit (PostgreSQL's LSN), as a number. It
stands in the name of its cookie and each commit makes a new one, because answers to requests that
were under way together arrive in any order: each leaves its own, and the highest counts. A commit
takes away the cookies that its request came with, which are older than itself; so after a failover
that lost the end of the log, or with a restored copy of the database, one write makes it right.

The cookies are not signed. Who forges a higher position has queries answered by the primary, as
after a write; who forges a lower one sees what everybody else sees.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from ..sessions.headers import forbid_storing

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

UNKNOWN = 2**64 - 1
"""A position that no replica reaches: of a commit after which the database could not be asked."""

MAX_AGE = 7 * 86400
"""Seconds a browser keeps a position; far longer than any replica is behind."""


class PositionCookies:
    """Reads and writes the positions of a visitor.

    :param secure: browsers take and send the cookies over https only.
    """

    def __init__(self, *, secure: bool) -> None:
        self.prefix = "__Host-db_position_" if secure else "db_position_"
        self._attributes = f"{'Secure; ' if secure else ''}HttpOnly; Path=/; SameSite=Lax"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|;) *{self.prefix}([0-9a-f]{{1,16}})=", re.ASCII)

    def read(self, request: Request) -> int:
        """Return the highest position the visitor has, 0 without any."""
        return max((int(found, 16) for found in self._found(request)), default=0)

    def write(self, request: Request, response: Response, position: int) -> None:
        """Give the visitor a position in place of those that came with the request."""
        written = f"{position:x}"
        add = response.headers.add
        for earlier in dict.fromkeys(self._found(request)):
            if earlier != written:
                add("Set-Cookie", f"{self.prefix}{earlier}=; Max-Age=0; {self._attributes}")
        add("Set-Cookie", f"{self.prefix}{written}=1; Max-Age={MAX_AGE}; {self._attributes}")
        forbid_storing(response)

    def _found(self, request: Request) -> list[str]:
        header: str = request.environ.get("HTTP_COOKIE", "")
        return self._pattern.findall(header) if self.prefix in header else []
