"""Histograms against sorted lists, a point's own figures, and what makes a point void."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.measurement import Histogram, Level, Measurement, bucket, valid
from tests.loadtests.simulated import measurement

ROOT = Path(__file__).resolve().parents[2]
PERCENTS = [0.1, 1, 25, 50, 75, 90, 95, 99, 99.9, 100]
SPREADS = {
    "uniform": lambda dice: dice.uniform(0, 2),
    "exponential": lambda dice: dice.expovariate(20),
    "lognormal": lambda dice: dice.lognormvariate(-3, 1.5),
    "microseconds": lambda dice: dice.uniform(0, 0.002),
    "hardly any different": lambda dice: 0.05 + dice.choice([0, 0.00001, 0.3]),
}


def recorded(latencies: list[float]) -> Histogram:
    histogram = Histogram()
    for latency in latencies:
        histogram.record(latency)
    return histogram


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 1000])
def test_a_percentile_is_the_nearest_rank_of_the_sorted_latencies(spread: str, count: int) -> None:
    dice = random.Random(f"{spread} {count}")
    latencies = sorted(SPREADS[spread](dice) for _ in range(count))
    histogram = recorded(random.Random(1).sample(latencies, count))
    for percent in PERCENTS:
        rank = next(r for r in range(1, count + 1) if r * 1000 >= round(percent * 10) * count)
        exact = latencies[rank - 1]
        found = histogram.percentile(percent)
        assert found == bucket(exact) / 1e6
        assert abs(found - exact) <= max(0.005 * exact, 0.5e-6) * 1.000001
        assert sum(latency <= found * 1.0051 + 1e-6 for latency in latencies) >= rank


def test_a_rank_does_not_slip_by_a_binary_fraction() -> None:
    histogram = recorded([n / 1000 for n in range(1, 1001)])
    assert histogram.percentile(55) == 0.55
    assert histogram.percentile(99.9) == 0.999
    assert recorded([0.001] * 7 + [0.002] * 93).percentile(7) == 0.001


@pytest.mark.parametrize("spread", SPREADS)
def test_merging_parts_equals_recording_the_whole(spread: str) -> None:
    dice = random.Random(spread)
    latencies = [SPREADS[spread](dice) for _ in range(3000)]
    whole = recorded(latencies)
    cuts = sorted(dice.randrange(3000) for _ in range(6))
    parts = [
        recorded(latencies[start:end]) for start, end in zip([0, *cuts], [*cuts, 3000], strict=True)
    ]
    dice.shuffle(parts)
    assert Histogram.merged(parts) == whole
    assert sum(part.count for part in parts) == whole.count == 3000


def test_merging_leaves_the_other_histogram_alone() -> None:
    first, second = recorded([0.1]), recorded([0.1, 0.2])
    first.merge(second)
    assert first.count == 3
    assert second == recorded([0.1, 0.2])


def test_the_mean_is_within_the_error_of_a_bucket() -> None:
    dice = random.Random(3)
    latencies = [dice.expovariate(10) for _ in range(2000)]
    exact = sum(latencies) / len(latencies)
    assert recorded(latencies).mean == pytest.approx(exact, rel=0.005)


@pytest.mark.parametrize(
    ("seconds", "microseconds"),
    [(0, 0), (0.0000004, 0), (0.000123, 123), (0.0012345, 1230), (0.9996, 1_000_000), (61, 61e6)],
)
def test_a_bucket_has_three_significant_digits(seconds: float, microseconds: int) -> None:
    assert bucket(seconds) == microseconds


@pytest.mark.parametrize("seconds", [-0.001, math.nan, math.inf])
def test_what_is_no_latency_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="latency is a finite time"):
        Histogram().record(seconds)


@pytest.mark.parametrize("percent", [0, -1, 100.1])
def test_what_is_no_percentile_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="above 0 and up to 100"):
        recorded([1.0]).percentile(percent)


def test_an_empty_histogram_has_neither_mean_nor_percentile() -> None:
    assert math.isnan(Histogram().mean)
    assert math.isnan(Histogram().percentile(50))
    assert Histogram().count == 0


def test_many_requests_take_few_buckets() -> None:
    dice = random.Random(5)
    histogram = recorded([dice.lognormvariate(-3, 1) for _ in range(50_000)])
    assert len(histogram.counts) < 4000


def test_throughput_counts_successful_requests_only() -> None:
    point = measurement(requests=1000, failures=100, duration=10.0)
    assert point.throughput == 90.0


def test_concurrency_is_arrivals_times_the_time_they_stay() -> None:
    latencies = Histogram({50_000: 600, 200_000: 200})
    point = measurement(requests=800, failures=0, duration=10.0, latencies=latencies)
    assert point.concurrency == pytest.approx(80 * 0.0875)
    assert measurement(requests=0, latencies=Histogram()).concurrency == 0.0


def test_a_point_is_the_same_after_json() -> None:
    point = measurement(
        failures=2, errors={"503 \N{SNOWMAN}": 2}, latencies=recorded([0.1, 1 / 3]), void=("why",)
    )
    assert Measurement.from_json(json.loads(json.dumps(point.to_json()))) == point


def test_every_field_survives_json() -> None:
    point = measurement(
        scheduled=100,
        in_flight=Level(4.5, 6.0),
        queue=Level(0.5, 2.0),
        slot_busy={"node1-1": 3.5},
        slot_places={"node1-1": 4},
        node_budget={"node1": 0.5},
        budget_by="affinity",
        store_latency=0.001,
        host_idle=0.4,
    )
    assert Measurement.from_json(json.loads(json.dumps(point.to_json()))) == point


def test_littles_law_is_held_against_what_the_balancer_saw() -> None:
    seen = measurement(latencies=Histogram({50_000: 1000}), in_flight=Level(4.0, 6.0))
    assert seen.concurrency == 5.0
    assert seen.littles_gap == pytest.approx(0.2)
    assert measurement(in_flight=None).littles_gap is None
    assert measurement(throughput=0.0).littles_gap is None


def test_how_busy_the_slots_were_is_the_share_of_their_places() -> None:
    busy = {"node1-1": 4.0, "node1-2": 1.0}
    point = measurement(slot_busy=busy, slot_places=dict.fromkeys(busy, 4))
    assert point.busy_share == 0.625
    assert measurement(slot_busy={}, slot_places={}).busy_share is None


def test_a_slot_s_share_of_an_even_part() -> None:
    assert measurement(slot_requests={"a-1": 30, "a-2": 10}).slot_shares == {"a-1": 1.5, "a-2": 0.5}
    assert measurement(slot_requests={"a-1": 0}).slot_shares == {}
    assert measurement(slot_requests={}).slot_shares == {}


def test_p50_and_p99_are_the_histogram_s() -> None:
    point = measurement(latencies=recorded([n / 1000 for n in range(1, 101)]))
    assert (point.p50, point.p99) == (0.05, 0.099)


def test_only_points_without_a_reason_are_valid() -> None:
    good, bad = measurement(), measurement(void=("spoilt",))
    assert valid([good, bad]) == [good]


def test_importing_it_loads_the_standard_library_only() -> None:
    code = (
        "import sys; import loadtests.measurement; "
        "print(*{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    # Without site packages, whose start-up files import modules of their own.
    command = [sys.executable, "-S", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(run.stdout.split()) == {"__main__", "loadtests"}
