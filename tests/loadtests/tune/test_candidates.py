"""Which settings are worth measuring, from the traffic and the machine."""

import math
from pathlib import Path

import pytest

from deploy.resources import Limit, Resources
from deploy.settings import load_deployment
from loadtests.tune.candidates import Candidate, Workload, grid, nearest_power_of_two

GIB = 2**30
PRESENT = Candidate("threads", 2, 4)
WAITING = Workload(latency=0.1, computing=0.005)
COMPUTING = Workload(latency=0.02, computing=0.018)


def machine(cpus: float = 2, memory: float = 8 * GIB) -> Resources:
    return Resources(Limit(cpus, "the test's CPUs"), Limit(memory, "the test's memory"))


def candidates(workload: Workload, cpus: float = 2, present: Candidate = PRESENT):
    return grid(present, workload, machine(cpus), 50 * 2**20).candidates


def test_the_present_setting_comes_first_and_once() -> None:
    for workload in (WAITING, COMPUTING):
        for present in (PRESENT, Candidate("greenlets", 2, 16), Candidate("processes", 2, 1)):
            found = candidates(workload, present=present)
            assert found[0] == present
            assert len(set(found)) == len(found)


@pytest.mark.parametrize(("cpus", "needed"), [(1, 20), (2, 40), (8, 160)])
def test_traffic_that_waits_gets_so_many_at_once_as_keep_the_processors_busy(
    cpus: int, needed: int
) -> None:
    """20 ms of every 100 are 5: 1 + 95/5 requests keep one processor busy."""
    slots = {each.slots for each in candidates(WAITING, cpus) if each.profile == "greenlets"}
    assert any(needed / 1.5 <= number <= needed * 1.5 for number in slots)
    assert max(slots) >= 2 * needed


def test_traffic_that_computes_gets_few_at_once_but_a_worker_for_each_processor() -> None:
    found = [each for each in candidates(COMPUTING, cpus=4) if each.profile == "threads"]
    assert max(each.concurrency for each in found if each.workers == 4) <= 8
    assert {each.workers for each in candidates(COMPUTING, 4) if each.profile == "processes"} >= {4}


def test_every_profile_is_among_the_first_few() -> None:
    for workload in (WAITING, COMPUTING):
        assert len({each.profile for each in candidates(workload)[1:4]}) == 3


def test_numbers_stay_within_what_a_worker_bears() -> None:
    for workload in (Workload(10, 0.001), Workload(0.01, 0.0), Workload(0.01, 0.02)):
        for each in candidates(workload):
            assert each.workers >= 1
            if each.profile == "threads":
                assert 1 <= each.concurrency <= 64
            if each.profile == "greenlets":
                assert 10 <= each.concurrency <= 1000
            if each.profile == "processes":
                assert each.concurrency == 1


def test_workers_without_room_in_memory_are_left_out_and_said_so() -> None:
    found = grid(PRESENT, WAITING, machine(2, GIB), 400 * 2**20)
    assert {each.workers for each in found.candidates} <= {1, 2}
    assert {each.workers for each in found.without_room} >= {4}
    assert "1,024 MiB (the test's memory) have room for 2 workers of 400 MiB" in found.room


def test_the_present_setting_stays_though_it_has_no_room() -> None:
    assert grid(PRESENT, WAITING, machine(2, GIB), 900 * 2**20).candidates[0] == PRESENT


def test_a_workload_says_what_binds_it() -> None:
    assert str(WAITING) == "100 ms, of which it computes 5.00 ms: waiting-bound"
    assert str(COMPUTING).endswith("CPU-bound")
    assert math.isinf(Workload(0.1, 0.0).in_flight_per_cpu)


def test_a_candidate_is_written_as_people_say_it() -> None:
    names = [
        str(Candidate(*each))
        for each in [
            ("threads", 2, 8),
            ("threads", 1, 1),
            ("greenlets", 4, 100),
            ("processes", 1, 1),
            ("processes", 8, 1),
        ]
    ]
    assert names == [
        "2 workers with 8 threads",
        "1 worker with 1 thread",
        "4 workers with 100 greenlets",
        "1 process",
        "8 processes",
    ]


@pytest.mark.parametrize(
    "candidate",
    [Candidate("threads", 3, 9), Candidate("greenlets", 2, 50), Candidate("processes", 4, 1)],
)
def test_a_candidate_makes_the_deployment_that_its_settings_make(
    candidate: Candidate, tmp_path: Path
) -> None:
    overrides = {"app": "shop:app", "nodes": 1}
    present = load_deployment(tmp_path, {**overrides, "fast_workers": False}, environ={})
    by_settings = load_deployment(
        tmp_path, {**overrides, **candidate.settings, "fast_workers": False}, environ={}
    )
    applied = candidate.applied(present)
    assert applied.profile == by_settings.profile
    assert (applied.nodes, applied.workers) == (1, by_settings.workers)
    assert Candidate.of(applied) == candidate


@pytest.mark.parametrize(("value", "power"), [(0.1, 1), (1, 1), (3, 4), (5, 4), (6, 8), (100, 128)])
def test_powers_of_two(value: float, power: int) -> None:
    assert nearest_power_of_two(value) == power
