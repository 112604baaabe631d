"""Changes: what one request writes to a session, free of any store.

A session is a flat set of fields. ``=key`` holds a value, ``+key`` a whole number that can be
counted up, ``!…`` one flashed message. A key is stored in one of the first two forms at a time, so
writing or deleting either removes the other. ``u`` names the user, once there is one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .exceptions import SessionConflict, SessionTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUE = b"="
COUNTER = b"+"
FLASH = b"!"
USER = b"u"
CSRF_SEED = b"i"
"""Only in cookies, which have no id that a CSRF token could be derived from."""

UNCOUNTED = frozenset({USER, CSRF_SEED})
"""Fields of ours, which are no part of what a session may hold."""

MAX_KEYS = 128
MAX_TOTAL_BYTES = 64 * 1024
# A counter beyond this would lose digits in a store whose scripts count in doubles.
MAX_COUNTER = 2**53
NONCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Changes:
    """One request's writes; a store applies all of them in one step, or none.

    :param guards: field to the bytes it has to hold, empty for "it must not exist".
    :param lock: the token of a request that has the session to itself; it must still have it, and
        gives it back in the same step.
    :param nonce: known to the store for a while, so that sending the same changes again after a
        lost reply applies them once.
    """

    guards: Mapping[bytes, bytes] = field(default_factory=dict)
    sets: Mapping[bytes, bytes] = field(default_factory=dict)
    deletes: tuple[bytes, ...] = ()
    increments: Mapping[bytes, int] = field(default_factory=dict)
    lock: bytes = b""
    nonce: bytes = field(default_factory=lambda: os.urandom(NONCE_BYTES))

    def __bool__(self) -> bool:
        return bool(self.sets or self.deletes or self.increments)


def other_form(field: bytes) -> bytes | None:
    """The name under which the same key would be stored in its other form."""
    if field.startswith(VALUE):
        return COUNTER + field[1:]
    if field.startswith(COUNTER):
        return VALUE + field[1:]
    return None


def apply_changes(fields: Mapping[bytes, bytes], changes: Changes) -> dict[bytes, bytes]:
    """Return ``fields`` with ``changes`` applied, by the rules of ``scripts/commit.lua``.

    :raises SessionConflict: a guarded field differs, or a key to count up holds something else.
    :raises SessionTooLarge: the result passes the limits.
    """
    for name, expected in changes.guards.items():
        if fields.get(name, b"") != expected:
            raise SessionConflict(key_of(name))
    result = dict(fields)
    for name in changes.deletes:
        result.pop(name, None)
    for name, data in changes.sets.items():
        result[name] = data
        result.pop(other_form(name) or b"", None)
    for name, by in changes.increments.items():
        number = int(result.get(name, b"0")) + by
        if other_form(name) in result or abs(number) > MAX_COUNTER:
            raise SessionConflict(key_of(name))
        result[name] = b"%d" % number
    if changes.sets or changes.increments:
        _refuse_too_large(result)
    return result


def _refuse_too_large(fields: Mapping[bytes, bytes]) -> None:
    counted = {name: data for name, data in fields.items() if name not in UNCOUNTED}
    size = sum(len(name) + len(data) for name, data in counted.items())
    if len(counted) > MAX_KEYS or size > MAX_TOTAL_BYTES:
        raise too_large(len(counted), size)


def too_large(keys: int, size: int) -> SessionTooLarge:
    """The error for a session of ``keys`` keys in ``size`` bytes."""
    return SessionTooLarge(
        f"The session would hold {keys} keys in {size} bytes; it may hold {MAX_KEYS} keys in "
        f"{MAX_TOTAL_BYTES} bytes. Keep the data in a database and its id in the session."
    )


def key_of(field_name: bytes) -> str:
    """The session key that a field belongs to."""
    return field_name[1:].decode(errors="replace")
