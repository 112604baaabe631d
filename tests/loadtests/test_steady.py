"""When a service counts as settled: made-up seconds, and how often plain noise raises an alarm."""

import math
import random
from collections.abc import Callable

import pytest

from loadtests.measurement import Histogram
from loadtests.records import Record
from loadtests.steady import (
    LEAST_SECONDS,
    WARM_UP_SIGNIFICANCE,
    WINDOW_SIGNIFICANCE,
    batch_means,
    drift,
    unsettled,
)

RUNS = 1000


def record(requests: int, latency: float, seconds: float = 1.0) -> Record:
    latencies = Histogram()
    latencies.record(latency, requests)
    return Record(
        time=0.0,
        seconds=seconds,
        users=1,
        requests=requests,
        failures=0,
        redirects=0,
        latencies=latencies,
        errors={},
        exceptions={},
        cpu=0.0,
        busiest=0.0,
        processes=1,
        scheduled=0,
        dropped=0,
        lateness=0.0,
    )


def white(dice: random.Random, spread: float, seconds: int) -> list[float]:
    return [100 * (1 + dice.gauss(0, spread)) for _ in range(seconds)]


def correlated(dice: random.Random, spread: float, seconds: int) -> list[float]:
    """First-order autoregressive noise, half of each value carried over to the next."""
    level, values = dice.gauss(0, spread), []
    for _ in range(seconds):
        level = 0.5 * level + dice.gauss(0, spread * math.sqrt(0.75))
        values.append(100 * (1 + level))
    return values


@pytest.mark.parametrize(
    ("noise", "spread", "seconds", "most"),
    [
        # Measured in 2,000 runs: 0.7 %, 0.7 %, 1.2 %, 5.6 % and 2.1 %.
        (white, 0.05, 10, 0.02),
        (white, 0.20, 10, 0.02),
        (white, 0.20, 30, 0.02),
        (correlated, 0.20, 10, 0.08),
        (correlated, 0.20, 30, 0.04),
    ],
)
def test_stationary_noise_is_seldom_taken_for_a_drift(
    noise: Callable[[random.Random, float, int], list[float]],
    spread: float,
    seconds: int,
    most: float,
) -> None:
    dice = random.Random(11)
    alarms = sum(
        drift(noise(dice, spread, seconds), WINDOW_SIGNIFICANCE) is not None for _ in range(RUNS)
    )
    assert alarms / RUNS <= most


@pytest.mark.parametrize("spread", [0.02, 0.05])
def test_a_service_that_still_gets_faster_is_noticed(spread: float) -> None:
    dice = random.Random(12)
    found = 0
    for _ in range(200):
        values = [x * (0.7 + 0.03 * n) for n, x in enumerate(white(dice, spread, 10))]
        found += drift(values, WINDOW_SIGNIFICANCE) is not None
    assert found >= 180


def test_one_odd_second_is_no_drift() -> None:
    for odd in range(10):
        values = [100.0, 101.0, 99.0, 100.5, 99.5, 100.2, 99.8, 100.1, 99.9, 100.3]
        values[odd] = 5.0
        assert drift(values, WINDOW_SIGNIFICANCE) is None


def test_a_change_that_does_not_matter_is_no_drift() -> None:
    assert drift([100 + 0.1 * n for n in range(10)], WINDOW_SIGNIFICANCE) is None
    assert drift([100 + 1.0 * n for n in range(10)], WINDOW_SIGNIFICANCE) == pytest.approx(
        9 / 104.5
    )


def test_many_seconds_are_put_together_in_batches() -> None:
    assert batch_means([1.0, 2.0, 3.0]) == [1.0, 2.0, 3.0]
    assert batch_means([float(n) for n in range(21)]) == [1.5 + 2 * n for n in range(10)]
    assert len(batch_means([0.0] * 29)) == 14


def test_values_that_are_all_the_same_do_not_drift() -> None:
    assert drift([100.0] * 10, WINDOW_SIGNIFICANCE) is None
    assert drift([0.0] * 10, WINDOW_SIGNIFICANCE) is None


def test_a_drift_around_nothing_is_without_bound() -> None:
    assert drift([-2.0, -1.0, 0.0, 1.0, 2.0], WARM_UP_SIGNIFICANCE) == math.inf


def test_too_few_seconds_tell_nothing() -> None:
    rising = [10.0 * n for n in range(1, LEAST_SECONDS)]
    assert drift(rising, significance=0.5) is None
    assert drift([*rising, 100.0], WARM_UP_SIGNIFICANCE) is not None


def test_throughput_and_latency_both_have_to_settle() -> None:
    assert unsettled([record(100, 0.05)] * 10, WINDOW_SIGNIFICANCE) is None
    faster = [record(50 + 10 * n, 0.05) for n in range(10)]
    assert unsettled(faster, WINDOW_SIGNIFICANCE) == "throughput rose by 94.7 % within 10 s"
    slower = [record(100, 0.05 + 0.01 * n) for n in range(10)]
    assert unsettled(slower, WINDOW_SIGNIFICANCE) == "latency rose by 94.7 % within 10 s"


def test_throughput_is_by_second_whatever_the_records_cover() -> None:
    longer = [record(100 + 20 * n, 0.05, seconds=1 + 0.2 * n) for n in range(10)]
    assert unsettled(longer, WINDOW_SIGNIFICANCE) is None


def test_seconds_without_an_answer_have_no_latency() -> None:
    silent = [record(0, 0.05)] * 10
    assert unsettled(silent, WINDOW_SIGNIFICANCE) is None
    slower = [record(100, 0.05 + 0.01 * n) for n in range(10)]
    said = unsettled([*slower[:5], record(0, 0.05), *slower[5:]], WINDOW_SIGNIFICANCE)
    assert said == "latency rose by 94.7 % within 10 s"
