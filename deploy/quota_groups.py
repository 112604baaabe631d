"""Control groups with a CPU quota, one a node, in a group of the deployment's own.

The deployment's group is locked by the process that made it, as its run directory is: one that
nobody has locked was left by a supervisor that was killed, and whoever comes next removes it.
Kernel documentation: admin-guide/cgroup-v2 (`cpu.max`, `cpu.stat`, the rule that a group with
processes has no groups below it that distribute its resources) and scheduler/sched-bwc for
version 1 (`cpu.cfs_quota_us`).
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cgroups import CGROUPS, OWN_CGROUPS, directories, own_groups, read, values

PREFIX = "twofold."
PERIOD_US = 20_000
"""A node that has used its quota up stands still until the period ends, and visitors notice the
kernel's usual 100 ms."""
LEAST_QUOTA_US = 1000
"""The least that the kernel takes."""
REMOVE_TIMEOUT = 2.0
ATTEMPTS = 2
"""Someone else who sweeps may take a new group, which nobody has locked yet, for a stale one."""


@dataclass(slots=True)
class QuotaGroup:
    """A deployment's group; holds the lock until it is closed."""

    path: Path
    version: int
    _lock: int

    def add(self, node: str, cpus: float) -> Path:
        """Make the group of a node, and return the file that a process joins by."""
        directory = self.path / node
        directory.mkdir(exist_ok=True)
        period = max(PERIOD_US, round(LEAST_QUOTA_US / cpus))
        quota = round(cpus * period)
        if self.version == 2:
            (directory / "cpu.max").write_text(f"{quota} {period}")
        else:
            # The quota of a longer period may be more than the shorter one allows.
            (directory / "cpu.cfs_quota_us").write_text("-1")
            (directory / "cpu.cfs_period_us").write_text(str(period))
            (directory / "cpu.cfs_quota_us").write_text(str(quota))
        return directory / "cgroup.procs"

    def throttled_seconds(self, node: str) -> float:
        """How long the kernel has held the node back, all its CPUs together."""
        found = values(self.path / node / "cpu.stat")
        if self.version == 2:
            return found.get("throttled_usec", 0) / 1e6
        return found.get("throttled_time", 0) / 1e9

    def remove(self, node: str) -> None:
        """Remove a node's group once its last process has gone."""
        _remove_empty(self.path / node, seconds=REMOVE_TIMEOUT)

    def close(self) -> None:
        for directory in _subgroups(self.path):
            _remove_empty(directory, seconds=REMOVE_TIMEOUT)
        _remove_empty(self.path, seconds=REMOVE_TIMEOUT)
        os.close(self._lock)


def make_group(name: str, root: Path = CGROUPS, own: Path = OWN_CGROUPS) -> QuotaGroup:
    """Make the deployment's group where this process may.

    :raises OSError: it may nowhere, or there are no control groups that know a CPU quota.
    """
    refusal = OSError("none has a CPU quota")
    for parent, version in places(root, own_groups(read(own))):
        for _ in range(ATTEMPTS):
            sweep(parent)
            try:
                return _make(parent, version, name)
            except OSError as error:
                refusal = error
    raise refusal


def places(root: Path, groups: dict[str, str]) -> Iterator[tuple[Path, int]]:
    """Directories that nodes' groups may be made in, the nearest first, with their version.

    With version 2 a group that has processes, as this process's own, can seldom be divided, so the
    ones above follow; but not past one that is limited, for whoever set the limit meant it.
    """
    for directory in _mounted(root / "cpu", groups.get("cpu")):
        yield directory, 1
        break
    for directory in _mounted(root, groups.get("")):
        if "cpu" in read(directory / "cgroup.controllers").split():
            yield directory, 2
        if _is_limited(directory):
            break


def _mounted(root: Path, group: str | None) -> Iterator[Path]:
    return (path for path in directories(root, group) if (path / "cgroup.procs").exists())


def _is_limited(directory: Path) -> bool:
    limits = (read(directory / "cpu.max"), read(directory / "memory.max"))
    return any(limit and not limit.startswith("max") for limit in limits)


def _make(parent: Path, version: int, name: str) -> QuotaGroup:
    if not os.access(parent / "cgroup.procs", os.W_OK):
        raise OSError(f"{parent} is not writable")
    path = parent / f"{PREFIX}{name}.{os.getpid()}"
    if version == 2:
        _divide(parent)
    path.mkdir(exist_ok=True)
    lock = _locked(path)
    if lock is None:
        raise OSError(f"{path} is being removed")
    if version == 2:
        _divide(path)
    return QuotaGroup(path, version, lock)


def _divide(directory: Path) -> None:
    """Have the groups below this one share its CPU time by their own settings."""
    control = directory / "cgroup.subtree_control"
    if "cpu" not in read(control).split():
        control.write_text("+cpu")


def sweep(parent: Path) -> None:
    """Remove groups whose supervisor is gone."""
    for path in _subgroups(parent, f"{PREFIX}*"):
        lock = _locked(path)
        if lock is None:
            continue
        for directory in (*_subgroups(path), path):
            _remove_empty(directory, seconds=0)
        os.close(lock)


def sweep_all() -> None:
    """Sweep wherever this process could have made groups."""
    for parent, _ in places(CGROUPS, own_groups(read(OWN_CGROUPS))):
        sweep(parent)


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None if someone else has it, or has removed the group."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _subgroups(path: Path, pattern: str = "*") -> list[Path]:
    return [each for each in path.glob(pattern) if each.is_dir()]


def _remove_empty(directory: Path, *, seconds: float) -> None:
    """Remove a group; one that has processes stays, if they do not end within the time."""
    deadline = time.monotonic() + seconds
    while directory.exists():
        with contextlib.suppress(OSError):
            directory.rmdir()
            return
        if time.monotonic() >= deadline:
            return
        time.sleep(0.02)
