"""How session values are written in fields: which field, which bytes, and back."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from markupsafe import Markup

from .changes import COUNTER, MAX_COUNTER, VALUE
from .exceptions import SessionUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

IMMUTABLE = frozenset(
    {str, bytes, int, float, bool, type(None), Markup, Decimal, UUID}
    | {date, datetime, time, timedelta}
)


class Codec(Protocol):
    """Turns a value into bytes and back; the module ``codec`` is one."""

    def encode(self, key: str, value: object) -> bytes: ...

    def decode(self, data: bytes) -> Any: ...


def both_forms(key: str) -> tuple[bytes, bytes]:
    """A key is stored as a value or as a counter, never as both.

    :raises TypeError: it is no text.
    """
    try:
        name = key.encode()
    except AttributeError:
        raise TypeError(f"session keys are str, not {key!r}") from None
    except UnicodeEncodeError:
        raise TypeError(f"the session key {key!r} is not valid Unicode") from None
    return VALUE + name, COUNTER + name


def is_immutable(value: object) -> bool:
    """Whether nobody can have changed the value without setting it."""
    return type(value) in IMMUTABLE


def encode_field(codec: Codec, key: str, value: object) -> tuple[bytes, bytes]:
    """Return the field and the bytes that hold ``value`` under ``key``."""
    as_value, as_counter = both_forms(key)
    if type(value) is int and -MAX_COUNTER <= value <= MAX_COUNTER:
        return as_counter, b"%d" % value
    return as_value, codec.encode(key, value)


def decode_field(codec: Codec, field: bytes, data: bytes) -> Any:
    """Return the value in a field of either form.

    :raises SessionUnavailable: nobody here wrote these bytes.
    """
    try:
        return int(data) if field.startswith(COUNTER) else codec.decode(data)
    except (ValueError, TypeError) as error:
        raise _unreadable(error) from error


def decode(decoder: Callable[[bytes], Any], data: bytes) -> Any:
    """Return what ``decoder`` makes of stored bytes; ``SessionUnavailable`` if it cannot."""
    try:
        return decoder(data)
    except (ValueError, TypeError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> SessionUnavailable:
    return SessionUnavailable(f"a stored session value cannot be read: {error}")
