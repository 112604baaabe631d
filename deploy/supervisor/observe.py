"""The status of a deployment, read at the moment it is asked for.

Any thread may ask: the main thread publishes an immutable snapshot of what runs, and the counters
come from the balancer and from /proc.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..balancer import BalancerClient, Counters, SlotCounters
from ..cpu_budget import CpuBudgets
from ..deployment import Deployment, Node, Slot
from ..errors import BalancerError
from ..procfs import CpuMeter, children
from ..status import (
    BalancerStatus,
    DeploymentStatus,
    NodeStatus,
    SlotStatus,
    State,
    StoreStatus,
)
from .records import Records

if TYPE_CHECKING:
    from ..probes import StorePing


@dataclass(frozen=True, slots=True)
class NodeSnapshot:
    node: Node
    version: str
    phase: State
    pid: int | None
    restarts: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the supervisor runs."""

    deployment: Deployment
    """The version in service."""
    under_way: str | None = None
    nodes: tuple[NodeSnapshot, ...] = ()
    balancer_pid: int | None = None
    store_pid: int | None = None
    store_url: str | None = None
    """Without a password; None before there is a store."""


class Observer:
    def __init__(
        self,
        deployment: Deployment,
        client: BalancerClient,
        budgets: CpuBudgets,
        records: Records,
    ) -> None:
        self.snapshot = Snapshot(deployment)
        self.store_ping: StorePing | None = None
        """Set once there is a store."""
        self._client = client
        self._budgets = budgets
        self._records = records
        self._cpu = CpuMeter()

    def status(self) -> DeploymentStatus:
        snapshot = self.snapshot
        counters, answers = Counters(), False
        with contextlib.suppress(BalancerError):
            counters, answers = self._client.counters(), True
        slots = dict(counters.slots)
        restarts = self._records.tally.restarts
        deployment = snapshot.deployment
        return DeploymentStatus(
            name=deployment.name,
            url=deployment.balancer.url,
            app=deployment.app,
            directory=str(deployment.directory),
            profile=deployment.profile.name,
            version=deployment.version,
            under_way=snapshot.under_way,
            time=time.time(),
            nodes=tuple(self._node(node, slots) for node in snapshot.nodes),
            balancer=BalancerStatus(
                pid=snapshot.balancer_pid,
                requests=counters.requests,
                queue=counters.queue,
                cpu_seconds=self._cpu.read("balancer", snapshot.balancer_pid),
                responses_5xx=counters.responses_5xx,
                throughput=counters.throughput,
                latency=counters.latency,
                in_flight=counters.in_flight,
                answers=answers,
                restarts=restarts["balancer"],
            ),
            store=self._store(snapshot),
            metrics_url=deployment.metrics.url,
            lost_log_lines=sum(self._records.lost_lines.values()),
        )

    def _node(self, running: NodeSnapshot, counters: dict[str, SlotCounters]) -> NodeStatus:
        slots = tuple(_slot(slot, running, counters.get(slot.name)) for slot in running.node.slots)
        return NodeStatus(
            name=running.node.name,
            address=running.node.host,
            state=_node_state(running, slots),
            pid=running.pid,
            cpu_seconds=self._cpu.read(running.node.name, running.pid),
            restarts=running.restarts,
            version=running.version,
            slots=slots,
            workers=tuple(sorted(children(running.pid))) if running.pid else (),
            budget=self._budgets.status(running.node.name),
        )

    def _store(self, snapshot: Snapshot) -> StoreStatus | None:
        if snapshot.store_url is None:
            return None
        cpu_seconds = self._cpu.read("store", snapshot.store_pid)
        latency = self.store_ping.seconds() if self.store_ping else None
        restarts = self._records.tally.restarts["store"]
        return StoreStatus(snapshot.store_url, snapshot.store_pid, cpu_seconds, latency, restarts)


def _slot(slot: Slot, running: NodeSnapshot, counters: SlotCounters | None) -> SlotStatus:
    if counters is None:
        state: State = "adding" if running.phase == "adding" else "out of rotation"
        return SlotStatus(slot.name, slot.address, state, capacity=slot.maxconn)
    return SlotStatus(
        name=slot.name,
        address=slot.address,
        state=counters.state,
        in_flight=counters.in_flight,
        queue=counters.queue,
        requests=counters.requests,
        errors=counters.errors,
        throughput=counters.throughput,
        latency=counters.latency,
        capacity=slot.maxconn,
    )


def _node_state(running: NodeSnapshot, slots: tuple[SlotStatus, ...]) -> State:
    if running.phase != "in rotation":
        return running.phase
    if running.pid is not None and any(slot.state == "in rotation" for slot in slots):
        return "in rotation"
    return "out of rotation"
