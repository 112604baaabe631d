"""One point: warm-up, window, and the two sides' figures put together. Records are made up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.status import (
    BalancerStatus,
    CpuBudget,
    DeploymentStatus,
    NodeStatus,
    SlotStatus,
    StoreStatus,
)
from loadtests.errors import AppUnreachable
from loadtests.host import HostTimes
from loadtests.locust_run import Load
from loadtests.measurement import Histogram, Level, Measurement
from loadtests.point import (
    KEPT_MESSAGES,
    Point,
    answered,
    lasting,
    most_common,
    summarize,
    warming_up,
)
from loadtests.reading import Reading
from loadtests.records import Record
from loadtests.steady import LEAST_SECONDS

URL = "http://127.0.0.1:8000"
LOAD = Load(suite=Path("front.py"), url=URL, users=10, run_time=60.0)


def record(*, requests: int = 100, errors: dict[str, int] | None = None, **changes: Any) -> Record:
    latencies = Histogram()
    latencies.record(0.05, requests)
    fields: dict[str, Any] = {
        "time": 0.0,
        "seconds": 1.0,
        "users": 10,
        "failures": sum((errors or {}).values()),
        "redirects": 0,
        "exceptions": {},
        "cpu": 0.25,
        "busiest": 0.25,
        "processes": 1,
        "scheduled": 0,
        "dropped": 0,
        "lateness": 0.0,
    }
    return Record(requests=requests, errors=errors or {}, latencies=latencies, **fields | changes)


def status(
    requests: int,
    *,
    slots: int = 2,
    cpu: float = 0.0,
    busy: int = 2,
    in_flight: int = 5,
    queue: int = 1,
    **node: Any,
) -> DeploymentStatus:
    each = tuple(
        SlotStatus(
            f"node1-{n + 1}",
            f"127.0.0.2:{8001 + n}",
            "in rotation",
            in_flight=busy,
            requests=requests // 2,
            capacity=4,
        )
        for n in range(slots)
    )
    fields = {"restarts": 0, "workers": (11, 12), **node}
    return DeploymentStatus(
        name="shop",
        url=URL,
        app="shop:app",
        directory="/",
        profile="threads",
        version="1",
        under_way=None,
        time=0.0,
        nodes=(
            NodeStatus(
                "node1",
                "127.0.0.2",
                "in rotation",
                10,
                cpu_seconds=cpu,
                version="1",
                slots=each,
                **fields,
            ),
        ),
        balancer=BalancerStatus(
            1,
            requests,
            queue,
            cpu_seconds=cpu / 10,
            responses_5xx=0,
            throughput=0,
            latency=0.0,
            in_flight=in_flight,
        ),
        store=StoreStatus("redis://127.0.0.1", 2, cpu / 20, latency=0.001),
    )


def reading(at: float, counters: DeploymentStatus, idle: int = 0) -> Reading:
    return Reading(at, HostTimes(idle=idle, total=int(at * 100)), counters)


def warmed(records: list[Record], seconds: float, longest: float = 30.0) -> int:
    return len(list(warming_up(iter(records), LOAD, seconds, longest)))


def test_warm_up_begins_when_all_users_run() -> None:
    starting = [record(users=0), record(users=5)]
    assert warmed([*starting, *[record()] * 20], 8.0) == 2 + 8


def test_warm_up_takes_as_many_seconds_as_can_be_judged() -> None:
    assert warmed([record()] * 20, 0.0) == LEAST_SECONDS
    assert warmed([record()] * 20, 0.0, longest=1.0) == LEAST_SECONDS


def test_warm_up_goes_on_until_the_service_has_settled() -> None:
    rising = [record(requests=20 * n) for n in range(1, 11)]
    steady = [record(requests=200 + n % 2) for n in range(20)]
    assert 10 < warmed(rising + steady, 3.0) <= 10 + LEAST_SECONDS


def test_warm_up_gives_up_at_its_limit() -> None:
    rising = [record(requests=20 * n) for n in range(1, 50)]
    assert warmed(rising, 3.0, longest=12.0) == 12


def test_scheduled_arrivals_wait_for_no_users() -> None:
    load = replace(LOAD, rate=100.0)
    assert len(list(warming_up(iter([record(users=1)] * 20), load, 6.0, 30.0))) == 6


@pytest.mark.parametrize("length", [0.999, 1.0, 1.001])
def test_the_window_is_as_many_records_as_come_nearest(length: float) -> None:
    records = (record(seconds=length) for _ in range(10))
    assert len(list(lasting(records, 3.0))) == 3


def test_the_window_takes_one_record_at_least() -> None:
    assert len(list(lasting(iter([record(), record()]), 0.1))) == 1


def test_records_after_the_warm_up_are_those_of_the_window() -> None:
    records = iter([record(requests=n) for n in range(1, 9)])
    list(warming_up(records, LOAD, 2.0, 2.0))
    assert [r.requests for r in lasting(records, 3.0)] == [6, 7, 8]


def test_nothing_but_failures_stops_early_and_names_the_commonest() -> None:
    bad = record(requests=50, errors={"GET /: HTTP 500": 49, "GET /: timed out": 1})
    with pytest.raises(AppUnreachable, match=r"8000 failed for 3 s.*'GET /: HTTP 500' \(147 times"):
        list(answered(iter([record(), bad, bad, bad]), URL))


def test_one_good_answer_in_between_goes_on() -> None:
    bad = record(requests=50, errors={"GET /: HTTP 500": 50})
    records = [bad, bad, record(), bad, bad]
    assert list(answered(iter(records), URL)) == records


def test_slow_failures_stop_early_too() -> None:
    silent = [record(requests=0) for _ in range(4)]
    failed = record(requests=10, errors={"GET /: timed out": 10})
    with pytest.raises(AppUnreachable, match=r"failed for 5 s"):
        list(answered(iter([*silent, failed]), URL))


def test_no_answer_at_all_stops_as_a_hanging_app() -> None:
    def silence() -> Iterator[Record]:
        while True:
            yield record(requests=0)

    with pytest.raises(AppUnreachable, match="no request within 30 s"):
        list(answered(silence(), URL))


def test_time_before_the_first_user_is_not_silence() -> None:
    records = [record(users=0, requests=0) for _ in range(100)]
    assert len(list(answered(iter(records), URL))) == 100


def measured(
    records: list[Record], readings: list[Reading], load: Load = LOAD, warming: int = 5
) -> Measurement:
    return summarize(Point(2, 1), load, [record()] * warming, records, readings)


def test_records_and_readings_become_a_measurement() -> None:
    records = [record(), record(errors={"GET /: HTTP 503": 2}), record()]
    before = reading(10.0, status(1000, cpu=1.0))
    after = reading(13.0, status(1300, cpu=2.5), idle=150)
    measurement = measured(records, [before, after])
    assert (measurement.size, measurement.repeat, measurement.users) == (2, 1, 10)
    assert (measurement.duration, measurement.warm_up) == (3.0, 5.0)
    assert (measurement.requests, measurement.failures, measurement.served) == (300, 2, 300)
    assert measurement.latencies.count == 300
    assert measurement.cpu["nodes"] == pytest.approx(0.5)
    assert measurement.cpu["balancer"] == pytest.approx(0.05)
    assert measurement.cpu["store"] == pytest.approx(0.025)
    assert measurement.cpu["generator"] == pytest.approx(0.25)
    assert measurement.generator_busiest == pytest.approx(0.25)
    assert measurement.slot_requests == {"node1-1": 150, "node1-2": 150}
    assert measurement.node_cpu == {"node1": pytest.approx(0.5)}
    assert measurement.errors == {"GET /: HTTP 503": 2}
    assert measurement.host_idle == 0.5
    assert measurement.void == ()


def test_levels_are_averaged_over_the_readings() -> None:
    levels = [(8, 2, 3), (10, 4, 4), (6, 0, 2)]
    readings = [
        reading(10.0 + n, status(100 * n, in_flight=held, queue=waiting, busy=busy), idle=50 * n)
        for n, (held, waiting, busy) in enumerate(levels)
    ]
    measurement = measured([record()] * 2, readings)
    assert measurement.in_flight == Level(8.0, 10.0)
    assert measurement.queue == Level(2.0, 4.0)
    assert measurement.slot_busy == {"node1-1": 3.0, "node1-2": 3.0}
    assert measurement.slot_places == {"node1-1": 4, "node1-2": 4}
    assert measurement.busy_share == 0.75
    assert measurement.store_latency == 0.001


def test_budgets_and_what_they_held_back_are_told_by_node() -> None:
    def held(seconds: float) -> CpuBudget:
        return CpuBudget(0.5, "cgroup v2 quota", seconds)

    before = reading(10.0, status(0, budget=held(1.0)))
    after = reading(13.0, status(300, budget=held(2.5)), idle=200)
    measurement = measured([record()] * 3, [before, after])
    assert measurement.node_budget == {"node1": 0.5}
    assert measurement.budget_by == "cgroup v2 quota"
    assert measurement.throttled == {"node1": 0.5}
    free = CpuBudget(None, "none: no control group may be made", 0.0)
    unheld = [reading(10.0, status(0, budget=free)), reading(13.0, status(300, budget=free))]
    assert measured([record()] * 3, unheld).node_budget == {}
    assert measured([record()] * 3, unheld).budget_by == "none: no control group may be made"


def test_a_late_reading_does_not_look_like_lost_requests() -> None:
    readings = [reading(10.0, status(0)), reading(13.5, status(350), idle=200)]
    measurement = measured([record() for _ in range(3)], readings)
    assert measurement.served == 300
    assert measurement.void == ()


def test_redirects_that_the_client_followed_are_not_counted_twice() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(420), idle=200)]
    assert measured([record(redirects=40) for _ in range(3)], readings).served == 300


def test_requests_that_only_one_side_saw_void_the_point() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(400), idle=200)]
    (reason,) = measured([record() for _ in range(3)], readings).void
    assert "300" in reason
    assert "400" in reason


def test_a_machine_without_time_left_voids_the_point() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300), idle=3)]
    (reason,) = measured([record() for _ in range(3)], readings).void
    assert "machine" in reason


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ({"restarts": 1, "workers": (21, 22)}, "node1 died and was started again"),
        ({"workers": (11, 13)}, "node1 lost or replaced a worker"),
        ({"workers": (11,)}, "node1 lost or replaced a worker"),
        ({"slots": 1}, "went missing while it was measured: node1-2"),
    ],
)
def test_a_worker_that_restarted_or_went_missing_voids_the_point(
    later: dict[str, Any], words: str
) -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300, **later), idle=200)]
    (reason,) = measured([record() for _ in range(3)], readings).void
    assert words in reason


def test_a_worker_that_was_gone_for_a_second_only_is_noticed() -> None:
    readings = [
        reading(10.0, status(0)),
        reading(11.0, status(100, workers=(11,)), idle=100),
        reading(12.0, status(200), idle=200),
    ]
    (reason,) = measured([record()] * 2, readings).void
    assert "node1 lost or replaced a worker" in reason


def test_a_process_of_the_generator_that_went_missing_voids_the_point() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300), idle=200)]
    records = [record(processes=3), record(processes=2), record(processes=2)]
    (reason,) = measured(records, readings, replace(LOAD, processes=3)).void
    assert reason == "the load generator lost 1 of its 3 processes"


def test_users_that_did_not_run_void_the_point() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300), idle=200)]
    (reason,) = measured([record(), record(users=7), record()], readings).void
    assert reason == "only 7 of 10 users ran"


def test_scheduled_arrivals_have_no_users_to_be_fewer() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300), idle=200)]
    records = [record(users=1, scheduled=110, dropped=1, lateness=0.02) for _ in range(3)]
    measurement = measured(records, readings, replace(LOAD, rate=110.0))
    assert (measurement.users, measurement.scheduled, measurement.dropped) == (0, 330, 3)
    assert measurement.lateness == 0.02
    assert measurement.void == ()


def test_a_suite_that_raises_voids_the_point() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300), idle=200)]
    records = [record(), record(exceptions={"KeyError: 'cart'": 2}), record()]
    (reason,) = measured(records, readings).void
    assert reason == "the suite itself raised KeyError: 'cart'"


def test_a_window_that_was_no_steady_state_voids_the_point() -> None:
    records = [record(requests=50 + 10 * n) for n in range(10)]
    total = sum(each.requests for each in records)
    readings = [reading(10.0, status(0)), reading(20.0, status(total), idle=500)]
    (reason,) = measured(records, readings).void
    assert reason == ("the warm-up had not settled: throughput rose by 94.7 % within 10 s")


def test_a_warm_up_that_never_settled_voids_the_point() -> None:
    readings = [reading(10.0, status(0)), reading(13.0, status(300), idle=200)]
    rising = [record(requests=50 + 10 * n) for n in range(5)]
    measurement = summarize(Point(1, 1), LOAD, rising, [record()] * 3, readings)
    assert "had not settled" in measurement.void[0]


def test_errors_beyond_the_commonest_are_one_entry() -> None:
    many = {f"error {n}": 100 - n for n in range(KEPT_MESSAGES + 5)}
    kept = most_common([many, {"other errors": 1000}])
    assert len(kept) == KEPT_MESSAGES
    assert kept["error 0"] == 100
    assert sum(kept.values()) == sum(many.values()) + 1000
    assert most_common([{"one": 1}, {"one": 2}]) == {"one": 3}
