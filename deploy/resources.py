"""What a node may use here: CPUs and memory as the kernel limits them, and the workers they carry.

In a container `os.cpu_count` and the size of the memory are the host's; the limits are in the
control groups. Quotas and limits of all groups above the own one hold too, so the smallest counts.
Kernel documentation: admin-guide/cgroup-v2 (`cpu.max`, `memory.max`) and, for version 1,
scheduler/sched-bwc (`cpu.cfs_quota_us`) and admin-guide/cgroup-v1/memory (`memory.limit_in_bytes`).
"""

import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .cgroups import CGROUPS, OWN_CGROUPS, directories, own_groups, read
from .wording import counted

# The rest is for what requests need on top of what importing the app took.
MEMORY_FOR_WORKERS = 0.8

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount, and what sets it."""

    amount: float
    source: str


@dataclass(frozen=True, slots=True)
class Resources:
    """CPUs, of which a part is possible, and memory in bytes."""

    cpus: Limit
    memory: Limit


@dataclass(frozen=True, slots=True)
class WorkerCount:
    workers: int
    reason: str


def find_resources(budget: float | None = None) -> Resources:
    """What this process, and so a node that it becomes, may use.

    `budget` is the CPUs that a node is to have, if that was set.
    """
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    groups = own_groups(read(OWN_CGROUPS))
    return Resources(
        cpus=_smallest(_usable_cpus(), chain(_budgets(budget), cpu_quotas(CGROUPS, groups))),
        memory=_smallest(Limit(installed, "the machine's memory"), memory_limits(CGROUPS, groups)),
    )


def worker_count(
    resources: Resources, *, per_cpu: int, per_cpu_reason: str, worker_memory: int
) -> WorkerCount:
    """How many workers fit; `worker_memory` is what one takes after importing the app, in bytes."""
    cpus, memory = resources.cpus, resources.memory
    wanted = per_cpu * math.ceil(cpus.amount)
    reason = f"{per_cpu_reason}; {counted(cpus.amount, 'CPUs')} ({cpus.source})"
    room = int(memory.amount * MEMORY_FOR_WORKERS // worker_memory)
    if room >= wanted:
        return WorkerCount(wanted, reason)
    return WorkerCount(
        max(room, 1),
        f"{reason} would carry {wanted}, but {memory.amount / MIB:.0f} MiB ({memory.source}) have "
        f"room for {room} of {worker_memory / MIB:.0f} MiB each, a fifth kept free for requests",
    )


def cpu_quotas(root: Path, groups: dict[str, str]) -> Iterator[Limit]:
    """The CPU quotas of the own control groups and of those above them."""
    for directory in directories(root, groups.get("")):
        quota, _, period = read(directory / "cpu.max").partition(" ")
        if quota.isdecimal():
            yield Limit(int(quota) / int(period), "cgroup quota, cpu.max")
    for directory in directories(root / "cpu", groups.get("cpu")):
        quota, period = (read(directory / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota.isdecimal():
            yield Limit(int(quota) / int(period), "cgroup quota, cpu.cfs_quota_us")


def memory_limits(root: Path, groups: dict[str, str]) -> Iterator[Limit]:
    """The memory limits, in bytes; version 1 writes a number beyond all memory for none."""
    for group, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        for directory in directories(root / group, groups.get(group)):
            limit = read(directory / name)
            if limit.isdecimal():
                yield Limit(int(limit), f"cgroup limit, {name}")


def _budgets(budget: float | None) -> Iterator[Limit]:
    if budget is not None:
        yield Limit(budget, "the node's budget, cpus")


def _usable_cpus() -> Limit:
    if sys.platform == "linux":
        return Limit(len(os.sched_getaffinity(0)), "the CPUs this process may run on")
    return Limit(os.cpu_count() or 1, "the machine's CPUs")


def _smallest(first: Limit, others: Iterator[Limit]) -> Limit:
    return min((first, *others), key=lambda limit: limit.amount)
