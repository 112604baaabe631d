"""Plans from runs of known law, and the runs and demands for which there is none."""

from dataclasses import replace

import pytest

from loadtests.errors import LoadTestError
from loadtests.plan.capacity import Demand
from loadtests.plan.planning import NoPlan, make_plan, most_served
from loadtests.plan.prediction import Prediction
from loadtests.plan.text import plan_text
from tests.loadtests.plan.runs import MIB, SIZES, paced, run
from tests.loadtests.simulated import conclude, law, measurement, undecided, void

LINEAR = law(100, 0.01)


def test_a_plan_has_everything_that_is_to_be_run_or_allowed() -> None:
    plan = make_plan(run(LINEAR, **paced(0.12)), Demand(300, 0.2, spare=1))
    assert (plan.carriers, plan.nodes) == (5, 6)
    assert (plan.workers, plan.concurrency, plan.profile) == (2, 4, "threads")
    assert (plan.utilisation, plan.p99) == (0.7, 0.12)
    assert (plan.connections.steady, plan.connections.rolling) == (48, 56)
    assert plan.node_memory == 80 * MIB
    assert plan.node_cpus == pytest.approx(300 * 0.001 / 5, rel=0.01)
    assert plan.balancer_cpus == pytest.approx(0.03, rel=0.01)
    assert plan.expected_throughput == pytest.approx(LINEAR.throughput(5), rel=0.03)
    assert plan.warnings == []


@pytest.mark.parametrize("spare", [0, 1, 3])
def test_the_least_that_the_carriers_do_holds_the_demand_and_one_fewer_would_not(
    spare: int,
) -> None:
    saved = run(LINEAR, noise=0.02)
    least = Prediction(saved).least
    for rps in (40, 120, 200, 240):
        plan = make_plan(saved, Demand(rps, None, spare))
        assert plan.least_throughput * plan.utilisation >= rps
        assert plan.carriers == 1 or least(plan.carriers - 1) * plan.utilisation < rps
        assert plan.nodes == plan.carriers + spare


def test_the_same_demand_gets_the_same_plan() -> None:
    saved, demand = run(LINEAR), Demand(290, None, 1)
    assert make_plan(saved, demand) == make_plan(saved, demand)


def test_beyond_twice_the_measured_range_is_refused_with_what_to_measure() -> None:
    with pytest.raises(NoPlan) as refused:
        make_plan(run(LINEAR), Demand(5000))
    message = str(refused.value)
    assert "It measured up to 4 nodes" in message
    assert "with 8 nodes" in message
    assert "twofold verify --nodes 1,2,4,8" in message
    assert refused.value.exit_code == 1


def test_the_most_that_can_be_planned_for_leaves_room_for_the_spare_nodes() -> None:
    assert most_served(0, [100, 200, 300]) == (300, 3)
    assert most_served(1, [100, 200, 300]) == (200, 3)
    assert most_served(1, [100, 200, 150]) == (150, 3)
    assert most_served(3, [100, 200, 300]) == (0.0, 0)
    with pytest.raises(NoPlan, match=r"100 req/s with 9 nodes to spare are more"):
        make_plan(run(LINEAR), Demand(100, None, 9))


def test_beyond_the_peak_more_nodes_are_not_what_to_measure() -> None:
    curve = law(100, 0.05, 0.05)
    saved = run(curve, (1, 2, 4, 6, 8), noise=0.002)
    with pytest.raises(NoPlan, match="More nodes than 4 do less work"):
        make_plan(saved, Demand(5000))


def test_what_more_nodes_may_do_is_not_told_as_what_they_do() -> None:
    """The spread bends the least throughput down, where the law itself still grows."""
    saved = run(law(100, 0.002, 0.006), (1, 2, 3), rounds=4, noise=0.03, seed=5)
    assert saved.verdict.kind == "near-linear"
    with pytest.raises(NoPlan, match="More nodes than 4 are expected to do more, but not surely"):
        make_plan(saved, Demand(5000))


def test_a_latency_that_was_too_high_is_not_planned_away() -> None:
    with pytest.raises(NoPlan, match="More nodes do not make a request faster"):
        make_plan(run(LINEAR, **paced(0.25)), Demand(100, 0.2))


def test_a_latency_from_few_requests_is_not_known() -> None:
    with pytest.raises(NoPlan, match="too few requests"):
        make_plan(run(LINEAR, **paced(0.05, requests=100)), Demand(100, 0.2))


def test_without_a_latency_asked_for_too_few_requests_leave_it_unknown() -> None:
    saved = run(LINEAR, **paced(0.05, requests=100))
    plan = make_plan(saved, Demand(100))
    assert (plan.utilisation, plan.p99) == (0.7, None)
    text = plan_text(plan, saved)
    assert "not known at this load" in text
    assert "rule of thumb" not in text


def test_a_latency_that_was_only_measured_at_saturation_is_not_known() -> None:
    with pytest.raises(LoadTestError, match=r"--latency-at 0\.7") as refused:
        make_plan(run(LINEAR), Demand(100, 0.2))
    assert refused.value.exit_code == 2


def test_without_a_latency_asked_for_the_share_of_load_is_a_stated_rule_of_thumb() -> None:
    saved, demand = run(LINEAR), Demand(100)
    plan = make_plan(saved, demand)
    assert (plan.utilisation, plan.p99) == (0.7, None)
    assert "rule of thumb" in plan_text(plan, saved)


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (void(), "This run is void"),
        (undecided(), "This run is undecided"),
        (run(LINEAR, over="workers"), "twofold verify --nodes"),
        (
            conclude([measurement(n, 99 * n, repeat=repeat) for repeat in (1, 2) for n in (1, 2)]),
            "how sure its figures are",
        ),
    ],
    ids=["void", "undecided", "over workers", "no spread"],
)
def test_a_run_that_says_nothing_about_nodes_is_refused(saved, message: str) -> None:
    with pytest.raises(LoadTestError, match=message) as refused:
        make_plan(saved, Demand(10))
    assert refused.value.exit_code == 2


def test_to_measure_again_is_not_to_stop_after_as_many_rounds() -> None:
    saved = replace(undecided(), command="twofold verify --nodes 1,2 --rounds 2 --seed 7 --env A=…")
    with pytest.raises(LoadTestError) as refused:
        make_plan(saved, Demand(10))
    assert str(refused.value).endswith("Measure again: twofold verify --nodes 1,2 --env A=…")


def test_memory_that_was_not_measured_is_left_out_and_said_so() -> None:
    points = [
        measurement(size, LINEAR.throughput(size) * (1 + 0.001 * repeat), repeat=repeat)
        for repeat in (1, 2, 3)
        for size in SIZES
    ]
    saved = conclude(points)
    plan = make_plan(saved, Demand(100))
    assert plan.node_memory is None
    assert "left out, since the run could not measure it" in plan_text(plan, saved)


def test_a_balancer_that_would_be_at_its_limit_is_a_warning() -> None:
    saved = run(law(10_000, 0.001))
    assert "HAProxy process would use" in plan_text(make_plan(saved, Demand(9000)), saved)


def test_the_text_says_what_the_plan_rests_on() -> None:
    saved = run(LINEAR, **paced(0.12))
    text = plan_text(make_plan(saved, Demand(300, 0.2, spare=1)), saved)
    assert text.startswith("300 req/s at a p99 up to 200 ms, 1 node may be away:\n")
    assert "6: 5 carry the load, 1 to spare" in text
    assert "max_connections of 59 or more" in text
    assert "maxclients of 56 or more" in text
    assert "the scalability law holds from 4 nodes, the most that were measured, up to 6" in text
    assert "visitors do what the suite front does" in text
