from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from framework.i18n.formats import Formats

GERMAN = Formats(Locale("de"), ZoneInfo("Europe/Berlin"))
ARABIC = Formats(Locale("ar", "EG"), UTC)
NEW_YEAR = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (GERMAN.date(date(2026, 3, 5)), "05.03.2026"),
        (GERMAN.date(NEW_YEAR, "full"), "Donnerstag, 1. Januar 2026"),
        (GERMAN.time(NEW_YEAR, "short"), "00:30"),
        (GERMAN.time(time(7, 5), "short"), "07:05"),
        (GERMAN.datetime(NEW_YEAR, "dd.MM. HH:mm"), "01.01. 00:30"),
        (GERMAN.datetime(NEW_YEAR.replace(tzinfo=None), "dd.MM. HH:mm"), "01.01. 00:30"),
        (
            GERMAN.datetime(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=9))), "HH:mm"),
            "16:00",
        ),
        (GERMAN.relative(NEW_YEAR, now=NEW_YEAR + timedelta(hours=2)), "vor 2 Stunden"),
        (GERMAN.number(1234567.891), "1.234.567,891"),
        (GERMAN.percent(0.125), "12\xa0%"),
        (GERMAN.percent(Decimal("0.125"), "#,##0.0 %"), "12,5 %"),
        (GERMAN.currency(Decimal("1099.5"), "EUR"), "1.099,50\xa0€"),
        (GERMAN.currency(5, "JPY"), "5\xa0¥"),
        (GERMAN.unit(12, "kilometer"), "12 Kilometer"),
        (GERMAN.unit(1.5, "length-meter", "short"), "1,5 m"),
        (GERMAN.list(["Äpfel", "Birnen", "Nüsse"]), "Äpfel, Birnen und Nüsse"),
        (GERMAN.list(["ja", "nein"], "or"), "ja oder nein"),
        (ARABIC.list(["أ", "ب"]), "أ وب"),
    ],
)
def test_values_are_written_as_the_locale_has_them(written: str, expected: str) -> None:
    assert written == expected


def test_the_direction_of_a_script_is_the_locales() -> None:
    assert ARABIC.locale.text_direction == "rtl"
    assert GERMAN.locale.text_direction == "ltr"
