"""The ranking of settings and the intervals that hold for all pairs at once."""

import math
import random

import pytest
from scipy.stats import studentized_range

from loadtests.tune.ranking import Ranking, critical_value
from tests.loadtests.tune.searches import settings, trial

A, B, C = settings(3)


def test_a_round_that_was_slow_for_all_says_nothing_about_any() -> None:
    trials = [trial(A, 1, 100), trial(B, 1, 120), trial(A, 2, 50), trial(B, 2, 60.5)]
    ranking = Ranking(trials)
    assert ranking.fastest_first([A, B]) == [B, A]
    assert ranking.ratio(B, A) == pytest.approx(math.sqrt(1.2 * 1.21))
    interval = ranking.interval(B, A)
    assert interval
    assert 1.1 < interval.low < 1.2 < interval.high < 1.3


def test_one_round_tells_no_interval() -> None:
    ranking = Ranking([trial(A, 1, 100), trial(B, 1, 120)])
    assert ranking.interval(B, A) is None
    assert ranking.ratio(B, A) == pytest.approx(1.2)


def test_two_are_compared_in_the_rounds_of_both() -> None:
    """What went out early keeps its bad luck, so the other's later luck must not count."""
    trials = [trial(A, 1, 100), trial(B, 1, 110), trial(C, 1, 90)]
    trials += [trial(A, 2, 120), trial(B, 2, 120), trial(A, 3, 119), trial(B, 3, 121)]
    ranking = Ranking(trials)
    assert ranking.ratio(C, A) == pytest.approx(0.9)
    assert ranking.ratio(C, B) == pytest.approx(90 / 110)


def test_two_that_share_no_round_are_not_compared() -> None:
    trials = [trial(A, 1, 100), trial(C, 1, 50), trial(B, 2, 110), trial(C, 2, 55)]
    ranking = Ranking([*trials, trial(C, 3, 50), trial(A, 3, 101)])
    assert ranking.ratio(A, B) is None
    assert ranking.interval(A, B) is None
    assert ranking.ratio(A, C) == pytest.approx(2.01, abs=0.01)


def test_what_was_not_measured_has_no_rank() -> None:
    ranking = Ranking([trial(A, 1, 100), trial(B, 1, 120)])
    assert ranking.fastest_first([A, C, B]) == [B, A]


def test_throughput_is_that_of_an_average_round() -> None:
    trials = [trial(A, 1, 100), trial(B, 1, 50), trial(A, 2, 400), trial(B, 2, 200)]
    assert Ranking([*trials, trial(A, 3, 100)]).throughput(B) == pytest.approx(50 * 4 ** (1 / 3))


def test_a_setting_is_as_fast_as_itself() -> None:
    trials = [trial(each, round, 100 + round) for each in (A, B) for round in (1, 2)]
    interval = Ranking(trials).interval(A, A)
    assert interval
    assert (interval.low, interval.high) == (1, 1)


def test_the_critical_value_is_that_of_the_studentized_range() -> None:
    """The table in print says 3.877 for 3 groups and 10 degrees of freedom."""
    assert critical_value(3, 10) * math.sqrt(2) == pytest.approx(3.877, abs=0.002)
    assert studentized_range.sf(critical_value(5, 8) * math.sqrt(2), 5, 8) == pytest.approx(0.05)


def test_in_95_of_100_searches_no_pair_of_equals_is_called_different() -> None:
    dice = random.Random(3)
    equals = settings(6)
    wrong = 0
    for _ in range(300):
        trials = [
            trial(each, round, 100 * math.exp(dice.gauss(0, 0.05)))
            for round in (1, 2, 3)
            for each in equals
        ]
        ranking = Ranking(trials)
        best, worst = ranking.fastest_first(equals)[0], ranking.fastest_first(equals)[-1]
        interval = ranking.interval(worst, best)
        wrong += interval is not None and interval.high < 1
    assert 0.02 * 300 < wrong < 0.08 * 300
