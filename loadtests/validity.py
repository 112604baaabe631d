"""What makes a measured point void: it then says nothing about the app, however often repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.utilisation import slots_by_node
from loadtests.wording import counted, milliseconds, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.measurement import Measurement

MAX_GENERATOR_CORES = 0.8
"""Of the one core that a process of the generator has. Above, its own queue is in the latencies."""
MAX_BALANCER_CORES = 0.85
"""Of the one core that the balancer has."""
MIN_HOST_IDLE = 0.05
NOTABLE_STEAL = 0.01
MAX_COUNT_DIFFERENCE = 0.01
MAX_LATENESS = 0.1
"""Seconds. Latency counts from when an arrival was due, so this much of it is the generator's."""
MAX_DROPPED = 0.01
"""Of the arrivals that were due, where the service could have taken them."""
BUSY = 0.9
"""Share of the places from which the slots count as all busy; below, the service idles."""
MOSTLY = 0.5
"""Of their time, which users who have a place each must spend waiting for answers."""
MAX_LITTLES_GAP = 0.5
"""Of the latency, spent before the balancer: above, most of it is not the service's."""
LEAST_CONCURRENCY = 2.0
"""Fewer requests in flight are read too coarsely once a second to be held against anything."""


@dataclass(frozen=True, slots=True)
class Events:
    """What happened while a point was measured, beside its figures, in words."""

    lost: tuple[str, ...] = ()
    """Workers, of the deployment or of the generator, that went missing or were replaced."""
    unsettled: str | None = None
    """How throughput or latency went on to change."""
    users: int | None = None
    """The fewest users that ran; None if nobody counts them, as with scheduled arrivals."""
    raised: str | None = None
    """An exception that the suite itself let out."""


def void_reasons(m: Measurement, events: Events = Events()) -> tuple[str, ...]:
    """Why this point must not be used, in plain words; empty if it may."""
    return (*_counts(m, events), *_limits(m), *_budget(m), *events.lost, *_unsettled(events))


def _counts(m: Measurement, events: Events) -> Iterator[str]:
    if not m.requests:
        yield "no request was answered"
    if counts_differ(m):
        requests = counted(m.requests, "requests")
        yield f"the load generator counted {requests} but the balancer {m.served:,}"
    if events.users is not None and events.users < m.users:
        yield f"only {events.users:,} of {m.users:,} users ran"
    if gave_up_arrivals(m):
        yield (
            f"the load generator gave up {m.dropped:,} of {m.scheduled:,} arrivals while the "
            "service could have taken them"
        )
    # On a machine without time for it, the generator lags behind: its users need no pauses.
    if paused(m) and not machine_is_full(m):
        yield (
            f"the users left the service idle: {percent(m.busy_share or 0.0)} of the slots' places "
            "were taken and nobody waited, so the throughput is that of the users; take out their "
            "pauses (wait_time)"
        )
    if m.lateness > MAX_LATENESS:
        yield (
            "the load generator was late: in every other second an arrival began more than "
            f"{milliseconds(m.lateness)} after it was due"
        )
    if events.raised is not None:
        yield f"the suite itself raised {events.raised}"


def counts_differ(m: Measurement) -> bool:
    """Whether client and server counted differently by more than 1 %.

    They may differ by the requests under way when the measurement began or ended: one side counts
    them, the other does not. These are at most as many as there are users, each of whom waits for
    one request at a time, or as were in flight.
    """
    under_way = max(m.users, m.in_flight.max if m.in_flight else 0)
    allowed = max(under_way, MAX_COUNT_DIFFERENCE * max(m.requests, m.served))
    return abs(m.requests - m.served) > allowed


def gave_up_arrivals(m: Measurement) -> bool:
    """Whether fewer requests were offered than asked, though the service idled.

    Arrivals that find a busy service are another matter: to lose those is the service's answer.
    """
    idled = m.busy_share is not None and m.busy_share < BUSY
    return idled and m.dropped > MAX_DROPPED * m.scheduled


def idles(m: Measurement) -> bool:
    """Whether the service could do more: places are free and nobody waits. Unknown is no."""
    if m.busy_share is None or m.queue is None:
        return False
    return m.busy_share < BUSY and m.queue.mean < 1


def paused(m: Measurement) -> bool:
    """Whether users who wait for their answers left the service idle between their requests.

    Below saturation any size does what its users ask, so whatever the app, growth looks linear.
    Users who are no more than the places may leave some free on their way there and back, but must
    wait for an answer most of the time: that is X · R of them, by Little's law.
    """
    if not m.users or not idles(m):
        return False
    more_than_places = m.users > sum(m.slot_places.values())
    return more_than_places or m.concurrency < MOSTLY * m.users


def _limits(m: Measurement) -> Iterator[str]:
    if m.generator_busiest > MAX_GENERATOR_CORES:
        yield (
            f"the load generator was at its limit: it used {m.generator_busiest:.2f} of its one "
            f"core, where {MAX_GENERATOR_CORES:g} still measures the app"
        )
    elif held_up(m) and m.in_flight:
        yield (
            "the load generator held requests up: by its own latencies "
            f"{m.concurrency:.1f} were in flight, of which {m.in_flight.mean:.1f} had reached the "
            "balancer"
        )
    balancer = m.cpu.get("balancer", 0.0)
    if balancer > MAX_BALANCER_CORES:
        yield (
            f"the balancer was at its limit: it used {balancer:.2f} of its one core, where "
            f"{MAX_BALANCER_CORES:g} still measures the app"
        )
    if machine_is_full(m):
        yield (
            f"the machine was at its limit: {percent(m.host_idle or 0.0)} of its processor time "
            f"was left, where {percent(MIN_HOST_IDLE)} is the least{stolen(m)}"
        )


def machine_is_full(m: Measurement) -> bool:
    """Whether everything on the machine, the generator included, waited for processors."""
    return m.host_idle is not None and m.host_idle < MIN_HOST_IDLE


def stolen(m: Measurement) -> str:
    """What the machine lost to others, as the end of a sentence; nothing if that was little."""
    if m.host_steal is None or m.host_steal < NOTABLE_STEAL:
        return ""
    return f"; its hypervisor gave {percent(m.host_steal)} of it to others"


def held_up(m: Measurement) -> bool:
    """Whether most of the latency passed before the balancer: Little's law, checked."""
    gap = m.littles_gap
    return gap is not None and gap > MAX_LITTLES_GAP and m.concurrency >= LEAST_CONCURRENCY


def _budget(m: Measurement) -> Iterator[str]:
    if m.budget_by == "none":
        return
    all_held = m.node_budget.keys() == (m.node_cpu or slots_by_node(m)).keys()
    if not all_held or len(set(m.node_budget.values())) > 1:
        held = ", ".join(f"{node}: {cpus:g}" for node, cpus in m.node_budget.items())
        yield (
            f"the nodes were not held to equal CPU budgets ({held or 'none was'}) by {m.budget_by}"
        )


def _unsettled(events: Events) -> Iterator[str]:
    if events.unsettled is not None:
        yield f"the warm-up had not settled: {events.unsettled}"
