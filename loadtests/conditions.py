"""The conditions that figures hold under: what was measured, with what, on which machine."""

from __future__ import annotations

import math
import re
import subprocess
from statistics import fmean
from typing import TYPE_CHECKING

from deploy import binaries, processes
from deploy.errors import DeployError
from deploy.targets import DEFAULT_TARGET
from loadtests.host import cores, describe_host
from loadtests.place import Place
from loadtests.utilisation import available_cores, nodes_cpu_known
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy.deployment import Deployment
    from loadtests.design import ScalingPlan
    from loadtests.measurement import Measurement

BUSY = 0.5
"""Share of the cores that the nodes could use from which a run counts as CPU-bound."""


HERE = Place(DEFAULT_TARGET)
OF_THE_NODES = ("python", "gunicorn")
"""What this machine's environment says nothing about when the nodes are containers."""


def describe(
    plan: ScalingPlan,
    deployment: Deployment,
    measurements: Sequence[Measurement],
    place: Place = HERE,
) -> dict[str, str]:
    """The conditions the figures hold under, for the report."""
    profile = deployment.profile
    workers = {"workers per node": str(deployment.workers)} if plan.over == "nodes" else {}
    return {
        "app": deployment.app,
        "suite": plan.suite.stem,
        **place.words(),
        "resource under test": resource_under_test(measurements, hosts=len(place.hosts)),
        "CPU budget": cpu_budget(deployment, measurements),
        "profile": f"{profile.name}, {counted(profile.concurrency, 'requests')} at once per worker",
        **workers,
        "users": f"{plan.users_per_slot:g} for each request the deployment serves at once",
        "measured": f"{plan.duration:g} s a point, once settled, after {plan.warm_up:g} s or more",
        **plan.words(),
        **(here(deployment) if place.is_here else elsewhere(measurements)),
    }


def here(deployment: Deployment) -> dict[str, str]:
    """This machine, and what runs on it."""
    return {**describe_host(), **parts(deployment)}


def elsewhere(measurements: Sequence[Measurement]) -> dict[str, str]:
    """The machine that the traffic comes from, and what cannot be known of the others."""
    machine = {name: text for name, text in describe_host().items() if name not in OF_THE_NODES}
    load = {f"{name} of the load generator": machine.pop(name) for name in ("machine", "system")}
    return {**load, **machine, "not known": ", ".join(not_known(measurements))}


def not_known(measurements: Sequence[Measurement]) -> Iterator[str]:
    """What no figure of the target tells, in words."""
    for part in ("nodes", "balancer", "store"):
        if not any(part in m.cpu for m in measurements):
            yield f"CPU of the {part}"
    if all(m.memory is None for m in measurements):
        yield "memory of the nodes"
    yield "workers that died in a node that went on"


def resource_under_test(measurements: Sequence[Measurement], *, hosts: int = 0) -> str:
    """``CPU-bound`` or ``waiting-bound``, from the cores that the nodes used at the smallest size.

    That is of the cores they could use: those of their budgets, else one for each worker, and never
    more than the machine has, unless they are on `hosts` of their own. The smallest size says it
    best: there the nodes share least.
    """
    sizes = [m.size for m in measurements if m.requests]
    smallest = [m for m in measurements if m.requests and m.size == min(sizes)]
    most = cores() if hosts < 1 else math.inf
    available = [min(available_cores(m), most) for m in smallest]
    if not all(available) or not smallest or not all(map(nodes_cpu_known, smallest)):
        return "unknown"
    busy = fmean(m.cpu["nodes"] / have for m, have in zip(smallest, available, strict=True))
    return "CPU-bound" if busy >= BUSY else "waiting-bound"


def cpu_budget(deployment: Deployment, measurements: Sequence[Measurement]) -> str:
    """What every node was held to, and by what: ``0.5 CPUs a node, by cgroup v1 quota``."""
    budgets = sorted({cpus for m in measurements for cpus in m.node_budget.values()})
    cpus = deployment.cpus
    if cpus is None and not budgets:
        return "none: the nodes share the machine"
    if cpus is not None and not measurements:
        return f"{counted(cpus, 'CPUs')} a node"
    mechanisms = dict.fromkeys(m.budget_by for m in measurements)
    as_asked = budgets == [cpus]
    asked = "" if cpus is None or as_asked else f" ({counted(cpus, 'CPUs')} a node asked)"
    held = " or ".join(f"{counted(found, 'CPUs')} a node" for found in budgets)
    return f"{held and f'{held}, by '}{'; '.join(mechanisms)}{asked}"


def parts(deployment: Deployment) -> Mapping[str, str]:
    """Versions of the balancer and, where it was started here, of the store."""
    store = {} if deployment.redis_url else {"store": version(binaries.store, "--version")}
    return {"balancer": version(binaries.haproxy, "-v"), **store}


def version(find: Callable[[], Path], option: str) -> str:
    """The version a program prints: ``HAProxy version 2.8.1 …``, ``Valkey server v=9.0.1 …``."""
    try:
        printed = processes.output_of([str(find()), option], timeout=10)
    except (DeployError, OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(r"(\w+) (?:server )?(?:version |v=)([\w.]+)", printed)
    return f"{found[1]} {found[2]}" if found else "unknown"
