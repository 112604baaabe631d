"""The interval of a p99 latency."""

import math
import random

import pytest

from loadtests.measurement import Histogram
from loadtests.percentiles import latency_of_rank, p99_interval


def histogram(latencies: list[float]) -> Histogram:
    found = Histogram()
    for latency in latencies:
        found.record(latency)
    return found


def test_it_holds_the_true_p99_in_95_of_100_runs() -> None:
    dice = random.Random(5)
    truth = -math.log(0.01)
    runs = [[dice.expovariate(1) for _ in range(1000)] for _ in range(300)]
    held = sum(truth in p99_interval(histogram(run)) for run in runs)
    assert 0.93 * 300 <= held <= 0.99 * 300


def test_too_few_requests_leave_the_upper_end_open() -> None:
    assert math.isinf(p99_interval(histogram([0.1] * 300)).high)
    assert p99_interval(histogram([0.1] * 400)).high == 0.1


def test_dropped_arrivals_are_beyond_every_latency() -> None:
    answered = histogram([0.1] * 1000)
    assert p99_interval(answered, 1).high == 0.1
    assert math.isinf(p99_interval(answered, 5).high)
    assert p99_interval(answered, 5).low == 0.1
    assert math.isinf(p99_interval(answered, 50).low)


def test_no_request_tells_nothing() -> None:
    interval = p99_interval(Histogram())
    assert (interval.low, interval.high) == (0, math.inf)


@pytest.mark.parametrize("count", [1, 3, 7, 100, 999])
def test_every_rank_is_found(count: int) -> None:
    latencies = histogram([rank / 1000 for rank in range(1, count + 1)])
    ranks = [round(latency_of_rank(latencies, rank) * 1000) for rank in range(1, count + 1)]
    assert ranks == list(range(1, count + 1))
