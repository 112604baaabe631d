"""Session ids: made here, signed, and checked before the store is asked.

The cookie holds ``tag (3) + secret (43) + mac (11)`` characters of URL-safe base64. The secret has
256 random bits. One keyed BLAKE2b hash of tag and secret yields the mac, the name of the record and
the check that is stored inside it. So a forged id costs no command, a dump of the store holds
nothing that could be sent as a cookie, and a record that belongs to another id is noticed.

The tag is the hash tag of the record's name. It survives regeneration, so that in a cluster both
names lie in one slot and one script can move the record.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .csrf import CsrfTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

TAG = 3
SECRET = 43
MAC = 11
CHECK = 8
# 39 bytes are 52 base64 characters without padding: mac, check, and 33 for the record's name.
DIGEST_BYTES = 39
USER_BYTES = 24


@dataclass(frozen=True, slots=True)
class SessionId:
    """One verified id. ``value`` is what the visitor holds and is left out of the repr."""

    value: str = field(repr=False)
    key: bytes
    check: bytes

    @property
    def tag(self) -> str:
        return self.value[:TAG]


class SessionIds:
    """Makes and verifies session ids.

    :param secret_keys: the first one signs, all of them verify. A record's name depends on the key
        that signed its id, so a key has to stay in the list for the absolute timeout.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = [
            hashlib.blake2b(key.encode(), digest_size=32, person=b"session id").digest()
            for key in secret_keys
        ]
        self.csrf = CsrfTokens(secret_keys)

    def new(self, tag: str | None = None) -> SessionId:
        """Make an id nobody had before, with the ``tag`` of the one it replaces."""
        body = (tag or secrets.token_urlsafe(3)[:TAG]) + secrets.token_urlsafe(32)
        digest = _digest(body.encode(), self._keys[0])
        return _session_id(body, digest)

    def verify(self, value: str) -> SessionId | None:
        """Return the id that ``value`` stands for, ``None`` when it was not signed here."""
        if len(value) != TAG + SECRET + MAC or not value.isascii():
            return None
        body, mac = value[: TAG + SECRET], value[TAG + SECRET :].encode()
        for key in self._keys:
            digest = _digest(body.encode(), key)
            if hmac.compare_digest(digest[:MAC], mac):
                return _session_id(body, digest)
        return None

    def derive(self, value: str) -> SessionId:
        """Return the id that stands for an id which was not made here, always the same one."""
        key = self._keys[0]
        derived = hashlib.blake2b(value.encode(), digest_size=35, key=key, person=b"derived id")
        body = urlsafe_b64encode(derived.digest()).decode()[: TAG + SECRET]
        return _session_id(body, _digest(body.encode(), key))

    def user_keys(self, user_id: object) -> tuple[bytes, ...]:
        """Return the names under which a user's sessions are listed, the current one first.

        Keyed, for user ids are easily guessed, and nobody should learn from a dump who is online.
        ``7`` and ``"7"`` are one user.
        """
        text = str(user_id).encode()
        digests = (
            hashlib.blake2b(text, digest_size=USER_BYTES, key=key, person=b"session user")
            for key in self._keys
        )
        return tuple(b"s:u:{%s}" % urlsafe_b64encode(digest.digest()) for digest in digests)


def _digest(body: bytes, key: bytes) -> bytes:
    return urlsafe_b64encode(hashlib.blake2b(body, digest_size=DIGEST_BYTES, key=key).digest())


def _session_id(body: str, digest: bytes) -> SessionId:
    return SessionId(
        value=body + digest[:MAC].decode(),
        key=b"s:{%s}:%s" % (body[:TAG].encode(), digest[MAC + CHECK :]),
        check=digest[MAC : MAC + CHECK],
    )
