"""Two runs side by side: noise is called noise, and a real change is found."""

import random
from dataclasses import replace

import pytest

from loadtests.compare import change, compare
from loadtests.errors import LoadTestError
from loadtests.intervals import RoundEffects
from loadtests.result import ScalingResult
from tests.loadtests.simulated import CONDITIONS, conclude, law, measurement, simulate

SIZES = (1, 2, 4, 8)


def run(contention: float, seed: int, **changes: object) -> ScalingResult:
    throughputs = noisy(contention, random.Random(seed))
    points = [measurement(size, x, repeat=repeat) for (size, repeat), x in throughputs.items()]
    return conclude(points, **changes)


def noisy(contention: float, dice: random.Random) -> dict[tuple[int, int], float]:
    """Throughputs by size and round, with noise of 1 %."""
    system = law(1000, contention)
    return {
        (size, repeat): system.throughput(size) * dice.gauss(1, 0.01)
        for repeat in (1, 2, 3)
        for size in SIZES
    }


def test_the_same_system_is_no_more_than_noise() -> None:
    words = [s.word for s in compare(run(0.02, 1), run(0.02, 2)).sizes]
    assert words == ["unknown", *["no more than noise"] * 3]


def test_a_change_beyond_the_noise_is_found_in_its_direction() -> None:
    worse = compare(run(0.01, 1), run(0.2, 2))
    assert worse.is_worse
    assert worse.sizes[-1].word == "worse"
    better = compare(run(0.2, 1), run(0.01, 2))
    assert not better.is_worse
    assert better.sizes[-1].word == "better"
    found = better.sizes[-1].change
    assert found
    assert found.low < (1 + 0.2 * 7) / (1 + 0.01 * 7) < found.high


def test_the_same_run_twice_differs_in_nothing() -> None:
    found = compare(run(0.05, 1), run(0.05, 1))
    assert found.differing == ()
    for size in found.sizes[1:]:
        assert size.change
        assert 1.0 in size.change


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """All sizes together are right in 95 of 100 comparisons of a system with itself."""
    dice, alarms = random.Random(20), 0
    for _ in range(300):
        before, after = RoundEffects(noisy(0.02, dice)), RoundEffects(noisy(0.02, dice))
        changes = [change((before, after), size, SIZES) for size in SIZES[1:]]
        alarms += any(found is None or 1.0 not in found for found in changes)
    assert alarms / 300 <= 0.08


def test_one_round_leaves_the_change_unknown() -> None:
    once = conclude([measurement(1, 100), measurement(2, 190)])
    assert [s.change for s in compare(once, run(0.02, 1)).sizes] == [None, None]


def test_exact_runs_have_an_exact_change() -> None:
    exact = [
        conclude(simulate(law(100, contention), (1, 2), rounds=2, noise=0.0))
        for contention in (0.0, 1.0)
    ]
    (_, two) = compare(*exact).sizes
    assert two.change
    assert (two.change.low, two.change.high) == pytest.approx((0.5, 0.5), rel=1e-6)


def test_conditions_that_differ_are_named() -> None:
    changed = {**CONDITIONS, "gunicorn": "28.0", "new": "1"}
    found = compare(run(0.02, 1), run(0.02, 2, conditions=changed))
    assert found.differing == (("gunicorn", "27.0.1", "28.0"), ("new", "-", "1"))


def test_runs_without_anything_in_common_are_refused() -> None:
    nodes = run(0.02, 1)
    with pytest.raises(LoadTestError, match="over nodes, the other over workers"):
        compare(nodes, replace(nodes, over="workers"))
    with pytest.raises(LoadTestError, match="fewer than two valid sizes"):
        compare(nodes, conclude([measurement(1, 100), measurement(3, 100)]))
    with pytest.raises(LoadTestError, match="that is 1 in one run and 2 in the other"):
        compare(nodes, conclude(simulate(law(200), (2, 4), rounds=2)))
