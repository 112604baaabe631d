"""Dates, numbers and lists as a locale writes them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

from babel import dates, lists, numbers, units

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from babel import Locale

Length = Literal["short", "medium", "long", "full"]


class Formats:
    """Writes values for people. A time without a zone is taken as UTC, as databases keep it.

    ``format`` is one of Babel's lengths, or a pattern of the Unicode standard such as
    ``"d. MMM yyyy"``.
    """

    def __init__(self, locale: Locale, timezone: dt.tzinfo) -> None:
        self.locale = locale
        self.timezone = timezone

    def date(self, value: dt.date | dt.datetime, format: Length | str = "medium") -> str:
        """A day; that of a moment is the day it is in the visitor's time zone."""
        day = self._local(value) if isinstance(value, dt.datetime) else value
        return dates.format_date(day, format, locale=self.locale)

    def time(self, value: dt.time | dt.datetime, format: Length | str = "medium") -> str:
        """A time of day."""
        if isinstance(value, dt.datetime):
            return dates.format_time(self._local(value), format, self.timezone, self.locale)
        return dates.format_time(value, format, locale=self.locale)

    def datetime(self, value: dt.datetime, format: Length | str = "medium") -> str:
        """A moment, in the visitor's time zone."""
        return dates.format_datetime(self._local(value), format, self.timezone, self.locale)

    def relative(self, value: dt.datetime | dt.timedelta, *, now: dt.datetime | None = None) -> str:
        """How long ago a moment is, or in what time: ``3 hours ago``, ``in 2 days``."""
        if isinstance(value, dt.datetime):
            value = self._local(value) - self._local(now or dt.datetime.now(dt.UTC))
        return dates.format_timedelta(value, add_direction=True, locale=self.locale)

    def duration(self, value: dt.timedelta) -> str:
        """A length of time, rounded to its largest unit: ``3 hours``."""
        return dates.format_timedelta(value, locale=self.locale)

    def number(self, value: int | float | Decimal, format: str | None = None) -> str:
        """A number, with the locale's separators."""
        return numbers.format_decimal(value, format, self.locale)

    def percent(self, value: int | float | Decimal, format: str | None = None) -> str:
        """A share of one: 0.5 is ``50%``."""
        return numbers.format_percent(value, format, self.locale)

    def currency(self, value: int | float | Decimal, currency: str) -> str:
        """An amount of money; ``currency`` is its ISO 4217 code. Use ``Decimal`` for amounts."""
        return numbers.format_currency(value, currency, locale=self.locale)

    def unit(
        self,
        value: int | float | Decimal,
        unit: str,
        length: Literal["short", "long", "narrow"] = "long",
    ) -> str:
        """A measure; ``unit`` is its name in CLDR, such as ``kilometer`` or ``length-meter``."""
        return units.format_unit(value, unit, length, locale=self.locale)

    def list(
        self, items: Iterable[str], style: Literal["standard", "or", "unit"] = "standard"
    ) -> str:
        """Texts as one: ``a, b, and c``."""
        return lists.format_list(list(items), style, self.locale)

    def _local(self, value: dt.datetime) -> dt.datetime:
        if value.tzinfo is None:
            value = value.replace(tzinfo=dt.UTC)
        return value.astimezone(self.timezone)
