"""Parts of a request that can be read whatever a client sent.

Werkzeug raises ``UnicodeDecodeError`` or ``ValueError`` for some of it, which would be a 500 for
what is the client's mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from werkzeug.utils import cached_property
from werkzeug.wrappers import Request as WerkzeugRequest

if TYPE_CHECKING:
    from werkzeug.datastructures import Authorization, MultiDict

PERCENT_ENCODE = "werkzeug.url_quote"
"""Werkzeug's error handler that writes bytes which are not UTF-8 as ``%FF``."""


def query_text(request: WerkzeugRequest) -> str:
    """Return the query of a request, with bytes that are not UTF-8 percent-encoded."""
    return request.query_string.decode(errors=PERCENT_ENCODE)


class LenientRequest(WerkzeugRequest):
    """A request whose query and credentials raise nothing when they are read."""

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The values of the query; bytes that are not UTF-8 are percent-encoded, sent so or not."""
        text = query_text(self)
        pairs = parse_qsl(text, keep_blank_values=True, errors=PERCENT_ENCODE)
        return self.parameter_storage_class(pairs)

    @property
    def full_path(self) -> str:
        """The path with the query."""
        return f"{self.path}?{query_text(self)}"

    @cached_property
    def authorization(self) -> Authorization | None:
        """The credentials of the header ``Authorization``; ``None`` if there are none to read."""
        header = self.headers.get("Authorization", "")
        # Werkzeug decodes base64 and expects it to be ASCII.
        return super().authorization if header.isascii() else None
