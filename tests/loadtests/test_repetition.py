"""When a scaling run ends: by rounds, by what it knows, by its time."""

import random
from dataclasses import replace

import pytest

from loadtests.efficiency import efficiency
from loadtests.repetition import Repetition, reach
from tests.loadtests.simulated import law, measurement, simulate

STEADY = simulate(law(100), rounds=3, noise=0.0)
SHAKY = simulate(law(100), rounds=2, noise=0.05)


def test_a_number_of_rounds_ends_the_run_whatever_they_show() -> None:
    three = Repetition(rounds=3, precision=0.03, max_time=None)
    assert three.after_round(2, STEADY, "nodes") is None
    ending = three.after_round(3, SHAKY, "nodes")
    assert ending
    assert (ending.reason, ending.sentence) == ("rounds", "Measured in 3 rounds, as asked.")


def test_a_run_ends_when_the_efficiency_at_the_largest_size_is_known() -> None:
    until_known = Repetition(None, precision=0.03, max_time=600.0)
    assert until_known.after_round(2, SHAKY, "nodes") is None
    ending = until_known.after_round(3, STEADY, "nodes")
    assert ending
    assert ending.reason == "precision"
    assert ending.sentence == (
        "After 3 rounds the efficiency at 4 nodes is known within ± 0 %, where ± 3 % was asked."
    )


@pytest.mark.parametrize(("sizes", "least"), [((1, 2), 5), ((1, 2, 4), 3), ((1, 2, 3, 4, 6, 8), 3)])
def test_a_narrow_interval_of_few_figures_does_not_end_a_run(
    sizes: tuple[int, ...], least: int
) -> None:
    until_known = Repetition(None, precision=0.5, max_time=600.0)
    points = {n: simulate(law(100), sizes, rounds=n, noise=0.0) for n in range(1, least + 1)}
    ended = {n: until_known.after_round(n, points[n], "nodes") is not None for n in points}
    assert ended == {n: n == least for n in points}


def test_a_largest_size_that_is_void_so_far_is_not_known() -> None:
    points = [m if m.size < 4 else replace(m, void=("spoilt",)) for m in STEADY]
    assert reach(points) is None
    assert Repetition(None, 0.03, None).after_round(5, points, "nodes") is None


def test_a_point_that_would_end_late_is_not_begun() -> None:
    until_known = Repetition(None, precision=0.03, max_time=600.0)
    assert until_known.before_point(580.0, 20.0, SHAKY, "nodes") is None
    ending = until_known.before_point(580.1, 20.0, SHAKY, "nodes")
    assert ending
    assert ending.reason == "time"
    assert ending.sentence.startswith(
        "The time of 10:00 minutes was used up: the efficiency at 4 nodes is known within ± "
    )


def test_time_may_end_a_run_that_knows_nothing_yet() -> None:
    until_known = Repetition(None, precision=0.03, max_time=60.0)
    ending = until_known.before_point(60.0, 20.0, STEADY[:3], "nodes")
    assert ending
    assert "before two rounds told how sure" in ending.sentence
    ending = until_known.before_point(60.0, 20.0, [], "nodes")
    assert ending


def test_time_may_end_a_number_of_rounds() -> None:
    ending = Repetition(5, 0.03, max_time=60.0).before_point(50.0, 20.0, STEADY, "nodes")
    assert ending
    assert "before all 5 rounds were measured" in ending.sentence
    assert Repetition(5, 0.03, None).before_point(1e9, 20.0, STEADY, "nodes") is None


def ended(seed: int, noise: float, sizes: tuple[int, ...], until: Repetition, most: int) -> bool:
    """Whether the interval holds the truth when a run stops because it is narrow enough."""
    dice = random.Random(seed)
    system, points = law(100, 0.01), []
    for repeat in range(1, most + 1):
        points += [
            measurement(size, system.throughput(size) * dice.gauss(1, noise), repeat=repeat)
            for size in sizes
        ]
        if until.after_round(repeat, points, "nodes"):
            break
    last = efficiency(points)[-1]
    assert last.interval
    return system.throughput(last.size) / last.size / system.throughput(1) in last.interval


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.03])
@pytest.mark.parametrize("sizes", [(1, 2), (1, 2, 3, 4, 6, 8)])
def test_stopping_when_the_interval_is_narrow_leaves_it_honest(
    sizes: tuple[int, ...], noise: float
) -> None:
    """Looking after every round favours intervals that happen to be narrow."""
    until_known = Repetition(None, precision=0.03, max_time=None)
    held = sum(ended(seed, noise, sizes, until_known, 20) for seed in range(200))
    assert held / 200 >= 0.92
