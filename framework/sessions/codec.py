"""Session values as MessagePack: what is stored comes back equal and of the same type.

Values of plain str, int, float, bool, None, bytes, list and dicts with str keys are packed as they
are. tuple, set, frozenset, dict with other keys, date, time, datetime, timedelta, Decimal, UUID,
Markup and integers beyond 64 bits become extension types. Everything else is a ``TypeError`` that
names the key, subclasses of these types included, for they would come back as their base.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from markupsafe import Markup

from .exceptions import SessionConfigError, SessionTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import ormsgpack
except ImportError as error:  # pragma: no cover
    raise SessionConfigError(
        "Sessions need the package ormsgpack. Install it: pip install ormsgpack"
    ) from error

MAX_VALUE_BYTES = 16 * 1024
MAX_DEPTH = 64

# Everything beyond plain types is refused by ormsgpack and then handled here.
_OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_PLAIN = frozenset({str, float, bool, type(None), bytes})
# The markers of binary data. ormsgpack writes bytearray and memoryview with them too, which would
# come back as bytes.
_BINARY_8, _BINARY_16, _BINARY_32 = b"\xc4", b"\xc5", b"\xc6"

# What is a whole value by itself: small numbers, None, False, True, the empty dict and list.
_ONE_BYTE = frozenset([*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC2, 0xC3, 0x80, 0x90])

# Numbers of the extension types; they are in stored records and are never reused.
_TUPLE, _SET, _FROZENSET, _DICT, _INT, _DECIMAL = 1, 2, 3, 4, 5, 6
_DATETIME, _DATE, _TIME, _TIMEDELTA, _UUID, _MARKUP = 7, 8, 9, 10, 11, 12


def pack(value: object) -> bytes:
    """Encode a value of plain types, whatever its size.

    :raises TypeError: there is something else in it.
    """
    return ormsgpack.packb(value, option=_OPTIONS)


def encode(key: str, value: object) -> bytes:
    """Encode the value of the session key ``key``; the same value gives the same bytes.

    :raises TypeError: the value, or something in it, has no exact encoding.
    :raises SessionTooLarge: the encoded value passes 16 KiB.
    """
    try:
        data = pack(value)
    except TypeError:
        data = _encode_extended(key, value)
    else:
        if _BINARY_8 in data or _BINARY_16 in data or _BINARY_32 in data:
            data = _encode_extended(key, value)
    if len(data) > MAX_VALUE_BYTES:
        raise SessionTooLarge(
            f"session[{key!r}] takes {len(data)} bytes; a value may take {MAX_VALUE_BYTES}. "
            "Keep the data in a database and its id in the session."
        )
    return data


def decode(data: bytes) -> Any:
    """Return the value that ``encode`` was given.

    :raises ValueError: these bytes were not written by ``encode``.
    """
    # What follows a value is ignored by the decoder, so text, JSON and pickles would be numbers and
    # empty dicts.
    if len(data) > 1 and data[0] in _ONE_BYTE:
        raise ValueError("there is more than one value")
    return ormsgpack.unpackb(data, ext_hook=_restore)


def _encode_extended(key: str, value: object) -> bytes:
    try:
        return pack(_extend(value, 0))
    except TypeError as error:
        raise TypeError(
            f"session[{key!r}] cannot be stored: {error}. A session keeps str, int, float, bool, "
            "None, bytes, list, tuple, dict, set, frozenset, date, time, datetime, timedelta, "
            "Decimal, UUID and Markup; convert the value to one of these."
        ) from None


def _extend(value: Any, depth: int) -> Any:
    """Return ``value`` made of plain types and extension types only."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise TypeError(f"it is nested more than {MAX_DEPTH} levels deep")
    if kind is list:
        return [_extend(item, depth + 1) for item in value]
    extend = _EXTEND.get(kind)
    if extend is None:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} has no exact encoding")
    return extend(value, depth + 1)


def _extend_int(value: int, depth: int) -> Any:
    if -(2**63) <= value < 2**64:
        return value
    size = value.bit_length() // 8 + 1
    return ormsgpack.Ext(_INT, value.to_bytes(size, "big", signed=True))


def _extend_dict(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str for key in value):
        return {key: _extend(item, depth) for key, item in value.items()}
    flat = [_extend(part, depth) for item in value.items() for part in item]
    return ormsgpack.Ext(_DICT, pack(flat))


def _extend_tuple(value: tuple[Any, ...], depth: int) -> ormsgpack.Ext:
    return ormsgpack.Ext(_TUPLE, pack([_extend(item, depth) for item in value]))


def _extend_set(value: set[Any] | frozenset[Any], depth: int) -> ormsgpack.Ext:
    # In the order of their bytes: equal sets have to give equal bytes.
    items = sorted((_extend(item, depth) for item in value), key=pack)
    return ormsgpack.Ext(_SET if type(value) is set else _FROZENSET, pack(items))


def _extend_datetime(value: datetime, depth: int) -> ormsgpack.Ext:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return ormsgpack.Ext(_DATETIME, pack([naive, value.fold, _zone(value.tzinfo)]))


def _extend_time(value: time, depth: int) -> ormsgpack.Ext:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return ormsgpack.Ext(_TIME, pack([naive, value.fold, _zone(value.tzinfo)]))


def _extend_timedelta(value: timedelta, depth: int) -> ormsgpack.Ext:
    return ormsgpack.Ext(_TIMEDELTA, pack([value.days, value.seconds, value.microseconds]))


def _zone(zone: object) -> int | str | None:
    """Return a time zone as nothing, an offset from UTC in microseconds, or a name."""
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key:
        return zone.key
    if type(zone) is timezone:
        offset = zone.utcoffset(None)
        if zone.tzname(None) == timezone(offset).tzname(None):
            return offset // timedelta(microseconds=1)
    raise TypeError(f"the time zone {zone!r} has no exact encoding; use timezone.utc or ZoneInfo")


_EXTEND: dict[type, Callable[[Any, int], Any]] = {
    int: _extend_int,
    dict: _extend_dict,
    tuple: _extend_tuple,
    set: _extend_set,
    frozenset: _extend_set,
    datetime: _extend_datetime,
    date: lambda value, depth: ormsgpack.Ext(_DATE, value.isoformat().encode()),
    time: _extend_time,
    timedelta: _extend_timedelta,
    Decimal: lambda value, depth: ormsgpack.Ext(_DECIMAL, str(value).encode()),
    UUID: lambda value, depth: ormsgpack.Ext(_UUID, value.bytes),
    Markup: lambda value, depth: ormsgpack.Ext(_MARKUP, value.encode()),
}


def _restore(code: int, data: bytes) -> Any:
    restore = _RESTORE.get(code)
    if restore is None:
        raise ValueError(f"unknown extension type {code}")
    return restore(data)


def _restore_dict(data: bytes) -> dict[Any, Any]:
    flat = iter(decode(data))
    return dict(zip(flat, flat, strict=True))


def _restore_datetime(data: bytes) -> datetime:
    naive, fold, zone = decode(data)
    return datetime.fromisoformat(naive).replace(fold=fold, tzinfo=_restore_zone(zone))


def _restore_time(data: bytes) -> time:
    naive, fold, zone = decode(data)
    return time.fromisoformat(naive).replace(fold=fold, tzinfo=_restore_zone(zone))


def _restore_zone(zone: int | str | None) -> timezone | ZoneInfo | None:
    if zone is None:
        return None
    return ZoneInfo(zone) if isinstance(zone, str) else timezone(timedelta(microseconds=zone))


_RESTORE: dict[int, Callable[[bytes], Any]] = {
    _TUPLE: lambda data: tuple(decode(data)),
    _SET: lambda data: set(decode(data)),
    _FROZENSET: lambda data: frozenset(decode(data)),
    _DICT: _restore_dict,
    _INT: lambda data: int.from_bytes(data, "big", signed=True),
    _DECIMAL: lambda data: Decimal(data.decode()),
    _DATETIME: _restore_datetime,
    _DATE: lambda data: date.fromisoformat(data.decode()),
    _TIME: _restore_time,
    _TIMEDELTA: lambda data: timedelta(*decode(data)),
    _UUID: lambda data: UUID(bytes=data),
    _MARKUP: lambda data: Markup(data.decode()),  # noqa: S704 - it was Markup when it was stored
}
