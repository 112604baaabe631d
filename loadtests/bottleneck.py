"""The bottleneck of a run by name, with the figures that show it.

By the utilisation law a part that is busy all the time limits the whole (U = X · S; P. J. Denning
and J. P. Buzen, The Operational Analysis of Queueing Network Models, 1978). So parts are asked in
turn whether they were busy all the time, first those that would make the figures of the others
meaningless. A part that no figure speaks for is not named.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from loadtests import validity
from loadtests.efficiency import efficiency
from loadtests.measurement import valid
from loadtests.utilisation import (
    SATURATED,
    available_cores,
    held_back,
    nodes_cpu_known,
    nodes_saturated,
    requests_per_slot,
    service_time,
)
from loadtests.wording import counted, milliseconds, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadtests.measurement import Measurement

BottleneckName = Literal[
    "the load generator",
    "the machine",
    "the balancer",
    "the store",
    "a slow node",
    "uneven slots",
    "the app's nodes (CPU)",
    "CPU throttling",
    "too little load",
    "a lock or other serial part in the app",
    "waiting in the app",
    "unknown",
]
NAMES: tuple[BottleneckName, ...] = get_args(BottleneckName)

MOSTLY_WAITING = 0.5
"""Of their cores: nodes that use less plainly wait more than they compute."""
THROTTLED = 0.05
"""Seconds per second and core for which a node may be held back without being named."""
SHORT_SHARE = 0.6
"""Of an even part of the requests, below which a node or slot is out of line."""
LEAST_REQUESTS = 30
"""Fewer of them may fall unevenly by chance."""
STORE_SHARE = 0.2
"""Of the time that a request is being served: one PING that takes so much is a slow store."""
LEAST_STORE_LATENCY = 0.002
"""Seconds. A PING that is quicker may just have waited for a processor."""
SERIAL_EFFICIENCY = 0.75
"""Of linear growth, below which more slots plainly did not help."""
SERIAL_GROWTH = 1.25
"""How many times longer the slots hold a request at the largest size than at the smallest."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What a run was limited by."""

    name: BottleneckName
    evidence: str
    """One sentence with the figures."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


def find_bottleneck(
    measurements: Sequence[Measurement], *, over: Literal["nodes", "workers"] = "nodes"
) -> Bottleneck:
    """The bottleneck at the largest size of a run, compared with the smallest.

    Void rounds count where there are no others: they tell what to mend. Every test has to hold in
    most of the rounds, and the first that does names the bottleneck.
    """
    answered = [m for m in measurements if m.requests]
    if not answered:
        return Bottleneck("unknown", "No request was answered.")
    sizes = {m.size for m in answered}
    largest = _rounds(answered, max(sizes))
    smallest = _rounds(answered, min(sizes)) if len(sizes) > 1 else []
    for test in SINGLE_TESTS:
        found = _in_most(test, largest)
        if found:
            return found
    return _waiting(largest, smallest, over)


def _rounds(measurements: Sequence[Measurement], size: int) -> Sequence[Measurement]:
    here = [m for m in measurements if m.size == size]
    return valid(here) or here


def _in_most(
    test: Callable[[Measurement], Bottleneck | None], rounds: Sequence[Measurement]
) -> Bottleneck | None:
    found = [bottleneck for bottleneck in map(test, rounds) if bottleneck]
    return found[0] if 2 * len(found) > len(rounds) else None


def _generator(m: Measurement) -> Bottleneck | None:
    name: BottleneckName = "the load generator"
    if m.generator_busiest > validity.MAX_GENERATOR_CORES:
        return Bottleneck(name, f"It used {m.generator_busiest:.2f} of its one core.")
    if validity.held_up(m) and m.in_flight:
        return Bottleneck(
            name,
            f"By its own latencies {m.concurrency:.1f} requests were in flight, and "
            f"{m.in_flight.mean:.1f} of them had reached the balancer.",
        )
    if m.lateness > validity.MAX_LATENESS:
        return Bottleneck(name, f"It began arrivals up to {milliseconds(m.lateness)} late.")
    if validity.gave_up_arrivals(m):
        return Bottleneck(
            name, f"It gave up {m.dropped:,} of {m.scheduled:,} arrivals while the service idled."
        )
    return None


def _machine(m: Measurement) -> Bottleneck | None:
    return _machine_with_less_than(validity.MIN_HOST_IDLE, m)


def _busy_machine(m: Measurement) -> Bottleneck | None:
    """Too little is left to say that the nodes could have computed, though they did not."""
    return _machine_with_less_than(1 - SATURATED, m)


def _machine_with_less_than(idle: float, m: Measurement) -> Bottleneck | None:
    if m.host_idle is None or m.host_idle >= idle:
        return None
    used = ", ".join(f"{part} {cores:.2f}" for part, cores in m.cpu.items())
    return Bottleneck(
        "the machine",
        f"{percent(m.host_idle)} of its processor time was left{validity.stolen(m)}. Cores used: "
        f"{used}.",
    )


def _balancer(m: Measurement) -> Bottleneck | None:
    used = m.cpu.get("balancer", 0.0)
    if used < SATURATED:
        return None
    return Bottleneck("the balancer", f"It used {used:.2f} of the one core that it has.")


def _store(m: Measurement) -> Bottleneck | None:
    used = m.cpu.get("store", 0.0)
    if used >= SATURATED:
        return Bottleneck("the store", f"It used {used:.2f} of the one core that it has.")
    service = service_time(m)
    if m.store_latency is None or service is None or m.store_latency < LEAST_STORE_LATENCY:
        return None
    if m.store_latency < STORE_SHARE * service or nodes_saturated(m):
        return None
    return Bottleneck(
        "the store",
        f"It took {milliseconds(m.store_latency)} to answer a PING, of the "
        f"{milliseconds(service)} that a worker took for a request.",
    )


def _uneven(m: Measurement) -> Bottleneck | None:
    """A node or a slot that got much less than an even part of the requests."""
    slow = _short(requests_per_slot(m))
    if slow:
        return Bottleneck("a slow node", _why_slow(m, *slow))
    short = _short(m.slot_requests)
    if short is None:
        return None
    slot, share = short
    return Bottleneck(
        "uneven slots",
        f"{slot} got {percent(share)} of what the other slots got, and had "
        f"{m.slot_busy.get(slot, 0.0):.1f} of {m.slot_places.get(slot, 0)} places taken.",
    )


def _short(requests: Mapping[str, float]) -> tuple[str, float] | None:
    """The name that got least, and its share of the others' median, if that is out of line."""
    if len(requests) < 2:
        return None
    least = min(requests, key=lambda name: requests[name])
    others = median(count for name, count in requests.items() if name != least)
    if others < LEAST_REQUESTS or requests[least] >= SHORT_SHARE * others:
        return None
    return least, requests[least] / others


def _why_slow(m: Measurement, node: str, share: float) -> str:
    text = f"{node} answered {percent(share)} of what each of the others did"
    if node in m.node_budget:
        cores = counted(m.node_budget[node], "cores")
        text += f", with {m.node_cpu.get(node, 0.0):.2f} of its {cores} used"
    if m.throttled.get(node):
        text += f", and was held back for {m.throttled[node]:.2f} s a second"
    return f"{text}."


def _nodes(m: Measurement) -> Bottleneck | None:
    if not nodes_saturated(m):
        return None
    used, available = m.cpu["nodes"], available_cores(m)
    held = f", by {m.budget_by}" if m.node_budget else ", one for each worker"
    throttled = f" They were held back for {held_back(m):.2f} s a second." if held_back(m) else ""
    return Bottleneck(
        "the app's nodes (CPU)",
        f"They used {used:.2f} of the {counted(available, 'cores')} that they had{held}."
        f"{throttled}",
    )


def _throttling(m: Measurement) -> Bottleneck | None:
    budget = sum(m.node_budget.values())
    if not budget or held_back(m) < THROTTLED * budget:
        return None
    return Bottleneck(
        "CPU throttling",
        f"The nodes used {m.cpu['nodes']:.2f} of {counted(budget, 'cores')} on average, but in "
        f"bursts: they were held back for {held_back(m):.2f} s a second.",
    )


def _idle(m: Measurement) -> Bottleneck | None:
    if not validity.idles(m) or m.busy_share is None or m.queue is None:
        return None
    return Bottleneck(
        "too little load",
        f"{percent(m.busy_share)} of the slots' places were taken, and {m.queue.mean:.1f} requests "
        "waited: the service could have done more.",
    )


SINGLE_TESTS = (
    _generator,
    _machine,
    _balancer,
    _store,
    _uneven,
    _nodes,
    _throttling,
    _busy_machine,
    _idle,
)
"""Tests of one point, in the order in which they count."""


def _waiting(
    largest: Sequence[Measurement], smallest: Sequence[Measurement], over: str
) -> Bottleneck:
    """All slots busy, and nothing that computes: the requests wait inside the app."""
    if any(m.busy_share is None or not available_cores(m) for m in largest):
        return Bottleneck("unknown", "The target does not tell how busy its slots were.")
    busy = median(m.busy_share or 0.0 for m in largest)
    if busy < validity.BUSY:
        return Bottleneck(
            "unknown",
            f"Requests waited in the balancer, though only {percent(busy)} of the slots' places "
            "were taken.",
        )
    if not all(map(nodes_cpu_known, largest)):
        return Bottleneck(
            "unknown",
            f"{percent(busy)} of the slots' places were taken. Whether the nodes computed or "
            "waited, the target does not tell.",
        )
    used = median(m.cpu["nodes"] / available_cores(m) for m in largest)
    facts = (
        f"{percent(busy)} of the slots' places were taken, and the nodes used {percent(used)} of "
        "their cores"
    )
    growth = _growth(largest, smallest)
    if growth is None and used < MOSTLY_WAITING:
        return Bottleneck(
            "waiting in the app", f"{facts}. One size cannot tell a lock from other waiting."
        )
    if growth is None:
        return Bottleneck("unknown", f"{facts}: neither plainly computing nor plainly waiting.")
    share, longer = growth
    compared = (
        f"{facts}; compared with {counted(smallest[0].size, over)}, throughput is "
        f"{percent(share)} of linear and a request is held {longer:.2f} times as long"
    )
    if share < SERIAL_EFFICIENCY and longer > SERIAL_GROWTH:
        return Bottleneck("a lock or other serial part in the app", f"{compared}.")
    return Bottleneck("waiting in the app" if used < MOSTLY_WAITING else "unknown", f"{compared}.")


def _growth(
    largest: Sequence[Measurement], smallest: Sequence[Measurement]
) -> tuple[float, float] | None:
    """Efficiency, and how many times longer a slot holds a request, against the smallest size."""
    before = [seconds for m in smallest if (seconds := service_time(m))]
    after = [seconds for m in largest if (seconds := service_time(m))]
    # Void rounds are here only where there are no others.
    found = efficiency([replace(m, void=()) for m in (*smallest, *largest)])
    if not before or not after or len(found) < 2:
        return None
    return found[-1].median, median(after) / median(before)
