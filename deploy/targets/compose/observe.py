"""The status of a Compose project, from the engine and the balancer at the moment of asking."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...balancer import Counters, SlotCounters
from ...deployment import Deployment
from ...docker.api import EngineApi, MissingError
from ...docker.lock import COMMAND, LABEL
from ...docker.usage import NANOSECONDS, NOTHING, Usage, usages
from ...render.containers import slot_ports
from ...status import (
    BalancerStatus,
    CpuBudget,
    DeploymentStatus,
    NodeStatus,
    SlotStatus,
    State,
    StoreStatus,
)
from .project import Container, Project
from .records import Record

SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class Measured:
    """What the engine knows about a container, and what that has taken."""

    usage: Usage = NOTHING
    restarts: int = 0
    cpus: float | None = None


def record_of(container: Container, records: Sequence[Record]) -> Record | None:
    """The version that a container was started of: the last before it, of its image."""
    for record in reversed(records):
        if record.image == container.image and record.created <= container.created:
            return record
    return None


def deployment_of(container: Container, records: Sequence[Record]) -> Deployment:
    """The same as a description; an image that nothing is known of is a version by its id."""
    record = record_of(container, records)
    if record:
        return record.deployment
    short = container.image.partition(":")[2][:SHORT_ID]
    return replace(records[-1].deployment, version=short)


def image_of(version: Deployment, records: Sequence[Record]) -> str:
    """The id of a version's image."""
    return next(each.image for each in reversed(records) if each.version == version.version)


def under_way(api: EngineApi, name: str) -> str | None:
    """The command that is changing the deployment."""
    locks = api.containers(f"{LABEL}={name}", everywhere=False)
    return str(locks[0]["Labels"][COMMAND]) if locks else None


def observe(
    project: Project, records: Sequence[Record], counters: Counters | None, *, moment: float
) -> DeploymentStatus:
    """`counters` are the balancer's of this moment, None if it does not answer."""
    containers = project.containers()
    command = under_way(project.api, project.name)
    deployment = records[-1].deployment
    lines = {line.address: line for _, line in counters.slots} if counters else {}
    measured = _measured(project, containers)
    nodes = tuple(
        _node(project, each, deployment_of(each, records), lines, measured[each.id])
        for each in containers
        if each.service == "web"
    )
    versions = {node.version for node in nodes}
    if command == "roll":
        nodes = tuple(_being_added(node, deployment.version) for node in nodes)
    return DeploymentStatus(
        name=project.name,
        url=deployment.balancer.url,
        app=deployment.app,
        directory=str(deployment.directory),
        profile=deployment.profile.name,
        version=versions.pop() if len(versions) == 1 else deployment.version,
        under_way=command,
        time=moment,
        nodes=nodes,
        balancer=_balancer(_of_service("balancer", containers, measured), counters),
        store=_store(_of_service("redis", containers, measured)),
        target="compose",
    )


def _being_added(node: NodeStatus, newest: str) -> NodeStatus:
    """A new node of a roll is kept out too, until it is warm."""
    if node.state in ("draining", "out of rotation") and node.version == newest:
        return replace(node, state="adding")
    return node


def _of_service(
    service: str, containers: Sequence[Container], measured: Mapping[str, Measured]
) -> Measured | None:
    return next((measured[each.id] for each in containers if each.service == service), None)


def _node(
    project: Project,
    container: Container,
    deployment: Deployment,
    lines: Mapping[str, SlotCounters],
    measured: Measured,
) -> NodeStatus:
    name = f"node{container.number}"
    host = container.address_in(project.front) or ""
    slots = tuple(
        _slot(f"{name}-{number}", f"{host}:{port}", deployment, lines.get(f"{host}:{port}"))
        for number, port in enumerate(slot_ports(deployment), 1)
    )
    return NodeStatus(
        name=name,
        address=host,
        state=_state(container, slots),
        pid=None,
        cpu_seconds=measured.usage.cpu_seconds,
        restarts=measured.restarts,
        version=deployment.version,
        slots=slots,
        budget=_budget(deployment, measured),
        memory=measured.usage.memory,
        image=container.image,
    )


def _state(container: Container, slots: Sequence[SlotStatus]) -> State:
    states = {slot.state for slot in slots}
    if container.state != "running":
        return "out of rotation"
    for state in ("in rotation", "draining", "adding"):
        if state in states:
            return state
    return "out of rotation"


def _slot(name: str, address: str, deployment: Deployment, line: SlotCounters | None) -> SlotStatus:
    capacity = deployment.profile.concurrency
    if line is None:
        return SlotStatus(name, address, "adding", capacity=capacity)
    return SlotStatus(
        name=name,
        address=address,
        state=line.state,
        in_flight=line.in_flight,
        queue=line.queue,
        requests=line.requests,
        errors=line.errors,
        throughput=line.throughput,
        latency=line.latency,
        capacity=capacity,
    )


def _budget(deployment: Deployment, measured: Measured) -> CpuBudget | None:
    if measured.cpus is None:
        return None
    throttled = measured.usage.throttled_seconds
    return CpuBudget(measured.cpus, "the engine's quota", throttled)


def _balancer(measured: Measured | None, counters: Counters | None) -> BalancerStatus:
    found, known = measured or Measured(), counters or Counters()
    return BalancerStatus(
        pid=None,
        requests=known.requests,
        queue=known.queue,
        cpu_seconds=found.usage.cpu_seconds,
        responses_5xx=known.responses_5xx,
        throughput=known.throughput,
        latency=known.latency,
        in_flight=known.in_flight,
        answers=counters is not None,
        restarts=found.restarts,
    )


def _store(measured: Measured | None) -> StoreStatus | None:
    if measured is None:
        return None
    cpu_seconds = measured.usage.cpu_seconds
    return StoreStatus("redis://redis:6379/0", None, cpu_seconds, restarts=measured.restarts)


def _measured(project: Project, containers: Sequence[Container]) -> dict[str, Measured]:
    """By the containers' ids; nothing of one that has gone in this moment."""
    inspected = {}
    for each in containers:
        with contextlib.suppress(MissingError):
            inspected[each.id] = project.api.container(each.id)
    pids = {name: found["State"]["Pid"] for name, found in inspected.items()}
    used = usages(project.engine, {name: pid for name, pid in pids.items() if pid})
    found = {
        name: Measured(
            usage=used.get(name, NOTHING),
            restarts=values["RestartCount"],
            cpus=values["HostConfig"]["NanoCpus"] / NANOSECONDS or None,
        )
        for name, values in inspected.items()
    }
    return {each.id: found.get(each.id, Measured()) for each in containers}
