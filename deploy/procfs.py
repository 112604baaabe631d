"""CPU time and children of processes, from /proc."""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The child processes of every thread of `pid`."""
    found: list[int] = []
    # A process, or a thread of it, may end at any moment in between.
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def runs(pid: int) -> bool:
    """Whether the process exists and is more than an exit code that nobody has read."""
    fields = _stat_fields(pid)
    return bool(fields) and fields[0] not in ("Z", "X")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, of its living descendants, and of the dead ones it waited for."""
    total = 0.0
    # Children first: one that ends in between is then counted twice rather than lost.
    for child in children(pid):
        total += cpu_seconds(child)
    return total + _own_and_waited_for(pid)


def _own_and_waited_for(pid: int) -> float:
    # user, system, and both again of the children it has waited for
    return sum(map(int, _stat_fields(pid)[11:15])) / TICKS_PER_SECOND


def _stat_fields(pid: int) -> list[str]:
    """The fields after the command, which may hold spaces and parentheses; none if it has gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return stat.rpartition(")")[2].split()


@dataclass(slots=True)
class CpuMeter:
    """CPU seconds by name, over restarts of the process behind the name; never goes back."""

    _pids: dict[str, int] = field(default_factory=dict)
    _earlier: dict[str, float] = field(default_factory=dict)
    _latest: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, name: str, pid: int | None) -> float:
        """The total so far; `pid` is None while nothing runs under the name."""
        with self._lock:
            if pid is not None and self._pids.get(name) != pid:
                self._pids[name] = pid
                self._earlier[name] = self._latest.get(name, 0.0)
            now = self._earlier.get(name, 0.0) + (cpu_seconds(pid) if pid else 0.0)
            self._latest[name] = max(now, self._latest.get(name, 0.0))
            return self._latest[name]
