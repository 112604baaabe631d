"""The machine under a load test: what it is, and how busy it was."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

from loadtests.wording import counted

PROC = Path("/proc")
PACKAGES = ("gunicorn", "locust")


@dataclass(frozen=True, slots=True)
class HostTimes:
    """Processor time of the whole machine since it started, in ticks."""

    idle: int
    total: int
    steal: int = 0
    """Taken by the hypervisor for others; part of what was not idle."""

    @classmethod
    def read(cls, proc: Path = PROC) -> Self | None:
        """Read /proc/stat; None where there is none."""
        try:
            first = (proc / "stat").read_text(encoding="ascii").split("\n", 1)[0]
        except OSError:
            return None
        return cls.parse(first)

    @classmethod
    def parse(cls, line: str) -> Self:
        """Parse the line ``cpu user nice system idle iowait irq softirq steal guest …``.

        Guest time is part of user time already; waiting for a disk leaves the processor idle.
        """
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, line.split()[1:9])
        waiting = idle + iowait
        total = user + nice + system + waiting + irq + softirq + steal
        return cls(idle=waiting, total=total, steal=steal)

    def idle_share_since(self, earlier: HostTimes) -> float | None:
        """The idle share between two readings, 0 to 1; None if no time passed."""
        return self._share(self.idle - earlier.idle, earlier)

    def steal_share_since(self, earlier: HostTimes) -> float | None:
        """The stolen share between two readings, 0 to 1; None if no time passed."""
        return self._share(self.steal - earlier.steal, earlier)

    def _share(self, part: int, earlier: HostTimes) -> float | None:
        total = self.total - earlier.total
        return part / total if total > 0 else None


def describe_host() -> dict[str, str]:
    """The machine and the versions that a figure depends on, for the report."""
    return {
        "machine": f"{counted(cores(), 'cores')}, {cpu_model()}, {memory()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model(proc: Path = PROC) -> str:
    return _field(proc / "cpuinfo", "model name") or platform.machine()


def memory(proc: Path = PROC) -> str:
    """Total memory, such as ``7.8 GiB memory``."""
    total = _field(proc / "meminfo", "MemTotal")
    return f"{int(total.split()[0]) / 2**20:.1f} GiB memory" if total else "memory unknown"


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _field(path: Path, name: str) -> str | None:
    """The value of the first ``name : value`` line of a file under /proc."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
