"""SignedCookieSession: a session whose data travels in the visitor's cookie."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import codec
from .changes import (
    COUNTER,
    CSRF_SEED,
    MAX_COUNTER,
    MAX_KEYS,
    UNCOUNTED,
    VALUE,
    Changes,
    apply_changes,
    other_form,
    too_large,
)
from .exceptions import SessionConfigError
from .fields import IMMUTABLE, decode
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .csrf import CsrfTokens

# Browsers keep at least 4096 bytes of name, value and attributes together.
MAX_COOKIE_BYTES = 4093
SEED_BYTES = 16


class SignedCookieSession(Session):
    """A session together with the fields and times its cookie carried (seconds since 1970).

    Nobody else writes to these fields, so it takes no notice of what was read.
    """

    stored_fields: dict[bytes, bytes]
    created: float
    touched: float
    csrf: CsrfTokens

    def _start_from(self, fields: Mapping[bytes, bytes]) -> None:
        super()._start_from(fields)
        self._new_seed: bytes | None = None

    def log_out_elsewhere(self) -> None:
        raise only_in_the_browser()

    @property
    def csrf_token(self) -> str:
        self.accessed = True
        return self.csrf.make(self._seed_from_now_on())

    def is_csrf_token(self, token: str | None) -> bool:
        self.accessed = True
        sent = self._fields.get(CSRF_SEED)
        return sent is not None and self.csrf.verify(sent, token)

    def _seed_from_now_on(self) -> bytes:
        sent = self._fields.get(CSRF_SEED)
        if sent is not None and not self.regenerated:
            return sent
        if self._new_seed is None:
            self._new_seed = os.urandom(SEED_BYTES)
        return self._new_seed

    def changes(self) -> Changes:
        changes = super().changes()
        if self.regenerated and CSRF_SEED in self._fields:
            self._seed_from_now_on()
        if self._new_seed is None:
            return changes
        return replace(changes, sets={**changes.sets, CSRF_SEED: self._new_seed})

    def __getitem__(self, key: str) -> Any:
        self.accessed = True
        values = self._values
        if key in values:
            return values[key]
        plain = type(key) is str and key.isascii()
        if plain and key not in self._removed and key not in self._updates:
            name = key.encode()
            data = self._fields.get(VALUE + name)
            if data is not None:
                value = values[key] = decode(codec.decode, data)
                return value
            if (data := self._fields.get(COUNTER + name)) is not None:
                value = values[key] = int(data)
                return value
        return super().__getitem__(key)

    def _encode(self, key: str, value: object) -> tuple[bytes, bytes]:
        # The usual kinds at once; the codec's checks are for what may have no exact encoding.
        if key.isascii():
            if type(value) is int and -MAX_COUNTER <= value <= MAX_COUNTER:
                return COUNTER + key.encode(), b"%d" % value
            if type(value) is str and value.isascii() and len(value) < MAX_COOKIE_BYTES:
                return VALUE + key.encode(), codec.pack(value)
        return super()._encode(key, value)

    def fields_to_store(self) -> dict[bytes, bytes] | None:
        """Return all fields with the changes of this request; ``None`` if there are none.

        :raises SessionTooLarge: the result passes the limits of any session.
        """
        if self._is_more_than_values():
            changes = self.changes()
            return apply_changes(self.stored_fields, changes) if changes else None
        known = self._fields
        result = None
        for key, value in self._values.items():
            if key not in self._written and type(value) in IMMUTABLE:
                continue
            field, data = self._encode(key, value)
            if known.get(field) == data:
                continue
            if result is None:
                result = dict(self.stored_fields)
            result[field] = data
            if field not in known:
                result.pop(other_form(field) or b"", None)
        if result is not None and len(result) > MAX_KEYS + len(UNCOUNTED & result.keys()):
            raise too_large(len(result), sum(map(len, [*result, *result.values()])))
        return result

    def _is_more_than_values(self) -> bool:
        return bool(
            self._removed
            or self._increments
            or self._updates
            or self._flashes is not None
            or self._new_user is not None
            or self._new_seed is not None
            or self.regenerated
        )


def only_in_the_browser() -> SessionConfigError:
    """The error for what would have to reach the cookies of other browsers."""
    return SessionConfigError(
        "Sessions that are kept in cookies can only be ended in the visitor's browser. Set "
        "REDIS_URL to keep them where a user can be logged out everywhere."
    )
