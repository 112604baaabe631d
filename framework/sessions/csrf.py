"""CSRF tokens: a keyed hash of what the session's cookie holds, so nothing has to be stored."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from .exceptions import CsrfTokenRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Request

    from .session import Session

TOKEN_BYTES = 24
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FORM_FIELD = "csrf_token"
HEADER = "X-CSRF-Token"


class CsrfTokens:
    """Makes and verifies tokens.

    :param secret_keys: the first one makes, all of them verify.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = [
            hashlib.blake2b(key.encode(), digest_size=32, person=b"csrf token").digest()
            for key in secret_keys
        ]

    def make(self, seed: bytes) -> str:
        """Return the token that follows from ``seed``."""
        return _token(seed, self._keys[0])

    def verify(self, seed: bytes, token: str | None) -> bool:
        """Whether ``token`` follows from ``seed``."""
        given = (token or "").encode(errors="replace")
        return any(hmac.compare_digest(_token(seed, key).encode(), given) for key in self._keys)


def _token(seed: bytes, key: bytes) -> str:
    digest = hashlib.blake2b(seed, digest_size=TOKEN_BYTES, key=key).digest()
    return urlsafe_b64encode(digest).decode()


def require_csrf_token(request: Request, session: Session) -> None:
    """Make sure that a request which may change something was sent by a page of this session.

    The token is looked for in the header ``X-CSRF-Token``, then in the form field ``csrf_token``.

    :raises CsrfTokenRefused: it is missing or belongs to another session.
    """
    if request.method in SAFE_METHODS:
        return
    token = request.headers.get(HEADER) or request.form.get(FORM_FIELD)
    if not session.is_csrf_token(token):
        raise CsrfTokenRefused
