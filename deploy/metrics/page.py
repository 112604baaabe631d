"""From the status and the counts of a deployment to the page of its metrics."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, get_args

from ..status import DeploymentStatus, State
from . import catalogue
from .exposition import Family, Labels, Samples, exposition
from .traffic import Traffic

COMMANDS = ("scale", "roll", "rollback")
OUTCOMES = ("done", "failed")

L = TypeVar("L", bound=Labels)


@dataclass(frozen=True, slots=True)
class Tally:
    """What has happened since the deployment was started; it outlives nodes."""

    restarts: Counter[str] = field(default_factory=Counter)
    """By part."""
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By command and outcome."""


def page(
    status: DeploymentStatus, traffic: Traffic, tally: Tally, lost_lines: Mapping[str, int]
) -> str:
    """The text; `lost_lines` is by part."""
    with traffic.lock:
        found = {**_state(status), **_load(status), **_traffic(traffic), **_history(status, tally)}
    found[catalogue.LOST_LOG_LINES] = {(part,): lost for part, lost in lost_lines.items()}
    return exposition((family, found[family]) for family in catalogue.FAMILIES)


def _state(status: DeploymentStatus) -> dict[Family, Samples]:
    info = (status.name, status.app, status.profile, status.version)
    return {
        catalogue.DEPLOYMENT_INFO: {info: 1},
        catalogue.NODE_INFO: {(node.name, node.version): 1 for node in status.nodes},
        catalogue.NODES: _by_state(Counter(node.state for node in status.nodes)),
        catalogue.SLOTS: _by_state(Counter(slot.state for slot in status.slots)),
        catalogue.BALANCER_UP: {(): int(status.balancer.answers)},
        catalogue.CHANGE_IN_PROGRESS: {(): int(status.under_way is not None)},
    }


def _by_state(counts: Counter[State]) -> Samples:
    return {(state,): counts[state] for state in get_args(State)}


def _load(status: DeploymentStatus) -> dict[Family, Samples]:
    capacity = sum(slot.capacity for slot in status.slots if slot.state == "in rotation")
    in_flight = status.balancer.in_flight
    slots = [
        ((node.name, slot.name.rpartition("-")[2]), slot)
        for node in status.nodes
        for slot in node.slots
    ]
    return {
        catalogue.SATURATION: {(): in_flight / capacity} if capacity else {},
        catalogue.CAPACITY: {(): capacity},
        catalogue.IN_FLIGHT: {(): in_flight},
        catalogue.QUEUED: {(): status.balancer.queue},
        catalogue.SLOT_IN_FLIGHT: {labels: slot.in_flight for labels, slot in slots},
        catalogue.SLOT_CAPACITY: {labels: slot.capacity for labels, slot in slots},
    }


def _traffic(traffic: Traffic) -> dict[Family, Samples]:
    durations = traffic.durations.items()
    return {
        catalogue.REQUESTS: _copy(traffic.requests),
        catalogue.RESPONSE_BYTES: _copy(traffic.response_bytes),
        catalogue.DURATION: {(node,): times.distribution() for node, times in durations},
        catalogue.QUEUE_DURATION: {(): traffic.queue.distribution()},
        catalogue.QUEUE_TIMEOUTS: {(): traffic.queue_timeouts},
        catalogue.RETRIES: {(): traffic.retries},
        catalogue.ABORTED: {(): traffic.aborted},
    }


def _copy(counter: Mapping[L, int]) -> Samples:
    return {labels: count for labels, count in counter.items()}


def _history(status: DeploymentStatus, tally: Tally) -> dict[Family, Samples]:
    cpu = dict(_cpu(status))
    restarts: Samples = {(part,): tally.restarts[part] for part in {*cpu, *tally.restarts}}
    ended = [(command, outcome) for command in COMMANDS for outcome in OUTCOMES]
    return {
        catalogue.CPU: {(part,): seconds for part, seconds in cpu.items()},
        catalogue.RESTARTS: restarts,
        catalogue.CHANGES: {labels: tally.changes[labels] for labels in ended},
    }


def _cpu(status: DeploymentStatus) -> Iterator[tuple[str, float]]:
    yield from ((node.name, node.cpu_seconds) for node in status.nodes)
    yield "balancer", status.balancer.cpu_seconds
    if status.store and status.store.pid:
        yield "store", status.store.cpu_seconds
