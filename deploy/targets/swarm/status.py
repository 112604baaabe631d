"""The state of a stack, put together from what the manager knows and the balancers count."""

from collections.abc import Iterator, Mapping, Sequence

from ...balancer import Counters, SlotCounters
from ...deployment import Deployment
from ...render.containers import slot_ports
from ...render.swarm_services import DEFAULT_CPUS
from ...status import BalancerStatus, CpuBudget, DeploymentStatus, NodeStatus, SlotStatus, State
from .cluster import Cluster, Host, Task
from .counters import AllCounters

NOTHING = AllCounters(Counters(), {}, {})


def read_status(
    cluster: Cluster,
    deployment: Deployment,
    *,
    url: str,
    counted_at: float,
    counters: AllCounters | None,
    under_way: str | None,
) -> DeploymentStatus:
    """`counters` were read at `counted_at`; None: the balancers could not be asked."""
    counted = counters or NOTHING
    hosts = {host.id: host for host in cluster.hosts()}
    tasks = cluster.tasks(f"{deployment.name}_web")
    total = counted.total
    return DeploymentStatus(
        name=deployment.name,
        url=url,
        app=deployment.app,
        directory=str(deployment.directory),
        profile=deployment.profile.name,
        version=deployment.version,
        under_way=under_way,
        time=counted_at,
        nodes=tuple(_nodes(deployment, tasks, hosts, counted)),
        balancer=BalancerStatus(
            pid=None,
            requests=total.requests,
            queue=total.queue,
            cpu_seconds=0.0,
            responses_5xx=total.responses_5xx,
            throughput=total.throughput,
            latency=total.latency,
            in_flight=total.in_flight,
            answers=counters is not None and not counters.silent,
        ),
        store=None,
        target="swarm",
    )


def _nodes(
    deployment: Deployment,
    tasks: Sequence[Task],
    hosts: Mapping[str, Host],
    counters: AllCounters,
) -> Iterator[NodeStatus]:
    """Each replica that Swarm wants; while one is being replaced, its successor as well."""
    taken: set[str] = set()
    alive = [task for task in tasks if task.wanted and not task.ended]
    for task in sorted(alive, key=lambda task: (task.number, not task.runs, task.since)):
        name = f"node{task.number}"
        if name in taken:
            name += ".new"
        taken.add(name)
        failures = sum(each.failed for each in tasks if each.number == task.number)
        yield _node(deployment, task, name, hosts.get(task.host), counters.slots, failures)


def _node(
    deployment: Deployment,
    task: Task,
    name: str,
    host: Host | None,
    counters: Mapping[str, SlotCounters],
    failures: int,
) -> NodeStatus:
    address = task.addresses.get(f"{deployment.name}_front", "")
    state: State = "in rotation" if task.runs else "adding"
    if host and not host.ready:
        state = "out of rotation"
    slots = [
        _slot(deployment, f"{name}-{number}", f"{address}:{port}", counters, state)
        for number, port in enumerate(slot_ports(deployment), 1)
    ]
    return NodeStatus(
        name=name,
        address=address,
        state=state,
        pid=None,
        cpu_seconds=0.0,
        restarts=failures,
        version=task.version,
        slots=tuple(slots),
        budget=CpuBudget(deployment.cpus or DEFAULT_CPUS, "the quota of its host's engine"),
        image=task.image,
        host=host.name if host else None,
    )


def _slot(
    deployment: Deployment,
    name: str,
    address: str,
    counters: Mapping[str, SlotCounters],
    state: State,
) -> SlotStatus:
    line = counters.get(address)
    if line is None:
        return SlotStatus(name, address, state, capacity=deployment.profile.concurrency)
    return SlotStatus(
        name=name,
        address=address,
        state=line.state if state == "in rotation" else state,
        in_flight=line.in_flight,
        queue=line.queue,
        requests=line.requests,
        errors=line.errors,
        throughput=line.throughput,
        latency=line.latency,
        capacity=deployment.profile.concurrency,
    )
