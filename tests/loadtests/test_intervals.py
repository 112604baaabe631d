"""Intervals, and the ratio of two sizes over rounds that a machine's drift makes unlike."""

import math
from statistics import fmean, stdev

import numpy as np
import pytest

from loadtests.intervals import Interval, RoundEffects

Throughputs = dict[tuple[int, int], float]


def by_round(*rounds: dict[int, float]) -> Throughputs:
    return {
        (size, repeat): throughput
        for repeat, throughputs in enumerate(rounds, 1)
        for size, throughput in throughputs.items()
    }


def test_an_interval_holds_its_ends_and_what_is_between() -> None:
    interval = Interval(0.9, 1.1)
    assert all(value in interval for value in (0.9, 1.0, 1.1))
    assert all(value not in interval for value in (0.899, 1.101))


def test_an_interval_is_widened_to_hold_a_value() -> None:
    interval = Interval(0.9, 1.1)
    assert interval.around(1.0) == interval
    assert interval.around(0.5) == Interval(0.5, 1.1)
    assert interval.around(1.5) == Interval(0.9, 1.5)


def test_two_sizes_have_the_interval_of_a_paired_t_test() -> None:
    pairs = [(100.0, 190.0), (80.0, 156.0), (120.0, 221.0), (90.0, 180.0)]
    found = RoundEffects(by_round(*[{1: one, 2: two} for one, two in pairs])).ratio(2, 1)
    logarithms = [math.log(two / one) for one, two in pairs]
    reach = 3.182446 * stdev(logarithms) / 2
    assert found
    assert (math.log(found.low), math.log(found.high)) == pytest.approx(
        (fmean(logarithms) - reach, fmean(logarithms) + reach)
    )


def test_the_other_way_round_it_is_the_reciprocal() -> None:
    effects = RoundEffects(by_round({1: 100, 2: 190, 4: 370}, {1: 98, 2: 192, 4: 380}))
    up, down = effects.ratio(4, 2), effects.ratio(2, 4)
    assert up
    assert down
    assert (up.low, up.high) == pytest.approx((1 / down.high, 1 / down.low))


def test_a_round_that_is_slow_for_all_sizes_does_not_widen_the_interval() -> None:
    even = by_round({1: 100, 2: 190}, {1: 101, 2: 193}, {1: 99, 2: 191})
    slowing = by_round({1: 100, 2: 190}, {1: 50.5, 2: 96.5}, {1: 24.75, 2: 47.75})
    first, second = RoundEffects(even).ratio(2, 1), RoundEffects(slowing).ratio(2, 1)
    assert first
    assert second
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_a_size_missing_in_a_round_has_a_wider_interval() -> None:
    effects = RoundEffects(
        by_round({1: 100, 2: 190, 4: 370}, {1: 98, 2: 192}, {1: 101, 2: 194, 4: 390})
    )
    two, four = effects.ratio(2, 1), effects.ratio(4, 1)
    assert two
    assert four
    assert four.high / four.low > two.high / two.low


def test_without_a_second_round_or_a_size_there_is_no_interval() -> None:
    assert RoundEffects(by_round({1: 100, 2: 190, 4: 370})).ratio(2, 1) is None
    assert RoundEffects(by_round({1: 100, 2: 190}, {1: 100, 4: 370})).ratio(2, 1) is None
    assert RoundEffects(by_round({1: 100, 2: 190}, {1: 99, 2: 191})).ratio(4, 1) is None


@pytest.mark.parametrize(("sizes", "rounds"), [((1, 2, 4), 2), ((1, 2, 3, 4, 6, 8), 3)])
def test_the_interval_covers_the_truth_though_the_machine_drifts(
    sizes: tuple[int, ...], rounds: int
) -> None:
    dice = np.random.default_rng(7)
    runs, held = 400, 0
    for _ in range(runs):
        noise = dice.normal(1, 0.01, (rounds, len(sizes))) * dice.normal(1, 0.05, (rounds, 1))
        effects = RoundEffects(
            {
                (size, repeat): 95.0 * size * float(noise[repeat, place])
                for repeat in range(rounds)
                for place, size in enumerate(sizes)
            }
        )
        ratio = effects.ratio(sizes[-1], 1)
        assert ratio
        held += sizes[-1] in ratio
    # Three standard errors to either side of 95 %.
    margin = 3 * math.sqrt(0.95 * 0.05 / runs)
    assert held / runs == pytest.approx(0.95, abs=margin)
