"""The memory that processes hold, and whether the kernel had to kill one for want of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import procfs

if TYPE_CHECKING:
    from deploy.status import DeploymentStatus, NodeStatus

PROC = Path("/proc")
PSS = re.compile(r"^Pss:\s+([0-9]+) kB$", re.MULTILINE)
OOM_KILLS = re.compile(r"^oom_kill ([0-9]+)$", re.MULTILINE)


def nodes_memory(status: DeploymentStatus) -> int | None:
    """What all nodes hold, gunicorn's parent processes included, in bytes.

    None where neither the target nor the kernel tells, or to nobody of our rights.
    """
    parts = [node_memory(node) for node in status.nodes]
    return sum(part for part in parts if part is not None) if parts and all(parts) else None


def node_memory(node: NodeStatus) -> int | None:
    """What one node holds, as its target says, or else the kernel of this machine."""
    if node.memory is not None or node.pid is None:
        return node.memory
    return process_memory(node.pid)


def process_memory(pid: int, proc: Path = PROC) -> int | None:
    """The proportional set size of a process and its descendants, in bytes.

    A page that several processes share counts in each by its share, so the sum is what they take
    together (Linux, filesystems/proc, `smaps_rollup`).
    """
    own = _number(PSS, proc / str(pid) / "smaps_rollup")
    if own is None:
        return None
    # A child that ended in between holds nothing any more.
    below = [process_memory(child, proc) or 0 for child in procfs.children(pid)]
    return own * 1024 + sum(below)


def out_of_memory_kills(proc: Path = PROC) -> int:
    """Processes that the kernel has killed for want of memory since it started, limits included."""
    return _number(OOM_KILLS, proc / "vmstat") or 0


def _number(pattern: re.Pattern[str], file: Path) -> int | None:
    try:
        found = pattern.search(file.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) if found else None
