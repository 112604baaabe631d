"""What makes a point void, rule by rule, and what does not."""

from typing import Any

import pytest

from loadtests.measurement import Histogram, Level, Measurement
from loadtests.validity import Events, void_reasons
from tests.loadtests.simulated import measurement


def point(**changes: Any) -> Measurement:
    """A sound point: 1,000 requests of 50 ms in 10 s, five in flight, all slots busy."""
    requests = changes.get("requests", 1000)
    fields: dict[str, Any] = {
        "users": 8,
        "duration": 10.0,
        "served": requests,
        "latencies": Histogram({50_000: requests}) if requests else Histogram(),
        "generator_busiest": 0.2,
        "in_flight": Level(5.0, 8.0),
        "queue": Level(1.0, 2.0),
        "slot_busy": {"node1-1": 4.0},
        "slot_places": {"node1-1": 4},
        "host_idle": 0.5,
    }
    return measurement(**{**fields, **changes})


def test_a_sound_point_is_not_void() -> None:
    assert void_reasons(point()) == ()
    assert void_reasons(point(generator_busiest=0.8, host_idle=0.05)) == ()
    assert void_reasons(point(host_idle=None, in_flight=None, queue=None, slot_busy={})) == ()
    assert void_reasons(point(cpu={"nodes": 0.9, "balancer": 0.85})) == ()
    assert void_reasons(point(), Events(users=8)) == ()


@pytest.mark.parametrize("served", [1012, 988])
def test_counts_may_differ_by_the_requests_under_way(served: int) -> None:
    assert void_reasons(point(served=served, users=12)) == ()
    assert void_reasons(point(served=served, users=0, in_flight=Level(5.0, 12.0))) == ()
    (reason,) = void_reasons(point(served=served))
    assert "1,000 requests but the balancer" in reason


def test_counts_may_differ_by_one_per_cent() -> None:
    many = {"requests": 100_000, "in_flight": Level(500.0, 500.0), "users": 500}
    assert void_reasons(point(**many, served=99_000)) == ()
    assert void_reasons(point(**many, served=98_990))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"requests": 0}, "no request was answered"),
        ({"generator_busiest": 0.93}, "load generator was at its limit: it used 0.93 of its one"),
        ({"cpu": {"nodes": 0.5, "balancer": 0.9}}, "balancer was at its limit: it used 0.90"),
        ({"host_idle": 0.031}, "3.1 % of its processor time was left"),
        ({"host_idle": 0.0, "host_steal": 0.25}, "hypervisor gave 25 % of it to others"),
        ({"lateness": 0.3}, "late: in every other second an arrival began more than 300 ms after"),
        (
            {"in_flight": Level(1.9, 4.0)},
            "by its own latencies 5.0 were in flight, of which 1.9 had reached the balancer",
        ),
        (
            {"scheduled": 1100, "dropped": 100, "slot_busy": {"node1-1": 2.0}},
            "gave up 100 of 1,100 arrivals while the service could have taken them",
        ),
    ],
)
def test_a_void_point_says_why(change: dict[str, Any], words: str) -> None:
    (reason,) = void_reasons(point(**change))
    assert words in reason


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (Events(users=5), "only 5 of 8 users ran"),
        (Events(lost=("node1 lost a worker",)), "node1 lost a worker"),
        (Events(unsettled="latency rose by 40 % within 10 s"), "had not settled: latency rose"),
        (Events(raised="KeyError: 'cart'"), "the suite itself raised KeyError: 'cart'"),
    ],
)
def test_what_happened_meanwhile_voids_a_point(events: Events, words: str) -> None:
    (reason,) = void_reasons(point(), events)
    assert words in reason


def test_arrivals_that_a_busy_service_could_not_take_are_its_answer() -> None:
    assert void_reasons(point(users=0, scheduled=1100, dropped=100)) == ()


PAUSING = {"slot_busy": {"node1-1": 2.0}, "queue": Level(0.2, 1.0), "in_flight": Level(2.2, 4.0)}


def test_users_who_leave_the_service_idle_void_a_point() -> None:
    """Five in flight by X · R, on four places that are half empty: eight users pause."""
    (reason,) = void_reasons(point(**PAUSING, latencies=Histogram({22_000: 1000})))
    assert reason.startswith("the users left the service idle: 50 % of the slots' places were")
    assert "take out their pauses (wait_time)" in reason


def test_users_who_wait_for_the_machine_are_not_told_to_pause_less() -> None:
    full = point(**PAUSING, latencies=Histogram({22_000: 1000}), host_idle=0.0)
    (reason,) = void_reasons(full)
    assert reason.startswith("the machine was at its limit: 0 % of its processor time was left")


@pytest.mark.parametrize(
    "change",
    [
        {"queue": Level(1.0, 2.0)},
        {"slot_busy": {"node1-1": 3.6}},
        {"queue": None},
        {"slot_busy": {}},
        {"users": 0},
        {"users": 4},
    ],
    ids=["some wait", "busy", "queue unknown", "places unknown", "scheduled", "a place each"],
)
def test_a_service_is_idle_only_with_free_places_and_nobody_waiting(change: dict[str, Any]) -> None:
    assert (
        void_reasons(point(**{**PAUSING, "latencies": Histogram({22_000: 1000}), **change})) == ()
    )


def test_users_with_a_place_each_void_a_point_when_they_mostly_pause() -> None:
    rarely = {**PAUSING, "slot_busy": {"node1-1": 1.0}, "in_flight": Level(1.0, 2.0), "users": 4}
    (reason,) = void_reasons(point(**rarely, latencies=Histogram({10_000: 1000})))
    assert "25 % of the slots' places" in reason


def test_few_requests_in_flight_are_not_held_against_littles_law() -> None:
    few = point(requests=300, in_flight=Level(0.2, 1.0))
    assert few.concurrency == pytest.approx(1.5)
    assert void_reasons(few) == ()


def test_budgets_that_are_not_equal_void_a_point() -> None:
    nodes = {"node_cpu": {"node1": 0.1, "node2": 0.1}, "budget_by": "affinity"}
    assert void_reasons(point(**nodes, node_budget={"node1": 0.5, "node2": 0.5})) == ()
    for budgets, words in (
        ({"node1": 0.5, "node2": 0.2}, "(node1: 0.5, node2: 0.2) by affinity"),
        ({"node1": 0.5}, "(node1: 0.5) by affinity"),
        ({}, "(none was) by affinity"),
    ):
        (reason,) = void_reasons(point(**nodes, node_budget=budgets))
        assert words in reason


def test_every_reason_is_named() -> None:
    worst = point(requests=0, served=500, generator_busiest=1.0, host_idle=0.0)
    assert len(void_reasons(worst, Events(users=1, unsettled="it rose"))) == 6
