"""What containers take of their machine: processor time and memory.

The engine's own figures come once a second, whoever asks. Where it runs on this machine, the same
counters are files here, and cost nothing to read.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import cgroups
from .api import EngineApi, MissingError
from .engine import Engine

NANOSECONDS = 1e9
MICROSECONDS = 1e6
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Usage:
    """Since the container was started, except the memory of this moment."""

    cpu_seconds: float = 0.0
    throttled_seconds: float = 0.0
    """How long the kernel held it back, all its threads together."""
    memory: int | None = None
    """In bytes, without the files that the kernel has read and can drop."""


NOTHING = Usage()


def usages(engine: Engine, pids: Mapping[str, int]) -> dict[str, Usage]:
    """Of containers by their ids, with the process id that the engine gives for each."""
    found = {name: _from_files(name, pid) for name, pid in pids.items()}
    missing = [name for name, usage in found.items() if usage is None]
    asked = dict(zip(missing, _from_engine(engine, missing), strict=True))
    return {name: usage or asked[name] for name, usage in found.items()}


def _from_files(
    container: str, pid: int, root: Path = cgroups.CGROUPS, processes: Path = Path("/proc")
) -> Usage | None:
    """None if the process is not this container's here: the engine is on another machine."""
    groups = cgroups.own_groups(cgroups.read(processes / str(pid) / "cgroup"))
    groups = {name: group.lstrip("/") for name, group in groups.items() if container in group}
    if "cpuacct" in groups and "memory" in groups:
        return _version_1(root, groups)
    if "" in groups:
        return _version_2(root / groups[""])
    return None


def _version_1(root: Path, groups: Mapping[str, str]) -> Usage | None:
    used = cgroups.read(root / "cpuacct" / groups["cpuacct"] / "cpuacct.usage")
    if not used:
        return None
    throttled = cgroups.values(root / "cpu" / groups.get("cpu", "") / "cpu.stat")
    memory = root / "memory" / groups["memory"]
    return Usage(
        cpu_seconds=int(used) / NANOSECONDS,
        throttled_seconds=throttled.get("throttled_time", 0) / NANOSECONDS,
        memory=_without_files(
            cgroups.read(memory / "memory.usage_in_bytes"),
            cgroups.values(memory / "memory.stat").get("total_inactive_file", 0),
        ),
    )


def _version_2(group: Path) -> Usage | None:
    cpu = cgroups.values(group / "cpu.stat")
    if "usage_usec" not in cpu:
        return None
    return Usage(
        cpu_seconds=cpu["usage_usec"] / MICROSECONDS,
        throttled_seconds=cpu.get("throttled_usec", 0) / MICROSECONDS,
        memory=_without_files(
            cgroups.read(group / "memory.current"),
            cgroups.values(group / "memory.stat").get("inactive_file", 0),
        ),
    )


def _without_files(used: str, droppable: int) -> int | None:
    return max(0, int(used) - droppable) if used else None


def _from_engine(engine: Engine, containers: Sequence[str]) -> list[Usage]:
    """All at once, for each answer waits for the engine's next look."""
    if not containers:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(containers))) as pool:
        return list(pool.map(lambda container: _ask(engine, container), containers))


def _ask(engine: Engine, container: str) -> Usage:
    try:
        with EngineApi(engine) as api:
            stats: Mapping[str, Any] = api.stats(container)
        cpu, memory = stats["cpu_stats"], stats["memory_stats"]
        details = memory.get("stats", {})
        droppable = details.get("total_inactive_file", details.get("inactive_file", 0))
        return Usage(
            cpu_seconds=cpu["cpu_usage"]["total_usage"] / NANOSECONDS,
            throttled_seconds=cpu["throttling_data"]["throttled_time"] / NANOSECONDS,
            memory=_without_files(str(memory.get("usage", "")), droppable),
        )
    except (MissingError, KeyError):
        # It has ended in this moment.
        return NOTHING
