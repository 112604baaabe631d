"""The summary of each size, the conclusion, and the JSON file."""

import json
import math

import pytest

from loadtests.limits import Limits
from loadtests.measurement import Histogram
from loadtests.regression import fit
from loadtests.result import FORMAT, ScalingResult, fit_measurements
from tests.loadtests.simulated import (
    RUNS,
    conclude,
    law,
    measurement,
    near_linear,
    paced,
    simulate,
    void,
)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_result_is_the_same_after_json(run) -> None:
    result = run()
    text = json.dumps(result.to_json(), allow_nan=False)
    again = ScalingResult.from_json(json.loads(text))
    assert again == result
    assert json.dumps(again.to_json()) == text


def test_every_run_to_look_at_has_its_verdict() -> None:
    kinds = [run().verdict.kind for run in RUNS.values()]
    assert kinds == [
        *("near-linear", "contended", "retrograde", "void", "near-linear", "undecided"),
        *("contended", "void"),
    ]


def test_the_file_has_the_figures_people_quote() -> None:
    result = near_linear()
    first, *_, last = result.to_json()["figures"]
    assert (first["size"], last["size"]) == (1, 4)
    assert first["efficiency"]["median"] == 1.0
    assert last["throughput"] == pytest.approx(600, rel=0.02)
    assert last["p50"] == result.sizes()[-1].latencies.percentile(50)
    assert last["rounds"] == 2


def test_figures_that_could_not_be_measured_are_null() -> None:
    last = void().to_json()["figures"][-1]
    assert (last["throughput"], last["efficiency"], last["p99"]) == (None, None, None)
    assert (last["rounds"], last["void"]) == (0, 2)


def test_latencies_are_those_of_the_stated_load_where_there_is_one() -> None:
    one, _, three, *_ = paced().sizes()
    assert one.paced
    assert paced().latencies(one) == one.paced.latencies != one.latencies
    assert paced().latencies(three) == Histogram()
    first = near_linear().sizes()[0]
    assert near_linear().latencies(first) == first.latencies


def test_the_file_says_what_a_node_was_and_how_the_run_ended() -> None:
    data = paced().to_json()
    assert data["setup"] == {"profile": "threads", "workers": 2, "concurrency": 4}
    assert data["ending"]["reason"] == "precision"
    assert data["bottleneck"]["name"]
    assert data["figures"][0]["paced_p99"] == paced().paced[0].p99


def test_a_run_without_any_point_is_void() -> None:
    result = conclude([], planned=(1, 2))
    assert (result.verdict.kind, result.bottleneck) == ("void", None)
    assert ScalingResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_a_file_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match=f"not a scaling result of format {FORMAT}, but 99"):
        ScalingResult.from_json({**near_linear().to_json(), "format": 99})
    with pytest.raises(ValueError, match="but None"):
        ScalingResult.from_json({})


def test_the_law_is_fitted_to_valid_points_only() -> None:
    points = simulate(law(100, 0.1, 0.01), (1, 2, 4, 8), rounds=2, noise=0.0)
    spoilt = [*points, measurement(8, 5.0, repeat=3, void=("spoilt",))]
    assert fit_measurements(spoilt) == fit_measurements(points)


def test_fewer_than_three_valid_sizes_have_no_law() -> None:
    points = [measurement(1, 100), measurement(2, 190), measurement(4, 300, void=("spoilt",))]
    assert fit_measurements(points) is None
    assert conclude(points).fit is None


def test_each_size_has_its_say_in_the_fit() -> None:
    sizes, throughputs = [1, 2, 4, 8], [100.0, 180.0, 390.0, 700.0]
    points = [measurement(n, x) for n, x in zip(sizes, throughputs, strict=True)]
    found = fit_measurements(points)
    assert found == fit(sizes, throughputs, [1 / x**2 for x in throughputs])
    assert found != fit(sizes, throughputs)


def test_a_size_is_summed_up_over_its_valid_rounds() -> None:
    slow, fast = Histogram({100_000: 10}), Histogram({20_000: 90})
    points = [
        measurement(1, 100, repeat=1, latencies=slow, failures=2, cpu={"nodes": 0.2}),
        measurement(1, 120, repeat=2, latencies=fast, cpu={"nodes": 0.4, "store": 0.1}),
        measurement(1, 999, repeat=3, void=("spoilt",)),
        measurement(2, 200, repeat=1),
    ]
    one, two = conclude(points).sizes()
    assert one.throughputs == pytest.approx([99.8, 120])
    assert one.throughput == pytest.approx(109.9)
    assert one.latencies.percentile(90) == 0.02
    assert one.latencies.percentile(91) == 0.1
    assert one.failures == 2
    assert one.cpu == pytest.approx({"nodes": 0.3, "store": 0.05})
    assert (one.void, two.void) == (1, 0)
    assert two.efficiency
    assert two.efficiency.rounds == 1


def test_slot_shares_are_relative_to_an_even_share() -> None:
    points = [
        measurement(1, 100, repeat=1, slot_requests={"a": 100, "b": 300}),
        measurement(1, 100, repeat=2, slot_requests={"a": 200, "b": 200}),
        measurement(2, 100, slot_requests={}),
        measurement(4, 100, slot_requests={"a": 0}),
    ]
    fair, none, idle = conclude(points).sizes()
    assert fair.slot_shares == {"a": 0.75, "b": 1.25}
    assert none.slot_shares == idle.slot_shares == {}


def test_a_size_with_void_points_only_has_no_figures() -> None:
    summary = void().sizes()[-1]
    assert math.isnan(summary.throughput)
    assert summary.efficiency is None
    assert summary.latencies == Histogram()
    assert summary.cpu == summary.slot_shares == {}


def test_the_limits_decide_and_are_kept() -> None:
    result = conclude(simulate(law(100, 0.2), noise=0.0), limits=Limits(min_efficiency=0.5))
    assert result.verdict.exit_code == 0
    assert result.limits.min_efficiency == 0.5
