"""The bottleneck by name from made-up figures; test_honesty.py plants real ones."""

from dataclasses import replace
from typing import Any

import pytest

from loadtests.bottleneck import NAMES, Bottleneck, find_bottleneck
from loadtests.efficiency import efficiency
from loadtests.measurement import Histogram, Level, Measurement
from loadtests.wording import percent
from tests.loadtests.simulated import measurement

SLOTS = ("node1-1", "node1-2", "node2-1", "node2-2")


def point(size: int = 2, throughput: float = 200.0, **changes: Any) -> Measurement:
    """Two nodes of two workers, four places each and all taken, and nothing else busy."""
    slots = [slot for slot in SLOTS if int(slot[4]) <= size]
    requests = round(throughput * 10)
    users = 6 * len(slots)
    latencies = Histogram()
    latencies.record(users / throughput, requests)
    fields: dict[str, Any] = {
        "latencies": latencies,
        "cpu": {"nodes": 0.3, "balancer": 0.05, "store": 0.05, "generator": 0.2},
        "generator_busiest": 0.2,
        "in_flight": Level(users, users),
        "queue": Level(2.0 * len(slots), 2.0 * len(slots)),
        "slot_requests": {slot: requests // len(slots) for slot in slots},
        "slot_busy": dict.fromkeys(slots, 4.0),
        "slot_places": dict.fromkeys(slots, 4),
        "node_cpu": {f"node{n}": 0.3 / size for n in range(1, size + 1)},
        "store_latency": 0.0002,
        "host_idle": 0.5,
        "host_steal": 0.0,
    }
    return measurement(size, throughput, **{**fields, **changes})


def cpu(**cores: float) -> dict[str, float]:
    return {"nodes": 0.3, "balancer": 0.05, "store": 0.05, "generator": 0.2, **cores}


BUDGET = {"node_budget": {"node1": 0.2, "node2": 0.2}, "budget_by": "cgroup v2 quota"}
SHORT = {"node1-1": 600, "node1-2": 620, "node2-1": 150, "node2-2": 160}

PLANTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "generator at its limit": (
        {"generator_busiest": 0.95},
        "the load generator",
        "It used 0.95 of its one core.",
    ),
    "generator that got no processor": (
        {"in_flight": Level(3.0, 8.0), "generator_busiest": 0.1},
        "the load generator",
        "24.0 requests were in flight, and 3.0 of them had reached the balancer",
    ),
    "late arrivals": ({"lateness": 0.4}, "the load generator", "up to 400 ms late"),
    "dropped arrivals": (
        {"scheduled": 2200, "dropped": 200, "slot_busy": dict.fromkeys(SLOTS, 1.0)},
        "the load generator",
        "gave up 200 of 2,200 arrivals",
    ),
    "machine": ({"host_idle": 0.02, "host_steal": 0.3}, "the machine", "gave 30 %"),
    "machine nearly": ({"host_idle": 0.1}, "the machine", "10 % of its processor time was left."),
    "balancer": ({"cpu": cpu(balancer=0.93)}, "the balancer", "0.93 of the one core"),
    "store": ({"cpu": cpu(store=0.9)}, "the store", "0.90 of the one core"),
    "slow store": (
        {"store_latency": 0.04},
        "the store",
        "took 40.0 ms to answer a PING, of the 80.0 ms that a worker took",
    ),
    "slow node": (
        {
            **BUDGET,
            "slot_requests": SHORT,
            "node_cpu": {"node1": 0.1, "node2": 0.19},
            "throttled": {"node2": 0.6},
        },
        "a slow node",
        "node2 answered 25.4 % of what each of the others did, with 0.19 of its 0.2 cores used, "
        "and was held back for 0.60 s",
    ),
    "uneven slots": (
        {
            "slot_requests": {**dict.fromkeys(SLOTS, 600), "node1-2": 200},
            "slot_busy": {**dict.fromkeys(SLOTS, 4.0), "node1-2": 1.0},
        },
        "uneven slots",
        "node1-2 got 33.3 % of what the other slots got, and had 1.0 of 4 places taken",
    ),
    "nodes without a budget": (
        {"cpu": cpu(nodes=3.7)},
        "the app's nodes (CPU)",
        "3.70 of the 4 cores that they had, one for each worker",
    ),
    "nodes at their budget": (
        {**BUDGET, "cpu": cpu(nodes=0.39), "throttled": {"node1": 0.3, "node2": 0.3}},
        "the app's nodes (CPU)",
        "0.39 of the 0.4 cores that they had, by cgroup v2 quota. They were held back for 0.60 s",
    ),
    "throttled in bursts": (
        {**BUDGET, "throttled": {"node1": 0.1, "node2": 0.1}},
        "CPU throttling",
        "used 0.30 of 0.4 cores on average, but in bursts",
    ),
    "idle slots": (
        {"slot_busy": dict.fromkeys(SLOTS, 1.0), "queue": Level(0.0, 0.0)},
        "too little load",
        "25 % of the slots' places were taken",
    ),
    "a queue before idle slots": (
        {"slot_busy": dict.fromkeys(SLOTS, 1.0)},
        "unknown",
        "though only 25 %",
    ),
    "waiting, one size": ({}, "waiting in the app", "One size cannot tell a lock"),
    "a target that tells nothing": (
        {"slot_busy": {}, "slot_places": {}},
        "unknown",
        "does not tell how busy",
    ),
    "half computing": (
        {"cpu": cpu(nodes=2.8)},
        "unknown",
        "the nodes used 70 % of their cores: neither plainly computing nor plainly waiting",
    ),
    "no answer": ({"requests": 0}, "unknown", "No request was answered."),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_bottleneck_is_named_with_its_figures(case: str) -> None:
    changes, name, words = PLANTED[case]
    found = find_bottleneck([point(**changes)])
    assert found.name == name
    assert words in found.evidence


def test_every_name_has_a_case() -> None:
    named = {name for _, name, _ in PLANTED.values()}
    assert named | {"a lock or other serial part in the app"} == set(NAMES)


def test_throughput_that_stands_still_while_requests_take_longer_is_a_serial_part() -> None:
    found = find_bottleneck([point(1, 100.0), point(2, 102.0)])
    assert found.name == "a lock or other serial part in the app"
    assert "throughput is 51 % of linear and a request is held 1.96 times as long" in found.evidence
    assert "compared with 1 node" in found.evidence


def test_growth_without_longer_requests_is_waiting() -> None:
    found = find_bottleneck([point(1, 100.0), point(2, 199.0)])
    assert found.name == "waiting in the app"
    assert "throughput is 99.5 % of linear" in found.evidence


def test_growth_of_nodes_that_compute_for_half_the_time_names_nothing() -> None:
    half = {"node_cpu": {}, "cpu": cpu(nodes=2.8)}
    assert find_bottleneck([point(1, 100.0), point(2, 199.0, **half)]).name == "unknown"


def test_a_store_that_takes_little_of_a_request_is_not_named() -> None:
    assert find_bottleneck([point(store_latency=0.01)]).name == "waiting in the app"
    assert find_bottleneck([point(2, 20_000.0, store_latency=0.0015)]).name != "the store"


def test_a_busy_node_is_no_reason_to_blame_a_store_that_waits_for_a_processor() -> None:
    busy = point(cpu=cpu(nodes=3.9), store_latency=0.04)
    assert find_bottleneck([busy]).name == "the app's nodes (CPU)"


def test_few_requests_fall_unevenly_by_chance() -> None:
    few = dict(zip(SLOTS, (9, 3, 8, 7), strict=True))
    assert find_bottleneck([point(slot_requests=few)]).name == "waiting in the app"


def test_one_odd_round_names_nothing() -> None:
    odd = point(generator_busiest=0.95, repeat=2)
    assert find_bottleneck([point(), odd, point(repeat=3)]).name == "waiting in the app"
    assert find_bottleneck([odd, odd, point()]).name == "the load generator"
    assert find_bottleneck([odd, point()]).name == "waiting in the app"


def test_what_limits_the_largest_size_counts() -> None:
    small, large = point(1, 100.0), point(2, 200.0)
    assert find_bottleneck([replace(small, host_idle=0.0), large]).name == "waiting in the app"
    assert find_bottleneck([small, replace(large, host_idle=0.0)]).name == "the machine"


def test_a_void_point_still_tells_what_was_in_the_way() -> None:
    spoilt = point(generator_busiest=0.95, void=("the load generator was at its limit",))
    assert find_bottleneck([spoilt]).name == "the load generator"
    assert find_bottleneck([spoilt, spoilt, point()]).name == "waiting in the app"


def test_nothing_measured_is_unknown() -> None:
    assert find_bottleneck([]).name == "unknown"


def test_it_is_the_same_after_json() -> None:
    found = find_bottleneck([point()])
    assert Bottleneck.from_json(found.to_json()) == found


def test_growth_is_the_efficiency_that_the_verdict_states() -> None:
    """The median of the rounds' ratios; the ratio of their medians would be 38 %."""
    rounds = {1: (100.0, 160.0), 2: (130.0, 150.0), 3: (200.0, 160.0)}
    points = [
        point(size, throughput, repeat=repeat)
        for repeat, throughputs in rounds.items()
        for size, throughput in zip((1, 2), throughputs, strict=True)
    ]
    found = find_bottleneck(points)
    [_, growth] = efficiency(points)
    assert f"throughput is {percent(growth.median)} of linear" in found.evidence
