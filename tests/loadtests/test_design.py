"""The design of a scaling run: which sizes, in which order, with how many users, how long."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.profiles import profile
from loadtests.design import DEFAULT_SIZES, MAX_TIME, ScalingPlan, plan_from_settings
from loadtests.errors import LoadTestError
from loadtests.repetition import Repetition
from loadtests.settings import VerifySettings, load_settings


def plan(**changes: object) -> ScalingPlan:
    usual = ScalingPlan(
        over="nodes",
        sizes=(1, 2, 4),
        repetition=Repetition(rounds=2, precision=0.03, max_time=None),
        seed=20,
        suite=Path("front.py"),
        duration=10.0,
        warm_up=3.0,
        max_warm_up=30.0,
        users_per_slot=1.5,
        load_generators=1,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(
        name="shop",
        app="shop:app",
        directory=tmp_path,
        nodes=3,
        workers=2,
        profile=profile("threads", threads=4),
    )


def test_every_round_holds_all_sizes_in_an_order_of_its_own() -> None:
    six = plan(sizes=(1, 2, 3, 4, 6, 8))
    rounds = [six.order(repeat) for repeat in range(1, 6)]
    assert all(sorted(order) == [1, 2, 3, 4, 6, 8] for order in rounds)
    assert len({tuple(order) for order in rounds}) == 5


def test_the_seed_decides_the_order() -> None:
    assert plan(seed=4).order(2) == plan(seed=4).order(2)
    orders = {tuple(plan(seed=seed).order(1)) for seed in range(20)}
    assert len(orders) == 6


def test_users_keep_every_slot_busy(deployment: Deployment) -> None:
    assert plan().users(deployment) == 36
    assert plan(users_per_slot=1.01).users(deployment) == 25


def test_nodes_and_workers_are_sized_each_in_their_way(deployment: Deployment) -> None:
    nodes = plan().sized(deployment, 4)
    assert (nodes.nodes, nodes.workers) == (4, 2)
    workers = plan(over="workers").sized(deployment, 4)
    assert (workers.nodes, workers.workers) == (1, 4)


def test_a_plan_comes_from_settings(deployment: Deployment) -> None:
    settings = load_settings({"suite": "journey", "warm_up": "1s"}, {"workers": "1,2"})
    made = plan_from_settings(settings, deployment)
    assert (made.over, made.sizes, made.warm_up) == ("workers", (1, 2), 1.0)
    assert made.suite.name == "journey.py"


def test_nodes_are_compared_unless_told_otherwise(deployment: Deployment) -> None:
    made = plan_from_settings(VerifySettings(), deployment)
    assert (made.over, made.sizes) == ("nodes", DEFAULT_SIZES)


def test_a_run_that_repeats_until_it_knows_has_an_end_all_the_same(deployment: Deployment) -> None:
    until_known = plan_from_settings(VerifySettings(), deployment)
    assert until_known.repetition == Repetition(None, 0.03, MAX_TIME)
    counted = plan_from_settings(VerifySettings(rounds=3), deployment)
    assert counted.repetition.max_time is None


def test_the_order_is_one_of_chance_unless_told_otherwise(deployment: Deployment) -> None:
    seeds = {plan_from_settings(VerifySettings(), deployment).seed for _ in range(20)}
    assert len(seeds) > 1
    assert plan_from_settings(VerifySettings(seed=7), deployment).seed == 7


def test_the_plan_is_told_in_words() -> None:
    until_known = plan(repetition=Repetition(None, 0.02, 600.0), latency_at=0.7)
    assert until_known.words() == {
        "order": "by chance within each round, seed 20",
        "repeated": "until the efficiency is known within ± 2 %, for 10:00 minutes at most",
        "latency": "at saturation, and at 70 % of it with scheduled arrivals",
    }
    assert plan().words()["repeated"] == "2 rounds"


def test_a_time_that_allows_no_round_is_refused(deployment: Deployment) -> None:
    settings = load_settings({}, {"max_time": "1m", "duration": "10s"})
    with pytest.raises(LoadTestError, match=r"leaves 1:00 minutes.* at least 1:18\."):
        plan_from_settings(settings, deployment)


def test_a_missing_suite_is_an_error_before_anything_starts(deployment: Deployment) -> None:
    with pytest.raises(LoadTestError, match="no suite 'browse'"):
        plan_from_settings(VerifySettings(suite="browse"), deployment)


def test_more_nodes_than_the_machine_has_addresses_for_are_refused_at_once(
    deployment: Deployment,
) -> None:
    settings = load_settings({}, {"nodes": "1,201"})
    with pytest.raises(LoadTestError, match=r"--nodes asks for 201, and this machine has"):
        plan_from_settings(settings, deployment)
    elsewhere = plan_from_settings(settings, replace(deployment, target="swarm"))
    assert elsewhere.sizes == (1, 201)


def test_a_process_without_a_user_makes_no_load(deployment: Deployment) -> None:
    assert plan_from_settings(load_settings({}, {"load_generators": "12"}), deployment)
    with pytest.raises(LoadTestError, match=r"13 processes, and 1 node get 12 users"):
        plan_from_settings(load_settings({}, {"load_generators": "13"}), deployment)
