"""The codec: exact round trips, or a TypeError that names the key."""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from framework.sessions import SessionTooLarge, codec

BERLIN = ZoneInfo("Europe/Berlin")


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, datetime | time):
        return repr(left) == repr(right)
    return bool(left == right)


@pytest.mark.parametrize(
    "value",
    [
        *("", "text", "naïve ☃ 🛒", "\x00", 0, 1, -1, 2**53 + 1, 2**63, 2**64 - 1, -(2**63)),
        *(2**64, -(2**63) - 1, 10**100, -(10**100), 0.0, 1.5, 1e308, float("inf"), True, False),
        *(None, b"", b"\x00\xff", [], [1, [2, [3]]], (), (1,), (1, (2, [3])), {}, {"a": {"b": []}}),
        *({1: "a", "1": "b", None: 2, (1, 2): 3}, {date(2026, 1, 1): UUID(int=5)}, {b"x": (1,)}),
        *({True: 1, 0: 2}, set(), {1, 2, "3"}, frozenset({(1, 2), b"x"}), [{"a": ({1}, [b"y"])}]),
        *(Decimal("1.10"), Decimal("-0"), Decimal("1E+5"), Decimal("Infinity"), UUID(int=2**100)),
        *(date.min, date.max, time(1, 2, 3, 4), time(1, fold=1, tzinfo=UTC), timedelta.min),
        *(timedelta(days=-1, microseconds=1), timedelta.max, datetime.min, datetime.max),
        *(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
        datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30, microseconds=1))),
        datetime(2026, 1, 1, 12, 0, 0, 7, tzinfo=timezone(-timedelta(hours=3))),
        *(Markup(""), Markup("<b>☃</b>"), [{"html": (Markup("<br>"), "<br>")}]),
    ],
    ids=repr,
)
def test_a_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    data = codec.encode("key", value)
    assert same(codec.decode(data), value)
    assert codec.encode("key", codec.decode(data)) == data


def test_not_a_number_and_minus_zero_come_back() -> None:
    assert math.isnan(codec.decode(codec.encode("key", float("nan"))))
    assert math.copysign(1, codec.decode(codec.encode("key", -0.0))) == -1
    assert str(codec.decode(codec.encode("key", Decimal("sNaN7")))) == "sNaN7"


def test_the_order_of_a_dict_is_kept_and_that_of_a_set_does_not_matter() -> None:
    assert list(codec.decode(codec.encode("key", {"b": 1, "a": 2}))) == ["b", "a"]
    one, other = {0, 8}, {8, 0}
    assert list(one) != list(other)
    assert codec.encode("key", one) == codec.encode("key", other)


class Text(str):
    __slots__ = ()


class Colour(Enum):
    RED = 1


class Number(IntEnum):
    ONE = 1


@dataclass
class Item:
    name: str


Point = namedtuple("Point", "x y")


class Zone(timezone.__base__):  # type: ignore[name-defined, misc]
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        *(Text("x"), Colour.RED, Number.ONE, Item("x"), Point(1, 2), OrderedDict(a=1), object()),
        *(bytearray(b"x"), memoryview(b"x"), range(3), 1j, len, "\ud800", {"a": bytearray(b"x")}),
        *({Text("a"): 1}, {Number.ONE: 1}, [Item("x")], (Item("x"),), {(1, Text("x")): 1}),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        datetime(2026, 1, 1, tzinfo=Zone()),
    ],
    ids=repr,
)
def test_what_would_come_back_different_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=r"session\['cart'\] cannot be stored: .*convert the value"):
        codec.encode("cart", value)


def test_the_error_names_the_type_that_is_at_fault_inside_the_value() -> None:
    with pytest.raises(TypeError, match=r"test_codec\.Item has no exact encoding"):
        codec.encode("cart", {"items": [(1, Item("x"))]})


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {1: x}])
def test_endless_nesting_is_refused(wrap: Any) -> None:
    value: Any = b"x"
    for _ in range(5000):
        value = wrap(value)
    with pytest.raises(TypeError, match=r"session\['cart'\]"):
        codec.encode("cart", value)


def test_a_list_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TypeError, match=r"session\['cart'\]"):
        codec.encode("cart", value)


def test_a_value_of_16_kib_is_kept_and_a_larger_one_refused() -> None:
    assert codec.decode(codec.encode("cart", "x" * (16 * 1024 - 3)))
    with pytest.raises(SessionTooLarge, match=r"session\['cart'\] takes 16385 bytes"):
        codec.encode("cart", "x" * (16 * 1024 - 2))


HOSTILE_NESTING = b"\xc0"
while len(HOSTILE_NESTING) < 16_000:
    HOSTILE_NESTING = b"\xc8" + len(HOSTILE_NESTING).to_bytes(2, "big") + b"\x02" + HOSTILE_NESTING


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xc1", b"\x91", b"\xd4\x7fx", b"\xd4\x08x", b"\x91" * 5000 + b"\x90"),
        *(
            HOSTILE_NESTING,
            b'{"user": 1}',
            b"ada",
            pickle.dumps({"user": 1}),
            b"(dp0\n.",
            b"\xc0\xc0",
        ),
    ],
    ids=[
        *("empty", "reserved", "short", "unknown type", "no date", "deep lists"),
        *("deep extensions", "JSON", "text", "pickle", "old pickle", "two values"),
    ],
)
def test_bytes_that_nobody_here_wrote_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are the decoder's
        codec.decode(data)
