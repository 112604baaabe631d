"""Efficiency within rounds, the four verdicts, limits, and what a void point does to them."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from statistics import fmean, stdev

import pytest

from loadtests.efficiency import Efficiency, efficiency
from loadtests.intervals import Interval
from loadtests.limits import Limits
from loadtests.measurement import Histogram, Measurement
from loadtests.result import fit_measurements
from loadtests.usl import Intervals
from loadtests.verdict import Verdict, judge
from tests.loadtests.simulated import law, measurement, simulate


def run(*rounds: Mapping[int, float], **changes: object) -> list[Measurement]:
    """Points with the given throughput by size, one mapping a round."""
    return [
        measurement(size, throughput, repeat=repeat, **changes)
        for repeat, throughputs in enumerate(rounds, 1)
        for size, throughput in throughputs.items()
    ]


def spoil(measurements: list[Measurement], size: int, *repeats: int) -> list[Measurement]:
    return [
        measurement(m.size, m.throughput, repeat=m.repeat, void=("the host was busy",))
        if m.size == size and m.repeat in repeats
        else m
        for m in measurements
    ]


def verdict(
    measurements: list[Measurement], limits: Limits | None = None, over: str = "nodes"
) -> Verdict:
    return judge(measurements, fit_measurements(measurements), limits or Limits(), over=over)


def test_efficiency_pairs_throughputs_within_a_round() -> None:
    slowing_machine = run(
        {1: 100, 2: 200, 4: 400}, {1: 80, 2: 160, 4: 320}, {1: 60, 2: 120, 4: 240}
    )
    found = efficiency(slowing_machine)
    assert [(e.size, e.median, e.rounds) for e in found] == [(1, 1, 3), (2, 1, 3), (4, 1, 3)]
    for e in found[1:]:
        assert e.interval
        assert (e.interval.low, e.interval.high) == pytest.approx((1, 1))


def test_efficiency_has_the_median_and_an_interval_that_holds_it() -> None:
    _, found = efficiency(run({1: 100, 2: 180}, {1: 100, 2: 196}, {1: 100, 2: 190}))
    assert (found.size, found.median, found.rounds) == (2, 0.95, 3)
    logarithms = [math.log(ratio) for ratio in (0.9, 0.98, 0.95)]
    reach = 4.302653 * stdev(logarithms) / math.sqrt(3)
    ends = [math.exp(fmean(logarithms) + end) for end in (-reach, reach)]
    assert found.interval
    assert [found.interval.low, found.interval.high] == pytest.approx(ends)


def test_the_interval_is_made_wide_enough_for_the_median() -> None:
    rounds = [{1: 100, 2: 200}] * 20 + [{1: 100, 2: 150}] * 19
    _, found = efficiency(run(*rounds))
    assert found.interval
    assert found.interval.high == found.median == 1


def test_one_round_has_no_interval_and_neither_has_a_size_that_once_did_nothing() -> None:
    assert [e.interval for e in efficiency(run({1: 100, 2: 190, 4: 380}))] == [None] * 3
    one, two, four = efficiency(run(*[{1: 100, 2: 190, 4: 0}, {1: 99, 2: 190, 4: 380}] * 2))
    assert two.interval
    assert (one.interval, four.interval) == (None, None)


def test_efficiency_is_relative_to_the_smallest_size_measured() -> None:
    found = efficiency(run({2: 200, 8: 400}))
    assert [e.median for e in found] == [1.0, 0.5]


def test_the_order_of_the_points_does_not_matter() -> None:
    ordered = simulate(law(100, 0.05), rounds=3)
    assert efficiency(ordered[::-1]) == efficiency(ordered)


def test_a_round_without_a_valid_smallest_size_gives_no_pair() -> None:
    found = efficiency(spoil(run({1: 100, 2: 180}, {1: 50, 2: 180}), 1, 2))
    assert found == (Efficiency(1, 1.0, None, 1), Efficiency(2, 0.9, None, 1))


def test_near_linear() -> None:
    found = verdict(run({1: 100, 2: 198, 4: 388}, {1: 101, 2: 199, 4: 396}))
    assert (found.kind, found.exit_code, found.found("missed")) == ("near-linear", 0, [])
    assert found.sentence == (
        "4 nodes did 3.90 times the work of 1 node, 97.5 % of linear (95 % interval 95.2 % to "
        "99.8 %, 2 rounds): near-linear."
    )


@pytest.mark.parametrize("share", [0.5, 0.86, 0.92, 1.0])
def test_one_round_decides_nothing_for_it_does_not_tell_its_spread(share: float) -> None:
    found = verdict(run({1: 100, 2: 200 * share, 4: 400 * share}))
    assert (found.kind, found.exit_code) == ("undecided", 3)


def test_one_round_asks_for_more() -> None:
    found = verdict(run({1: 100, 2: 184}))
    assert found.sentence == (
        "2 nodes did 1.84 times the work of 1 node, 92 % of linear (1 round, so no interval): "
        "undecided, because one round does not tell how far the next would differ from it. Two "
        "rounds or more give an interval, and three a useful one."
    )


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_system_that_loses_work_is_hardly_ever_called_near_linear(rounds: int) -> None:
    """Three sizes, of which the larger ones do 85 % of linear, with a noise of 5 %."""
    dice = random.Random(3)
    runs = 200
    lucky = 0
    for _ in range(runs):
        points = run(
            *[
                {n: 100 * n * (0.85 if n > 1 else 1) * dice.gauss(1, 0.05) for n in (1, 2, 4)}
                for _ in range(rounds)
            ]
        )
        lucky += judge(points, None, Limits()).kind == "near-linear"
    assert lucky / runs <= 0.005


def test_an_interval_over_the_limit_is_undecided_and_says_what_would_decide_it() -> None:
    found = verdict(run({1: 100, 2: 188, 4: 372}, {1: 100, 2: 180, 4: 380}))
    assert (found.kind, found.exit_code) == ("undecided", 3)
    assert found.sentence.startswith("2 nodes did 1.84 times the work of 1 node, 92 % of linear")
    assert found.sentence.endswith(
        "because the 90 % of near-linear is within the interval. About 48 rounds would decide it, "
        "if the spread stays the same."
    )


@pytest.mark.parametrize("second", [176, 172.0001])
def test_an_efficiency_at_the_limit_itself_is_not_for_more_rounds_to_decide(second: float) -> None:
    found = verdict(run({1: 100, 2: 184}, {1: 100, 2: second}))
    assert "It is too near to that for more rounds to tell" in found.sentence


def test_a_limit_within_the_interval_is_neither_kept_nor_missed() -> None:
    found = verdict(run({1: 100, 2: 186}, {1: 100, 2: 172}))
    assert (found.kind, found.exit_code) == ("undecided", 3)
    (message,) = found.found("undecided")
    assert message.startswith("efficiency at 2 nodes is 89.5 % (95 % interval ")
    assert message.endswith("which does not tell whether the limit of 90 % is kept")


def test_an_undecided_word_passes_by_a_limit_that_is_surely_kept() -> None:
    found = verdict(run({1: 100, 2: 186}, {1: 100, 2: 172}), Limits(min_efficiency=0.3))
    assert (found.kind, found.exit_code) == ("undecided", 0)


def test_a_missed_limit_counts_more_than_an_undecided_one() -> None:
    points = run({1: 100, 2: 186}, {1: 100, 2: 172})
    found = verdict(points, Limits(max_p99=0.01))
    assert {check.outcome for check in found.checks} == {"kept", "undecided", "missed"}
    assert found.exit_code == 1


def test_the_median_above_the_limit_is_not_enough_for_near_linear() -> None:
    steady = run(*[{1: 100, 2: 184}] * 3)
    shaky = run({1: 100, 2: 170}, {1: 100, 2: 184}, {1: 100, 2: 198})
    assert efficiency(steady)[1].median == efficiency(shaky)[1].median
    assert (verdict(steady).kind, verdict(shaky).kind) == ("near-linear", "undecided")


def test_more_than_linear_is_a_fault_of_the_measurement_and_no_verdict() -> None:
    found = verdict(run({1: 100, 2: 230, 4: 470}, {1: 100, 2: 231, 4: 468}))
    assert (found.kind, found.exit_code) == ("void", 2)
    assert found.sentence.startswith("No verdict: 4 nodes did 4.69 times the work of 1 node, 117")
    assert "1 node must have been measured too slow" in found.sentence
    assert {check.outcome for check in found.checks} == {"void"}


@pytest.mark.parametrize(("two", "kind"), [(209, "near-linear"), (211, "void")])
def test_a_little_more_than_linear_may_be_chance(two: float, kind: str) -> None:
    assert verdict(run(*[{1: 100, 2: two}] * 2)).kind == kind
    assert verdict(run({1: 100, 2: 180}, {1: 100, 2: 240})).kind == "undecided"


def test_contended_by_contention() -> None:
    found = verdict(simulate(law(100, 0.2), (1, 2, 4, 8), rounds=3, noise=0.0), over="workers")
    assert (found.kind, found.exit_code) == ("contended", 1)
    assert found.sentence == (
        "8 workers did 3.33 times the work of 1 worker, 41.6 % of linear (95 % interval 41.6 % "
        "to 41.6 %, 3 rounds): not near-linear. The fitted law names contention (σ = "
        "0.2): 20 % of the work queues for something that all workers share."
    )


def test_contended_by_coherency() -> None:
    sentence = verdict(simulate(law(1000, 0.0, 0.005), (1, 2, 4, 6, 8), noise=0.0)).sentence
    assert "coherency (κ = 0.005): nodes wait for each other" in sentence


def test_contention_that_costs_next_to_nothing_is_not_named() -> None:
    sentence = judge(run(*[{1: 100, 2: 150}] * 2), law(100, 0.0001, 0.01), Limits()).sentence
    assert "coherency" in sentence
    assert "contention" not in sentence


def test_three_sizes_cannot_check_the_law() -> None:
    sentence = verdict(simulate(law(1000, 0.2), noise=0.0)).sentence
    assert "Three sizes fix that law, so nothing checks it." in sentence


def test_two_sizes_have_a_verdict_without_a_cause() -> None:
    found = verdict(run(*[{1: 100, 2: 150}] * 2))
    assert found.kind == "contended"
    assert "What stands in the way takes three sizes to tell." in found.sentence


def test_a_fit_without_losses_is_not_given_as_the_cause() -> None:
    sentence = judge(run(*[{1: 100, 2: 150}] * 2), law(100), Limits()).sentence
    assert "neither contention nor coherency" in sentence


def test_one_bad_size_in_between_is_contended() -> None:
    found = verdict(run(*[{1: 100, 2: 160, 4: 396}] * 2))
    assert found.kind == "contended"
    assert found.sentence.startswith("2 nodes did 1.60 times")


def test_retrograde() -> None:
    found = verdict(run(*[{1: 100, 2: 170, 4: 150}, {1: 100, 2: 160, 4: 140}] * 2))
    assert (found.kind, found.exit_code) == ("retrograde", 1)
    assert found.sentence.startswith(
        "Throughput falls from 165 to 145 requests per second between 2 and 4 nodes"
    )


def test_the_deepest_fall_is_named() -> None:
    found = verdict(run({1: 100, 2: 170, 4: 160, 8: 80}, {1: 100, 2: 170, 4: 160, 8: 80}))
    assert "from 170 to 80 requests per second between 2 and 8 nodes" in found.sentence


def test_a_fall_within_the_spread_is_not_retrograde() -> None:
    assert verdict(run({1: 100, 2: 170, 4: 165}, {1: 100, 2: 160, 4: 150})).kind == "contended"


def test_a_fall_in_every_round_that_chance_explains_is_not_retrograde() -> None:
    shaky = run({1: 100, 2: 172, 4: 164}, {1: 100, 2: 190, 4: 140})
    assert verdict(shaky).kind == "contended"
    assert verdict([*shaky, *run({}, {}, *[{1: 100, 2: 180, 4: 152}] * 6)]).kind == "retrograde"


def test_causes_whose_intervals_hold_zero_remain_open() -> None:
    wide, sure = Interval(0, 0.3), Interval(0.1, 0.3)
    for contention, coherency in product([wide, sure], repeat=2):
        intervals = Intervals(Interval(99, 101), contention, coherency)
        fit = replace(law(100, 0.2, 0.1), intervals=intervals)
        sentence = judge(run(*[{1: 100, 2: 150}] * 2), fit, Limits()).sentence
        both = contention == coherency == wide
        assert ("so which of them it is remains open" in sentence) == both


def test_one_round_shows_no_fall() -> None:
    assert verdict(run({1: 100, 2: 170, 4: 60})).kind == "undecided"


@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_a_system_that_levels_off_is_hardly_ever_called_retrograde(rounds: int) -> None:
    """From three nodes on all sizes do the same, so many pairs of them might seem to fall."""
    dice = random.Random(8)
    runs, falls = 200, 0
    for _ in range(runs):
        points = run(
            *[
                {n: 100 * min(n, 3) * dice.gauss(1, 0.03) for n in (1, 2, 3, 4, 6, 8)}
                for _ in range(rounds)
            ]
        )
        falls += judge(points, None, Limits()).kind == "retrograde"
    assert falls / runs <= 0.035


def test_a_fall_is_seen_on_a_machine_that_gets_slower_and_faster() -> None:
    """Within each round; between rounds the larger size is not below the smaller one's worst."""
    points = run(
        *[{n: x * speed for n, x in {1: 100, 2: 170, 4: 150}.items()} for speed in (1, 2, 3)]
    )
    assert verdict(points).kind == "retrograde"


def test_retrograde_fails_whatever_the_limit() -> None:
    assert verdict(run(*[{1: 100, 2: 50}] * 2), Limits(min_efficiency=0.1)).exit_code == 1


def test_a_lower_limit_changes_the_exit_code_but_not_the_word() -> None:
    found = verdict(run(*[{1: 100, 2: 160, 4: 280}] * 2), Limits(min_efficiency=0.6))
    assert (found.kind, found.exit_code) == ("contended", 0)


def test_a_higher_limit_fails_a_near_linear_run() -> None:
    found = verdict(run(*[{1: 100, 2: 186, 4: 364}] * 2), Limits(min_efficiency=0.95))
    assert (found.kind, found.exit_code) == ("near-linear", 1)
    assert found.found("missed") == [
        f"efficiency at {size} nodes is {share} % (95 % interval {share} % to {share} %, "
        "2 rounds), below the limit of 95 %"
        for size, share in ((2, 93), (4, 91))
    ]


def test_almost_the_limit_is_not_shown_as_the_limit() -> None:
    found = verdict(run(*[{1: 1000, 2: 1799.4}] * 2))
    assert found.found("missed") == [
        "efficiency at 2 nodes is 89.9 % (95 % interval 89.9 % to 89.9 %, 2 rounds), below the "
        "limit of 90 %"
    ]


def test_the_p99_limit_holds_for_all_rounds_of_a_size_together() -> None:
    points = run({1: 100, 2: 198}, {1: 100, 2: 198})
    slow = Histogram({50_000: 1900, 300_000: 80})
    points[-1] = measurement(2, 198, repeat=2, latencies=slow)
    found = verdict(points, Limits(max_p99=0.2))
    assert found.found("missed") == [
        "p99 latency at 2 nodes is 300 ms (95 % interval 300 ms to 300 ms), above the limit of "
        "200 ms"
    ]
    assert found.exit_code == 1
    assert verdict(points, Limits(max_p99=0.3)).exit_code == 0
    points[-1] = measurement(2, 198, repeat=2, latencies=Histogram({50_000: 1960, 300_000: 20}))
    assert verdict(points, Limits(max_p99=0.2)).exit_code == 0


def test_a_p99_that_may_be_on_either_side_of_its_limit_is_undecided() -> None:
    points = run(*[{1: 100, 2: 198}] * 2)
    points[-1] = measurement(2, 198, repeat=2, latencies=Histogram({50_000: 1940, 300_000: 40}))
    found = verdict(points, Limits(max_p99=0.2))
    assert found.exit_code == 3
    assert found.found("undecided") == [
        "p99 latency at 2 nodes is 300 ms (95 % interval 50.0 ms to 300 ms), which does not tell "
        "whether the limit of 200 ms is kept"
    ]


def test_a_p99_of_few_requests_keeps_no_limit() -> None:
    points = run(*[{1: 100, 2: 198}] * 2)
    calm = [measurement(n, 10, repeat=0, latencies=Histogram({20_000: 100})) for n in (1, 2)]
    found = judge(points, None, Limits(max_p99=0.2), paced=calm)
    assert (found.kind, found.exit_code) == ("near-linear", 3)
    assert found.found("undecided")[0] == (
        "p99 latency at 1 node is 20.0 ms or more, from 100 requests, which does not tell whether "
        "the limit of 200 ms is kept"
    )


def test_arrivals_that_were_dropped_are_slower_than_any_limit() -> None:
    points = run(*[{1: 100, 2: 198}] * 2)
    answered = {"latencies": Histogram({20_000: 1900}), "scheduled": 2000}
    calm = [measurement(n, 190, repeat=0, dropped=100, **answered) for n in (1, 2)]
    found = judge(points, None, Limits(max_p99=0.2), paced=calm)
    assert found.exit_code == 1
    assert found.found("missed")[0] == (
        "p99 latency at 1 node has no end: 100 of 2,000 arrivals dropped, above the limit of 200 ms"
    )
    few = [replace(m, dropped=2, scheduled=1902) for m in calm]
    assert judge(points, None, Limits(max_p99=0.2), paced=few).exit_code == 0


def test_latency_below_saturation_is_what_the_p99_limit_is_about() -> None:
    points = run(*[{1: 100, 2: 198}] * 2)
    calm = [measurement(n, 70 * n, repeat=0, latencies=Histogram({20_000: 700})) for n in (1, 2)]
    limits = Limits(max_p99=0.03)
    assert judge(points, None, limits).exit_code == 1
    assert judge(points, None, limits, paced=calm).exit_code == 0
    spoilt = replace(calm[1], void=("4 arrivals were given up",))
    found = judge(points, None, limits, paced=[calm[0], spoilt])
    assert (found.kind, found.exit_code) == ("near-linear", 2)
    assert found.left_out == ("latency at 2 nodes: 4 arrivals were given up",)
    assert found.found("void") == [
        "no valid measurement at 2 nodes, because 4 arrivals were given up"
    ]


def test_a_size_that_was_never_measured_makes_the_run_void() -> None:
    found = judge(run({1: 100, 2: 198}), None, Limits(), sizes=(1, 2, 4))
    assert (found.kind, found.exit_code) == ("void", 2)
    assert found.sentence == "No verdict: nothing was measured at 4 nodes."
    assert {(c.limit, c.size) for c in found.checks} >= {("efficiency", 4), ("errors", 4)}


def test_the_errors_limit_holds_for_each_point() -> None:
    points = run(*[{1: 100, 2: 198}] * 2)
    points[-1] = measurement(2, 198, repeat=2, failures=3)
    found = verdict(points)
    assert found.found("missed") == [
        "3 of 1,980 requests failed at 2 nodes in round 2, above the limit of 0"
    ]
    assert verdict(points, Limits(max_errors=3)).exit_code == 0
    assert verdict(points, Limits(max_errors=None)).exit_code == 0


def test_a_void_point_is_left_out_when_another_round_has_its_size() -> None:
    points = run({1: 100, 2: 198, 4: 390}, {1: 100, 2: 30, 4: 390})
    found = verdict(spoil(points, 2, 2))
    assert (found.kind, found.exit_code) == ("near-linear", 0)
    assert found.left_out == ("round 2 at 2 nodes: the host was busy",)


def test_a_size_without_a_valid_point_makes_the_run_void() -> None:
    points = run({1: 100, 2: 198, 4: 390}, {1: 100, 2: 198, 4: 390})
    found = verdict(spoil(points, 4, 1, 2))
    assert (found.kind, found.exit_code) == ("void", 2)
    assert found.sentence == (
        "No verdict: no valid measurement at 4 nodes, because the host was busy."
    )


def test_valid_points_that_never_share_a_round_make_the_run_void() -> None:
    points = run({1: 100, 2: 198}, {1: 100, 2: 198})
    found = verdict(spoil(spoil(points, 1, 1), 2, 2))
    assert found.kind == "void"
    assert "because the host was busy" in found.sentence


def test_sizes_measured_in_different_rounds_only_are_void() -> None:
    found = verdict([measurement(1, 100, repeat=1), measurement(2, 200, repeat=2)])
    assert found.sentence == (
        "No verdict: no round has a valid measurement at 1 node as well as at 2 nodes."
    )


def test_one_size_is_void() -> None:
    assert "at least two sizes, and 1 was measured" in verdict(run({2: 100})).sentence
    assert verdict([]).kind == "void"


def test_no_successful_request_is_void() -> None:
    points = run({1: 100, 2: 198}, failures=0)
    points[0] = measurement(1, 100, failures=1000)
    assert verdict(points).sentence == "No verdict: no request succeeded at 1 node."


def test_void_at_any_size_never_gives_another_verdict() -> None:
    sizes, repeats = (1, 2, 4), (1, 2)
    for spoilt in product([False, True], repeat=len(sizes) * len(repeats)):
        points = run({1: 100, 2: 198, 4: 390}, {1: 100, 2: 198, 4: 390})
        places = list(product(sizes, repeats))
        bad = {place for place, is_bad in zip(places, spoilt, strict=True) if is_bad}
        for size, repeat in bad:
            points = spoil(points, size, repeat)
        paired = {
            size for size, repeat in places if (size, repeat) not in bad and (1, repeat) not in bad
        }
        found = verdict(points)
        # Two rounds of a pair are needed for an interval, and one of each size for a verdict.
        kind = (
            "void"
            if paired != set(sizes)
            else "undecided"
            if (1, 1) in bad or (1, 2) in bad
            else None
        )
        assert found.kind == (kind or found.kind)
        assert found.exit_code == {"void": 2, "near-linear": 0, "undecided": 3}[found.kind]
        outcomes = {check.outcome for check in found.checks}
        assert (outcomes == {"void"}) == (found.kind == "void")
        assert len(found.left_out) == len(bad)


def test_the_void_verdict_of_a_real_bottleneck_of_the_generator_names_it() -> None:
    reason = "the load generator was at its limit: it used 0.97 of its one core"
    points = [*run({1: 900}), measurement(2, 1000, void=(reason,))]
    assert reason in verdict(points).sentence


def test_a_verdict_is_the_same_after_json() -> None:
    found = verdict(spoil(run({1: 100, 2: 150}, {1: 100, 2: 150}), 2, 1))
    assert found.checks
    assert found.left_out
    assert Verdict.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_simulated_system_gets_the_verdict_it_deserves() -> None:
    systems = {
        "near-linear": law(150, 0.002),
        "contended": law(150, 0.15, 0.001),
        "retrograde": law(150, 0.1, 0.1),
    }
    for kind, system in systems.items():
        for seed in range(5):
            points = simulate(system, (1, 2, 4, 8), rounds=3, noise=0.01, seed=seed)
            assert verdict(points).kind == kind
