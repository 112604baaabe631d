"""CookieSigner: what a cookie holds is signed, and anything else is not taken for ours."""

from __future__ import annotations

import hmac
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from hashlib import _Hash as HASH

SALT = b"session cookie"

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class CookieSigner:
    """Signs with the first key and verifies with all; what depends on a key alone is kept.

    HMAC hashes ``outer pad + hash(inner pad + text)``. The hashes of both pads are made once and
    copied for each text.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._pads = [_pads(hmac.digest(key.encode(), SALT, "sha256")) for key in secret_keys]

    def sign(self, payload: bytes) -> bytes:
        """Return ``payload.signature``."""
        return payload + b"." + _signature(self._pads[0], payload)

    def unsign(self, value: bytes) -> bytes | None:
        """Return the payload, ``None`` if none of the keys has signed it."""
        payload, _, signature = value.rpartition(b".")
        for pads in self._pads:
            # Compared as text: no second spelling of the same signature is taken.
            if hmac.compare_digest(_signature(pads, payload), signature):
                return payload
        return None


def _pads(key: bytes) -> tuple[HASH, HASH]:
    block = key.ljust(sha256().block_size, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    return sha256(inner), sha256(outer)


def _signature(pads: tuple[HASH, HASH], payload: bytes) -> bytes:
    inner, outer = pads[0].copy(), pads[1].copy()
    inner.update(payload)
    outer.update(inner.digest())
    return encode64(outer.digest())


def encode64(data: bytes) -> bytes:
    """Return base64 for URLs, without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode64(text: bytes) -> bytes:
    """Return what ``encode64`` was given."""
    # More padding than is needed does not matter.
    return a2b_base64(text.translate(_FROM_URL) + b"==")
