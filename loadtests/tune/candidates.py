"""Which worker settings are worth measuring on this machine.

A request keeps a processor busy for a part of its time and waits for the rest. So many requests as
the whole is longer than the busy part must be under way to keep one processor busy:

    concurrency = processors · (1 + waiting / computing)

(B. Goetz et al., *Java Concurrency in Practice*, 2006, section 8.2, at full utilization). The
candidates lie around that number, in steps of two, for each profile and a few numbers of workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Self

from deploy.profiles import FAST_WORKERS, profile
from deploy.resources import MEMORY_FOR_WORKERS, MIB
from loadtests.wording import counted, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deploy.deployment import Deployment
    from deploy.resources import Resources

THREADS = (1, 64)
"""Fewest and most threads of a worker; beyond, Python threads mostly wait for one lock."""
GREENLETS = (10, 1000)
STEPS = (1.0, 2.0, 0.5, 4.0)
"""Shares of the computed concurrency that are tried, the likeliest first."""
MAX_PROCESSES_PER_CPU = 8
CPU_BOUND = 0.5
"""Share of its time that a request computes, from which the traffic counts as CPU-bound."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One setting of a node's workers."""

    profile: str
    workers: int
    concurrency: int
    """Requests one worker serves at once."""

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """What a deployment has at present."""
        chosen = deployment.profile
        return cls(chosen.name, deployment.workers, chosen.concurrency)

    @property
    def slots(self) -> int:
        """Requests the node serves at once."""
        return self.workers * self.concurrency

    @property
    def settings(self) -> dict[str, str | int]:
        """The keys of twofold.toml that make it."""
        own = {} if self.profile == "processes" else {self.profile: self.concurrency}
        return {"profile": self.profile, "workers": self.workers, **own}

    def applied(self, deployment: Deployment) -> Deployment:
        """One node of the deployment with this setting."""
        fast = deployment.profile.worker_class in FAST_WORKERS.values()
        numbers = {self.profile: self.concurrency} if self.profile != "processes" else {}
        chosen = profile(self.profile, fast_workers=fast, **numbers)
        return replace(deployment, nodes=1, workers=self.workers, profile=chosen)

    def __str__(self) -> str:
        if self.profile == "processes":
            return "1 process" if self.workers == 1 else f"{self.workers:,} processes"
        kind = self.profile if self.concurrency > 1 else self.profile.removesuffix("s")
        return f"{counted(self.workers, 'workers')} with {self.concurrency:,} {kind}"

    def to_json(self) -> dict[str, Any]:
        return {"profile": self.profile, "workers": self.workers, "concurrency": self.concurrency}


@dataclass(frozen=True, slots=True)
class Workload:
    """What one request takes when it is alone on the machine, in seconds."""

    latency: float
    computing: float
    """Processor time of the node."""

    @property
    def in_flight_per_cpu(self) -> float:
        """Requests that must be under way to keep a processor busy: 1 + waiting / computing."""
        return max(1.0, self.latency / self.computing) if self.computing else math.inf

    @property
    def is_cpu_bound(self) -> bool:
        return self.computing >= CPU_BOUND * self.latency

    def __str__(self) -> str:
        kind = "CPU-bound" if self.is_cpu_bound else "waiting-bound"
        return (
            f"{milliseconds(self.latency)}, of which it computes "
            f"{milliseconds(self.computing)}: {kind}"
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """What is to be measured, the present setting first and then the likeliest."""

    candidates: tuple[Candidate, ...]
    without_room: tuple[Candidate, ...]
    """What would have been worth a try, had there been memory for it."""
    room: str
    """Why there is none, in words."""


def grid(
    present: Candidate, workload: Workload, resources: Resources, worker_memory: float
) -> Grid:
    """The candidates; `worker_memory` is what one worker holds, in bytes."""
    cpus = max(1, math.ceil(resources.cpus.amount))
    needed = cpus * min(workload.in_flight_per_cpu, float(GREENLETS[1]))
    counts = dict.fromkeys((cpus, 2 * cpus, 1))
    families = [
        list(shared("threads", counts, needed, THREADS)),
        list(shared("greenlets", counts, needed, GREENLETS)),
        list(processes(cpus, needed)),
    ]
    wanted = dict.fromkeys(item for rank in zip_longest(*families) for item in rank if item)
    wanted.pop(present, None)
    room = int(resources.memory.amount * MEMORY_FOR_WORKERS // max(worker_memory, 1))
    return Grid(
        candidates=(present, *(each for each in wanted if each.workers <= room)),
        without_room=tuple(each for each in wanted if each.workers > room),
        room=(
            f"{resources.memory.amount / MIB:,.0f} MiB ({resources.memory.source}) have room for "
            f"{counted(max(room, 0), 'workers')} of {worker_memory / MIB:.0f} MiB"
        ),
    )


def shared(
    name: str, counts: Iterable[int], needed: float, bounds: tuple[int, int]
) -> Iterator[Candidate]:
    """Workers that serve several requests at once, the likeliest first."""
    fewest, most = bounds
    for step in STEPS:
        for workers in counts:
            each = nearest_power_of_two(step * needed / workers)
            yield Candidate(name, workers, min(max(each, fewest), most))


def processes(cpus: int, needed: float) -> Iterable[Candidate]:
    """Workers that serve one request: from one a processor to as many as are needed, in doubles."""
    most = min(MAX_PROCESSES_PER_CPU * cpus, nearest_power_of_two(2 * needed))
    counts = [cpus * 2**power for power in range(8)]
    return [Candidate("processes", count, 1) for count in counts if count <= max(most, cpus)]


def nearest_power_of_two(value: float) -> int:
    return int(2 ** max(0, round(math.log2(max(value, 1)))))
