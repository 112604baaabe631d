"""SignedCookieSessionInterface: the whole session in the visitor's cookie, signed.

No server keeps anything, which has a price that the developer should know: the visitor can read the
data and can send an old cookie again until it times out, logout included; of two concurrent
requests that both write, the later answer wins whole; and a browser takes 4 kB.

The cookie is ``payload.signature``, both base64 for URLs without padding. The payload is
MessagePack: ``[version, created, touched, [field, data, field, data, …]]`` with times in seconds
since 1970 and fields as ``changes`` describes them. The signature is the HMAC-SHA256 of the encoded
payload; its key is the HMAC-SHA256 of the text ``session cookie`` with the secret key. That is what
``itsdangerous.Signer(secret_key, salt="session cookie", key_derivation="hmac",
digest_method=hashlib.sha256)`` signs and verifies.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import codec
from .cookie_session import MAX_COOKIE_BYTES, SignedCookieSession, only_in_the_browser
from .csrf import CsrfTokens
from .exceptions import SessionConfigError, SessionTooLarge
from .fields import decode
from .headers import vary_by_cookie
from .interface import SessionInterface, SessionSettings, cookie_from, secret_keys
from .signer import CookieSigner, decode64, encode64
from .store import TOUCH_AFTER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from werkzeug.wrappers import Request, Response

    from .headers import SessionCookie
    from .session import Session, UserId

ATTRIBUTE_BYTES = 120
VERSION = 1


class SignedCookieSessionInterface(SessionInterface):
    """Keeps sessions in a signed cookie.

    :param secret_keys: the first one signs, all of them verify.
    :param clock: the time in seconds since 1970.
    """

    def __init__(
        self,
        secret_keys: Sequence[str],
        cookie: SessionCookie,
        *,
        idle_timeout: float,
        absolute_timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cookie = cookie
        self.idle_timeout = idle_timeout
        self.absolute_timeout = absolute_timeout
        self._clock = clock
        self._signer = CookieSigner(secret_keys)
        self._csrf = CsrfTokens(secret_keys)

    @classmethod
    def from_config(cls, config: SessionSettings) -> Self:
        return cls(
            secret_keys(config),
            cookie_from(config),
            idle_timeout=config.session_idle_timeout,
            absolute_timeout=config.session_absolute_timeout,
        )

    def open(self, request: Request, *, exclusive: bool = False) -> SignedCookieSession:
        if exclusive:
            raise SessionConfigError(
                f"The session of {request.path!r} is to be exclusive, and requests with signed "
                "cookies do not know of each other. Set REDIS_URL to keep sessions in Redis."
            )
        now = self._clock()
        stored = self._read(self.cookie.read(request) or "", now)
        created, touched, fields = stored or (now, now, {})
        session = SignedCookieSession(codec, fields if stored else None)
        session.created, session.touched, session.stored_fields = created, touched, fields
        session.csrf = self._csrf
        return session

    def save(self, request: Request, session: Session, response: Response) -> None:
        if not session.accessed or not isinstance(session, SignedCookieSession):
            return
        vary_by_cookie(response)
        now = self._clock()
        if session.deleted or session.regenerated:
            session.created = now
        if session.deleted:
            session.stored_fields = {}
        fields = session.fields_to_store()
        if fields is None and not session.new:
            due = now >= session.touched + self.idle_timeout * TOUCH_AFTER
            fields = session.stored_fields if session.regenerated or due else None
        if fields is not None:
            self._write(request, response, self._sign(session.created, now, fields))
        elif session.deleted:
            self.cookie.clear(request, response)

    def _write(self, request: Request, response: Response, value: str) -> None:
        size = len(self.cookie.name) + len(value) + ATTRIBUTE_BYTES
        if size > MAX_COOKIE_BYTES:
            raise SessionTooLarge(
                f"The session makes a cookie of {size} bytes, and browsers drop one of more than "
                f"{MAX_COOKIE_BYTES}. Keep less in the session, or set REDIS_URL to keep sessions "
                "in Redis."
            )
        self.cookie.write(request, response, value)

    def _sign(self, created: float, touched: float, fields: dict[bytes, bytes]) -> str:
        content = [VERSION, created, touched, [part for item in fields.items() for part in item]]
        payload = encode64(codec.pack(content))
        return self._signer.sign(payload).decode()

    def _read(self, value: str, now: float) -> tuple[float, float, dict[bytes, bytes]] | None:
        """Return what the cookie holds, ``None`` for one that is not ours or has timed out.

        :raises SessionUnavailable: it is ours, and of a later version.
        """
        payload = self._signer.unsign(value.encode())
        if payload is None:
            return None
        created, touched, fields = decode(_read_payload, payload)
        if now >= created + self.absolute_timeout or now >= touched + self.idle_timeout:
            return None
        return created, touched, fields

    def log_out_everywhere(self, user_id: UserId) -> int:
        raise only_in_the_browser()


def _read_payload(payload: bytes) -> tuple[float, float, dict[bytes, bytes]]:
    version, *content = codec.decode(decode64(payload))
    if version != VERSION:
        raise ValueError(f"the cookie is of version {version!r}, not {VERSION}")
    created, touched, flat = content
    items = iter(flat)
    return created, touched, dict(zip(items, items, strict=True))
