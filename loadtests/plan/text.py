"""A plan for people: what to run, what the servers beside it must allow, what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.connections import RESERVED_BY_POSTGRESQL
from deploy.resources import MIB
from loadtests.measurement import valid
from loadtests.wording import counted, milliseconds, percent

if TYPE_CHECKING:
    from loadtests.plan.planning import Plan
    from loadtests.result import ScalingResult


def plan_text(plan: Plan, result: ScalingResult) -> str:
    """The plan as lines: a heading, the figures, warnings and assumptions."""
    rows = figures(plan)
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        [
            heading(plan),
            "",
            *(f"{name:<{width}}  {text}" for name, text in rows),
            *(f"Warning: {warning}." for warning in plan.warnings),
            "",
            "Assumed:",
            *(f"- {each}." for each in assumptions(plan, result)),
        ]
    )


def heading(plan: Plan) -> str:
    demand = plan.demand
    p99 = f" at a p99 up to {milliseconds(demand.max_p99)}" if demand.max_p99 else ""
    spare = f", {counted(demand.spare, 'nodes')} may be away" if demand.spare else ""
    return f"{demand.rps:,g} req/s{p99}{spare}:"


def figures(plan: Plan) -> list[tuple[str, str]]:
    """What to run and to allow, by name."""
    demand = plan.demand
    nodes = f"{plan.nodes:,}"
    if demand.spare:
        nodes += f": {plan.carriers:,} carry the load, {demand.spare:,} to spare"
    each = "one request" if plan.concurrency == 1 else f"{plan.concurrency:,} requests"
    connections = plan.connections
    return [
        ("nodes", nodes),
        (
            "workers",
            f"{plan.workers:,} a node, {plan.nodes * plan.workers:,} in all; profile "
            f"{plan.profile}, {each} at once",
        ),
        (
            "throughput",
            f"{plan.least_throughput:,.0f} req/s at least (95 %), {plan.expected_throughput:,.0f} "
            f"expected, of {counted(plan.carriers, 'nodes')}",
        ),
        (
            "utilisation",
            f"{percent(demand.rps / plan.least_throughput)} of the least, planned for up to "
            f"{percent(plan.utilisation)}",
        ),
        ("p99", f"up to {milliseconds(plan.p99)}" if plan.p99 else "not known at this load"),
        (
            "database",
            f"up to {connections.steady:,} connections, {connections.rolling:,} during a roll; "
            f"pool of a worker: {connections.each_worker:,}",
        ),
        (
            "",
            f"PostgreSQL: max_connections of {connections.rolling + RESERVED_BY_POSTGRESQL:,} or "
            f"more, with {RESERVED_BY_POSTGRESQL} kept for superusers",
        ),
        (
            "Redis",
            f"up to {connections.steady:,} connections, {connections.rolling:,} during a roll; "
            f"maxclients of {connections.rolling:,} or more",
        ),
        ("memory", memory(plan)),
        ("CPU", cpu(plan)),
    ]


def cpu(plan: Plan) -> str:
    parts = {
        "cores a node": plan.node_cpus,
        "the balancer": plan.balancer_cpus,
        "the store": plan.store_cpus,
    }
    known = [f"{cores:.2f} {part}" for part, cores in parts.items() if cores is not None]
    return ", ".join(known) or "left out, since the run could not measure it"


def memory(plan: Plan) -> str:
    if plan.node_memory is None:
        return "left out, since the run could not measure it"
    return (
        f"{plan.node_memory / MIB:,.0f} MiB a node, "
        f"{plan.nodes * plan.node_memory / MIB:,.0f} MiB in all; one node more during a roll"
    )


def assumptions(plan: Plan, result: ScalingResult) -> list[str]:
    """What the plan takes for granted."""
    conditions = result.conditions
    measured = max(m.size for m in valid(result.measurements))
    budget = conditions.get("CPU budget", "none")
    held = f", CPU budget {budget}" if budget != "none" else ""
    lines = [
        f"every node is like those measured: {conditions.get('machine', 'machine unknown')}{held}",
        f"visitors do what the suite {conditions.get('suite', '?')} does",
        "what all nodes share (network, database, store) serves more nodes as it served these",
        "a request holds at most one connection to each server at a time",
    ]
    if plan.nodes > measured:
        lines.append(
            f"the scalability law holds from {counted(measured, 'nodes')}, the most that were "
            f"measured, up to {plan.nodes:,}"
        )
    if not result.is_paced:
        lines.append(
            f"{percent(plan.utilisation)} leave room for arrivals that come in bunches: a rule "
            "of thumb, since this run measured no latency at less than all load"
        )
    elif plan.demand.max_p99 is not None:
        lines.append(
            f"a p99 latency that held at {percent(plan.utilisation)} of the throughput, with up "
            f"to {counted(measured, 'nodes')}, holds at less and with more nodes"
        )
    return lines
