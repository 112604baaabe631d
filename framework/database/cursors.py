"""Cursors: places in an ordered list, as text that a URL can carry.

A cursor holds the values of the last row that was seen, not signed: whoever changes one gets
another place of the same list, or ``BadRequest`` for what is no cursor of this list.
"""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zlib import crc32

from werkzeug.exceptions import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_LENGTH = 2000
_LARGEST = 2**63


class Cursor(NamedTuple):
    """A place beside a row: after it, or before it."""

    is_after: bool
    values: tuple[Any, ...]
    """Those the rows are ordered by."""


def write(cursor: Cursor, order: str) -> str:
    """Return a cursor as text; ``order`` describes what the rows are ordered by."""
    values = [value if _is_plain(value) else str(value) for value in cursor.values]
    content = json.dumps([int(cursor.is_after), _digest(order), *values], separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def read(text: str, order: str, types: Sequence[type]) -> Cursor:
    """Return the cursor that :func:`write` wrote; ``BadRequest`` for everything else."""
    try:
        if len(text) > MAX_LENGTH:
            raise ValueError
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        is_after, digest, *values = json.loads(urlsafe_b64decode(padded))
        if is_after not in {0, 1} or digest != _digest(order):
            raise ValueError
        pairs = zip(types, values, strict=True)
        return Cursor(bool(is_after), tuple(READERS[kind](value) for kind, value in pairs))
    except (ValueError, TypeError, AttributeError, InvalidOperation, RecursionError):
        raise BadRequest("This is not a place in this list. Please begin at its start.") from None


def _digest(order: str) -> int:
    return crc32(order.encode())


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


def _checked(kind: type, is_valid: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def read_plain(value: Any) -> Any:
        if type(value) is not kind or not is_valid(value):
            raise ValueError
        return value

    return read_plain


def _read_decimal(value: str) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError
    return number


READERS: dict[type, Callable[[Any], Any]] = {
    bool: _checked(bool, lambda value: True),
    int: _checked(int, lambda value: -_LARGEST <= value < _LARGEST),
    float: _checked(float, math.isfinite),
    # PostgreSQL has no text with a NUL, and no encoding one with half a surrogate pair.
    str: _checked(str, lambda value: "\0" not in value and _encodes(value)),
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    Decimal: _read_decimal,
    UUID: UUID,
}
"""What rows can be ordered by: how a value of each type is read."""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
