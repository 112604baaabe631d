"""Figures in words: none looks better than it is."""

from dataclasses import replace

import pytest

from loadtests.intervals import Interval
from loadtests.usl import Intervals
from loadtests.wording import coefficient, counted, milliseconds, percent, with_interval
from tests.loadtests.simulated import law


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0004, "0 %"),
        (0.29, "29 %"),
        (0.57, "57 %"),
        (0.8997, "89.9 %"),
        (0.9, "90 %"),
        (0.9999, "99.9 %"),
        (1.0, "100 %"),
        (1.2345, "123.4 %"),
    ],
)
def test_per_cent_are_rounded_down(share: float, text: str) -> None:
    assert percent(share) == text


def test_no_whole_per_mille_loses_one() -> None:
    assert [percent(n / 1000) for n in range(2001)] == [f"{n / 10:g} %" for n in range(2001)]


def test_sizes_are_counted_in_english() -> None:
    assert counted(1, "nodes") == "1 node"
    assert counted(4, "workers") == "4 workers"
    assert counted(1200, "nodes") == "1,200 nodes"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 ms"),
        (0.00123, "1.23 ms"),
        (0.009999, "10.0 ms"),
        (0.0123, "12.3 ms"),
        (0.09996, "100 ms"),
        (0.123, "123 ms"),
        (1.23, "1,230 ms"),
    ],
)
def test_latencies_have_three_significant_digits(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text


def test_coefficients_have_two_significant_digits() -> None:
    assert [coefficient(x) for x in (0.0, 0.1234, 0.000456)] == ["0", "0.12", "0.00046"]


def test_coefficients_come_with_their_interval_if_there_is_one() -> None:
    alone = law(1500.0, 0.1234, 0.0)
    intervals = Intervals(Interval(1490, 1510.26), Interval(0.1, 0.151), Interval(0, 0.00123))
    known = replace(alone, intervals=intervals)
    assert with_interval(alone, "contention") == "0.12"
    assert with_interval(known, "contention") == "0.12 (0.1 to 0.15)"
    assert with_interval(known, "coherency") == "0 (0 to 0.0012)"
    assert with_interval(known, "unit_throughput") == "1,500.0 (1,490.0 to 1,510.3)"
