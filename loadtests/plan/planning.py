"""A plan from a saved scaling run, or why there is none."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from deploy.connections import Connections
from loadtests.errors import LoadTestError
from loadtests.measurement import valid
from loadtests.percentiles import p99_interval
from loadtests.plan.capacity import Demand, fewest_nodes
from loadtests.plan.prediction import Prediction
from loadtests.validity import MAX_BALANCER_CORES
from loadtests.wording import counted, milliseconds, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.measurement import Measurement
    from loadtests.result import ScalingResult

USUAL_UTILISATION = 0.7
"""Share of the throughput that is planned with where the run tells nothing about less than all."""


class NoPlan(LoadTestError):
    """The demand goes beyond what the run knows; the message says what to measure."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run for a demand, and what that rests on. Memory is in bytes, times in seconds."""

    demand: Demand
    nodes: int
    """Spare ones included."""
    workers: int
    """Of each node."""
    profile: str
    concurrency: int
    """Requests a worker serves at once."""
    utilisation: float
    """Share of the least throughput that the demand may take."""
    least_throughput: float
    """Of the nodes without the spare ones, with a probability of 95 %."""
    expected_throughput: float
    """Of the same nodes, by the law as fitted."""
    p99: float | None
    """The highest upper end of the p99 latencies measured at `utilisation`; None if not known."""
    connections: Connections
    """To the database and to the store, each at most so many."""
    node_memory: float | None
    """Of one node; None if the run did not measure it."""
    node_cpus: float | None
    """Cores that one node is busy with while the spare ones are away; None if not measured."""
    balancer_cpus: float | None
    store_cpus: float | None

    @property
    def carriers(self) -> int:
        """Nodes left when the spare ones are away."""
        return self.nodes - self.demand.spare

    @property
    def warnings(self) -> list[str]:
        """What the figures say against it."""
        if self.balancer_cpus is None or self.balancer_cpus <= MAX_BALANCER_CORES:
            return []
        return [
            f"one HAProxy process would use {self.balancer_cpus:.2f} cores at this load, and it "
            "was measured to serve well up to "
            f"{MAX_BALANCER_CORES:g}: split the traffic over several"
        ]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "carriers": self.carriers, "warnings": self.warnings}


def make_plan(result: ScalingResult, demand: Demand) -> Plan:
    """The smallest plan for the demand that the run's figures carry.

    :raises LoadTestError: the run cannot be planned with.
    :raises NoPlan: what it knows does not suffice for this demand.
    """
    refuse_unfit(result)
    utilisation = known_utilisation(result, demand.max_p99)
    p99 = highest_p99(result)
    if demand.max_p99 is not None and p99 is not None and p99.high > demand.max_p99:
        raise NoPlan(too_slow(p99, utilisation, demand.max_p99))
    prediction = Prediction(result)
    largest = int(prediction.fit.known_up_to)

    def capacity(size: int) -> float:
        return prediction.least(size) * utilisation

    nodes = fewest_nodes(demand, capacity, largest)
    if nodes is None:
        sizes = range(1, largest + 1)
        expected = [prediction.expected(n) for n in sizes]
        raise NoPlan(beyond(result, demand, [capacity(n) for n in sizes], expected))
    setup = result.setup
    workers = setup.workers or 1
    carriers = nodes - demand.spare
    cores = {part: demand.rps * cost for part, cost in costs_of_a_request(result).items()}
    return Plan(
        demand=demand,
        nodes=nodes,
        workers=workers,
        profile=setup.profile,
        concurrency=setup.concurrency,
        utilisation=utilisation,
        least_throughput=prediction.least(carriers),
        expected_throughput=prediction.expected(carriers),
        p99=p99.high if p99 and math.isfinite(p99.high) else None,
        connections=Connections.of(nodes, workers, setup.concurrency),
        node_memory=node_memory(result),
        node_cpus=cores["nodes"] / carriers if "nodes" in cores else None,
        balancer_cpus=cores.get("balancer"),
        store_cpus=cores.get("store"),
    )


def refuse_unfit(result: ScalingResult) -> None:
    """A run that is void, undecided or of workers says nothing about numbers of nodes."""
    again = f"Measure again: {until_sure(result.command)}"
    if result.over != "nodes":
        raise LoadTestError(
            "This run compared the workers of one node, so it does not tell what more nodes do. "
            "Measure them: twofold verify --nodes 1,2,3,4,6,8 --json RESULT.json"
        )
    if result.verdict.kind == "void":
        raise LoadTestError(f"This run is void. {result.verdict.sentence} {again}")
    if result.verdict.kind == "undecided":
        raise LoadTestError(f"This run is undecided. {result.verdict.sentence} {again}")
    if result.fit is None or result.fit.intervals is None:
        raise LoadTestError(
            "This run does not tell how sure its figures are: that takes three sizes or more, and "
            f"more points than three. Measure more sizes or rounds: {result.command}"
        )


def until_sure(command: str) -> str:
    """Without the number of rounds, which would end a second run as unsure as the first."""
    return re.sub(r" --(rounds|seed) \S+", "", command)


@dataclass(frozen=True, slots=True)
class KnownP99:
    """The highest p99 latency of all sizes, in seconds."""

    size: int
    value: float
    high: float
    """The upper end of its 95 % interval."""


def highest_p99(result: ScalingResult) -> KnownP99 | None:
    """At scheduled arrivals below all that the nodes can do; None if that was not measured."""
    points = valid(result.paced)
    return max(map(p99_of, points), key=lambda known: known.high, default=None)


def p99_of(point: Measurement) -> KnownP99:
    return KnownP99(point.size, point.p99, p99_interval(point.latencies, point.dropped).high)


def known_utilisation(result: ScalingResult, max_p99: float | None) -> float:
    """How much of the throughput may be taken: where the run measured latency, so much.

    :raises LoadTestError: a p99 latency is asked for, and the run measured none at a load that
        comes as visitors do.
    """
    if valid(result.paced) and result.latency_at is not None:
        return result.latency_at
    if max_p99 is None:
        return USUAL_UTILISATION
    raise LoadTestError(
        "This run measured latency at saturation only, under users who wait for their answers. "
        "What a p99 is at less load, when requests come as visitors do, it does not tell. Measure "
        f"it: {result.command} --latency-at {USUAL_UTILISATION:g}"
    )


def too_slow(p99: KnownP99, utilisation: float, limit: float) -> str:
    measured = (
        f"The p99 latency at {percent(utilisation)} of the throughput of "
        f"{counted(p99.size, 'nodes')} was measured as {milliseconds(p99.value)}"
    )
    if math.isinf(p99.high):
        return (
            f"{measured}, from too few requests to be sure that it is under "
            f"{milliseconds(limit)}. Measure longer (--duration)."
        )
    return (
        f"{measured} (95 % interval up to {milliseconds(p99.high)}), which is not surely under "
        f"{milliseconds(limit)}. More nodes do not make a request faster: measure at less load "
        "(--latency-at), or find faster workers with twofold tune."
    )


def beyond(
    result: ScalingResult,
    demand: Demand,
    capacities: Sequence[float],
    expected: Sequence[float],
) -> str:
    """Why the demand cannot be planned, and what would have to be measured.

    `capacities` are what 1, 2, 3 … nodes serve surely, `expected` the throughput by the law.
    """
    measured = max(m.size for m in valid(result.measurements))
    spare = f" with {counted(demand.spare, 'nodes')} to spare" if demand.spare else ""
    text = (
        f"{demand.rps:,g} req/s{spare} are more than this run answers for. It measured up to "
        f"{counted(measured, 'nodes')}, and beyond twice as many the law is a guess. "
    )
    most, nodes = most_served(demand.spare, capacities)
    if nodes:
        text += f"The most it answers for is {most:,.0f} req/s with {counted(nodes, 'nodes')}. "
    peak = _peak(capacities)
    if peak < _peak(expected):
        return text + (
            f"More nodes than {peak} are expected to do more, but not surely: measure more rounds, "
            f"or with more nodes, such as twofold verify --nodes 1,2,{measured},{2 * measured}."
        )
    if peak < len(capacities):
        return text + (
            f"More nodes than {peak} do less work, so more of them will not help: the run's "
            "verdict says what stands in the way."
        )
    return text + (
        f"Measure with more nodes, such as twofold verify --nodes 1,2,{measured},{2 * measured}, "
        "or with stronger ones."
    )


def _peak(throughputs: Sequence[float]) -> int:
    """How many nodes do most, given what 1, 2, 3 … of them do."""
    return max(range(len(throughputs)), key=throughputs.__getitem__) + 1


def most_served(spare: int, capacities: Sequence[float]) -> tuple[float, int]:
    """The most that can be planned for, and the nodes that takes; no nodes if none suffice."""
    served = [
        (min(capacities[index : index + spare + 1]), index + 1 + spare)
        for index in range(len(capacities) - spare)
    ]
    return max(served, key=lambda each: each[0], default=(0.0, 0))


def costs_of_a_request(result: ScalingResult) -> dict[str, float]:
    """Processor seconds by part, at the largest size, where sharing costs most."""
    summary = [each for each in result.sizes() if each.measurements][-1]
    return {part: cores / summary.throughput for part, cores in summary.cpu.items()}


def node_memory(result: ScalingResult) -> float | None:
    """The most that a node held at any size."""
    measured = [m.memory / m.size for m in valid(result.measurements) if m.memory is not None]
    return max(measured, default=None)
