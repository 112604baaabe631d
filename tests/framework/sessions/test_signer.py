"""CookieSigner: the signature of a cookie, held against that of a library."""

from __future__ import annotations

import base64
import hashlib
import random

import itsdangerous

from framework.sessions.signer import CookieSigner


def reference_signer(*keys: str) -> itsdangerous.Signer:
    return itsdangerous.Signer(
        list(reversed(keys)),
        salt="session cookie",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )


def test_the_signature_is_that_of_itsdangerous() -> None:
    source = random.Random(3)
    for _ in range(300):
        keys = [source.randbytes(source.choice((1, 16, 64, 200))).hex() for _ in range(2)]
        payload = base64.urlsafe_b64encode(source.randbytes(source.randrange(200))).rstrip(b"=")
        signed = CookieSigner(keys).sign(payload)
        assert signed == reference_signer(*keys).sign(payload)
        assert CookieSigner(["other", *keys]).unsign(signed) == payload
        assert CookieSigner(["other", keys[1]]).unsign(signed) is None
