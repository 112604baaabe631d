"""The server side of a measured point: what a deployment counts, read once a second.

Totals are compared between the first reading and the last, levels are averaged over all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Protocol, Self

from loadtests.host import HostTimes
from loadtests.measurement import Level
from loadtests.memory import nodes_memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.status import DeploymentStatus, NodeStatus


class Target(Protocol):
    """What is measured: a deployment that answers at `url` and counts."""

    @property
    def url(self) -> str: ...

    def status(self) -> DeploymentStatus: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A deployment and its machine at one moment; totals are since the deployment started."""

    time: float
    """Monotonic clock, in seconds."""
    host: HostTimes | None
    status: DeploymentStatus

    @classmethod
    def take(cls, target: Target) -> Self:
        began = time.time()
        status = target.status()
        ended = time.time()
        # A target that takes its time says when it read the counters; else in the middle of it.
        counted = status.time if began <= status.time <= ended else (began + ended) / 2
        return cls(time.monotonic() - (ended - counted), HostTimes.read(), status)

    @property
    def requests(self) -> int:
        return self.status.balancer.requests

    @property
    def slot_requests(self) -> Mapping[str, int]:
        return {slot.name: slot.requests for slot in self.status.slots}

    @property
    def cpu(self) -> Mapping[str, float]:
        """Processor seconds by part, of those that the target tells: what runs has used some."""
        store = self.status.store
        nodes = self.node_cpu
        used = {
            "nodes": sum(nodes.values()) if all(nodes.values()) else 0.0,
            "balancer": self.status.balancer.cpu_seconds,
            "store": store.cpu_seconds if store else 0.0,
        }
        return {part: seconds for part, seconds in used.items() if seconds}

    @property
    def node_cpu(self) -> Mapping[str, float]:
        return {node.name: node.cpu_seconds for node in self.status.nodes}

    @property
    def throttled(self) -> Mapping[str, float]:
        """Seconds held back, by each node with a budget."""
        return {
            node.name: node.budget.throttled_seconds for node in self.status.nodes if node.budget
        }


def service_figures(readings: Sequence[Reading]) -> dict[str, Any]:
    """The fields of a `Measurement` that the service tells, from two readings or more."""
    first, last = readings[0], readings[-1]
    elapsed = last.time - first.time
    nodes = last.status.nodes
    pings = [r.status.store.latency for r in readings if r.status.store]
    answered = [seconds for seconds in pings if seconds is not None]
    return {
        "slot_requests": _differences(last.slot_requests, first.slot_requests),
        "in_flight": _level([r.status.balancer.in_flight for r in readings]),
        "queue": _level([r.status.balancer.queue for r in readings]),
        "slot_busy": {
            slot.name: fmean(_in_flight(r).get(slot.name, 0) for r in readings)
            for slot in last.status.slots
            if slot.capacity
        },
        "slot_places": {slot.name: slot.capacity for slot in last.status.slots if slot.capacity},
        "node_cpu": _rates(last.node_cpu, first.node_cpu, elapsed) if "nodes" in last.cpu else {},
        "node_budget": {
            node.name: node.budget.cpus
            for node in nodes
            if node.budget and node.budget.cpus is not None
        },
        "budget_by": _mechanism(nodes),
        "throttled": _rates(last.throttled, first.throttled, elapsed),
        "store_latency": median(answered) if answered else None,
        "memory": nodes_memory(last.status),
        **_host_figures(first.host, last.host),
    }


def cpu_rates(readings: Sequence[Reading]) -> dict[str, float]:
    """Cores used by each part of the deployment."""
    first, last = readings[0], readings[-1]
    return _rates(last.cpu, first.cpu, last.time - first.time)


def lost_workers(readings: Sequence[Reading]) -> tuple[str, ...]:
    """Reasons why the deployment was not the same all the time."""
    before, after = readings[0], readings[-1]
    reasons = []
    for node in before.status.nodes:
        later = [n for r in readings for n in r.status.nodes if n.name == node.name]
        if any(n.restarts > node.restarts for n in later):
            reasons.append(f"{node.name} died and was started again while it was measured")
        elif any(set(n.workers) != set(node.workers) for n in later):
            reasons.append(
                f"{node.name} lost or replaced a worker while it was measured: one died, or "
                "reached its max_requests"
            )
    gone = sorted(before.slot_requests.keys() - after.slot_requests.keys())
    if gone:
        reasons.append(f"went missing while it was measured: {', '.join(gone)}")
    return tuple(reasons)


def _in_flight(reading: Reading) -> Mapping[str, int]:
    return {slot.name: slot.in_flight for slot in reading.status.slots}


def _level(values: Sequence[int]) -> Level:
    return Level(fmean(values), float(max(values)))


def _differences(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: total - before.get(name, 0) for name, total in after.items()}


def _rates(
    after: Mapping[str, float], before: Mapping[str, float], elapsed: float
) -> dict[str, float]:
    return {name: (total - before.get(name, 0.0)) / elapsed for name, total in after.items()}


def _mechanism(nodes: Sequence[NodeStatus]) -> str:
    """What holds the nodes to their budgets; all mechanisms, should they differ."""
    mechanisms = dict.fromkeys(node.budget.mechanism for node in nodes if node.budget)
    return ", ".join(mechanisms) or "none"


def _host_figures(before: HostTimes | None, after: HostTimes | None) -> dict[str, float | None]:
    if before is None or after is None:
        return {"host_idle": None, "host_steal": None}
    return {
        "host_idle": after.idle_share_since(before),
        "host_steal": after.steal_share_since(before),
    }
