"""How much of what it had each part of a deployment used, from the figures of a point."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.measurement import Measurement

SATURATED = 0.85
"""Of its cores, from which a part counts as busy all the time: it also waits for its input."""


def available_cores(m: Measurement) -> float:
    """Cores that the nodes could use: what they are held to, and never more than one a worker."""
    slots = slots_by_node(m)
    return sum(min(workers, m.node_budget.get(node, workers)) for node, workers in slots.items())


def nodes_cpu_known(m: Measurement) -> bool:
    """Whether the target told what the nodes computed; one of hosts far away may not."""
    return "nodes" in m.cpu


def nodes_saturated(m: Measurement) -> bool:
    available = available_cores(m)
    return bool(available) and m.cpu.get("nodes", 0.0) >= SATURATED * available


def held_back(m: Measurement) -> float:
    """Seconds per second for which the kernel held back all nodes together."""
    return sum(m.throttled.values())


def service_time(m: Measurement) -> float | None:
    """Seconds that a slot holds a request, by Little's law; None if unknown."""
    answered = sum(m.slot_requests.values())
    if not m.slot_busy or not answered:
        return None
    return sum(m.slot_busy.values()) * m.duration / answered


def requests_per_slot(m: Measurement) -> dict[str, float]:
    """What a slot of each node answered on average."""
    requests: Counter[str] = Counter()
    for slot, count in m.slot_requests.items():
        requests[node_of(slot)] += count
    return {node: requests[node] / slots for node, slots in slots_by_node(m).items()}


def slots_by_node(m: Measurement) -> Counter[str]:
    return Counter(map(node_of, m.slot_requests))


def node_of(slot: str) -> str:
    """Slots are called after their node, with a number behind: node1-2."""
    return slot.rpartition("-")[0]
