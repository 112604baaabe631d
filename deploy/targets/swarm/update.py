"""Waiting for Swarm: until nodes run, until an update has ended, and why it has not."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ...deployment import Deployment
from ...errors import DeployError, RolloutError, StartError
from ...render.containers import grace_period
from ...render.swarm_services import MONITOR
from .cluster import Cluster, Task
from .stack import PAUSE, last_lines

Report = Callable[[str], None]

# Placing a task, fetching an image, a busy host.
MARGIN = 60.0
# How long a task may find no host: one that joins again has it by then.
BEGIN = 15.0


NO_HOST = "no host that is ready meets its constraints (the table [swarm])"


def wait_running(
    cluster: Cluster,
    deployment: Deployment,
    service: str,
    report: Report,
    known: Collection[str] = (),
) -> None:
    """Until every task of the service runs.

    Those whose ids are `known` were there before, and what became of them tells nothing new.

    :raises StartError: it does not, with the reason and the last lines of the log.
    """
    longest = deployment.boot_timeout + MARGIN
    began = time.monotonic()
    deadline = began + longest
    seen = set(known)
    while True:
        tasks = cluster.tasks(service)
        wanted = [task for task in tasks if task.wanted]
        for task in wanted:
            if task.runs and task.id not in seen:
                seen.add(task.id)
                report(f"{shown(task, service)} runs on {_host_name(cluster, task)}")
        missing = replicas(cluster, service) - len({task.number for task in wanted if task.runs})
        if wanted and all(task.runs for task in wanted) and missing <= 0:
            return
        failed = [task for task in tasks if task.failed and task.id not in known]
        waiting = [task for task in wanted if "no suitable node" in task.problem]
        stuck = not wanted or (waiting and len(waiting) == sum(not task.runs for task in wanted))
        too_long = time.monotonic() > (began + BEGIN if stuck else deadline)
        if len(failed) > 1 or (failed and _hopeless(failed)) or too_long:
            reason = reasons(cluster, tasks)
            if not reason:
                reason = f"not ready within {longest:g} s" if wanted else NO_HOST
            raise StartError(f"{service} does not start: {reason}")
        time.sleep(PAUSE)


def wait_updated(
    cluster: Cluster,
    deployment: Deployment,
    service: str,
    began_before: str | None,
    report: Report,
) -> None:
    """Until all nodes are of the deployment's version.

    `began_before` is when the update before this one began (`began`).

    :raises RolloutError: Swarm went back to the version before, or was made to.
    """
    each = deployment.boot_timeout + grace_period(deployment) + MONITOR
    longest = each * (replicas(cluster, service) + 1) + MARGIN
    deadline = time.monotonic() + longest
    seen: set[str] = set()
    why = ""
    told = False
    while True:
        state, message = _update_state(cluster, service, began_before)
        tasks = cluster.tasks(service)
        new = [task for task in tasks if task.version == deployment.version]
        for task in new:
            if task.runs and task.id not in seen:
                seen.add(task.id)
                report(
                    f"{shown(task, service)} of version {deployment.version} runs on "
                    f"{_host_name(cluster, task)}"
                )
        if state == "completed" and settled(cluster, service, deployment.version):
            return
        if state.startswith("rollback") and not why:
            why = reasons(cluster, new) or message or "Swarm does not say why"
            report(f"version {deployment.version} fails; Swarm goes back")
        if state in ("rollback_completed", "rollback_paused", "paused"):
            raise RolloutError(
                f"version {deployment.version} did not get into service, and "
                f"{_outcome(state)}: {why or message}"
            )
        lost = _lost_host(cluster, new) if state == "updating" and not told else None
        late = time.monotonic() > deadline
        if late and told:
            raise RolloutError(
                f"version {deployment.version} did not get into service, and going back takes too "
                f"long (`docker service ps {service}` tells why; `twofold rollback` tries again): "
                f"{why}"
            )
        if late or lost:
            why = lost or reasons(cluster, new) or "it took too long"
            told = True
            deadline = time.monotonic() + longest
            report(f"version {deployment.version} fails: {why}; Swarm is told to go back")
            cluster.engine.ask("service", "rollback", "--detach", service)
        time.sleep(PAUSE)


def _lost_host(cluster: Cluster, new: Iterable[Task]) -> str | None:
    """Why the update cannot end: the host of a task that was being started has gone; or None.

    Swarm starts another task in its place, but the update waits for the first one, without a limit
    (moby/swarmkit, `manager/orchestrator/update/updater.go`, `updateTask`).
    """
    given_up = [
        task
        for task in new
        if task.host and not task.wanted and not task.ended and task.state != "running"
    ]
    if given_up:
        ready = {host.id for host in cluster.hosts() if host.ready}
        for task in given_up:
            if task.host not in ready:
                return f"{_host_name(cluster, task)} went away while it was starting a node"
    return None


def _outcome(state: str) -> str:
    if state == "rollback_completed":
        return "the one before serves on"
    return (
        "going back has stopped half way (`docker service ps` tells why; `twofold rollback` tries "
        "again)"
    )


def settled(cluster: Cluster, service: str, version: str) -> bool:
    """As many nodes as wanted run, all of that version, and no other one does."""
    running = [task for task in cluster.tasks(service) if task.wanted]
    return len(running) == replicas(cluster, service) and all(
        task.runs and task.version == version for task in running
    )


def began(cluster: Cluster, service: str) -> str | None:
    """When the last update began, in Swarm's words; None: there was none."""
    found = cluster.service(service) or {}
    started = (found.get("UpdateStatus") or {}).get("StartedAt")
    return None if started is None else str(started)


def _update_state(cluster: Cluster, service: str, began_before: str | None) -> tuple[str, str]:
    found = cluster.service(service)
    if found is None:
        raise DeployError(f"{service} was removed while it was being changed")
    status: Mapping[str, Any] = found.get("UpdateStatus") or {}
    if status.get("StartedAt") == began_before:
        return "", ""
    return str(status.get("State", "")), str(status.get("Message", ""))


def replicas(cluster: Cluster, service: str) -> int:
    """How many Swarm is to have; of a service with one a host, 0."""
    found = cluster.service(service) or {"Spec": {"Mode": {}}}
    return int(found["Spec"]["Mode"].get("Replicated", {}).get("Replicas", 0))


def reasons(cluster: Cluster, tasks: Iterable[Task]) -> str:
    """What Swarm says of tasks that do not run, each reason once, and the last lines of one."""
    troubled = [task for task in tasks if task.problem or task.failed]
    if not troubled:
        return ""
    lines: list[str] = []
    for task in troubled:
        line = f"{_host_name(cluster, task)}: {explained(task.problem)}"
        if line not in lines:
            lines.append(line)
    text = "; ".join(lines[-4:])
    started = [task for task in troubled if task.state == "failed"]
    if started:
        text += f". The last lines of its log:\n{last_lines(cluster.engine, started[-1].id)}"
    return text


def explained(problem: str) -> str:
    """Swarm's words for why a task does not run, in words that say what to do."""
    if "No such image" in problem:
        return f"{problem}; copy it there (`docker save IMAGE | docker -H HOST load`)"
    if "port already in use" in problem or "address already in use" in problem:
        return (
            "the port that visitors connect to is taken there; choose another by balancer.bind, or "
            "name the hosts of the balancers by swarm.balancers"
        )
    if "unhealthy" in problem:
        return f"its workers did not answer the readiness check in time ({problem})"
    if "no suitable node" in problem and "constraints" in problem:
        return (
            f"{problem}; label a host, as in `docker node update --label-add twofold.data=true "
            "HOST`, or change [swarm]"
        )
    if "insufficient resources" in problem:
        return f"{problem}; there are not enough hosts for cpus and containers.memory of so many"
    return problem or "it ended"


def _hopeless(failed: Iterable[Task]) -> bool:
    words = ("No such image", "already in use")
    return any(word in task.problem for task in failed for word in words)


def shown(task: Task, service: str) -> str:
    """As people know it."""
    part = service.rpartition("_")[2]
    return f"node{task.number}" if part == "web" else part


def _host_name(cluster: Cluster, task: Task) -> str:
    names = {host.id: host.name for host in cluster.hosts()}
    return names.get(task.host, "no host")
